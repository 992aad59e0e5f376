"""CSV files into a real database: what is written, counted, left alone, and locked."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from master_data.faults import CsvRefused, LoadFailed
from master_data.proposal import Counts
from master_data.tables import TABLES
from sample_data.generated_files import generate_csvs
from tests.integration.scratch import Scratch, filled_template, new_database, run_init
from vpdb.server.docker_server import DockerServer


@pytest.fixture(scope="module")
def template(server: DockerServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with filled_template(server, tmp_path_factory.mktemp("csvs"), 0.02) as name:
        yield name


@pytest.fixture
def scratch(server: DockerServer, template: str, tmp_path: Path) -> Iterator[Scratch]:
    with new_database(server, template) as name:
        yield Scratch(server, name, tmp_path)


@pytest.fixture
def empty(server: DockerServer, tmp_path: Path) -> Iterator[Scratch]:
    with new_database(server) as name:
        run_init(server, name)
        yield Scratch(server, name, tmp_path)


def test_loaded_files_give_the_rows_and_ids_of_the_backup(
    server: DockerServer, empty: Scratch
) -> None:
    """What the generator writes as CSV and as backup is one content; only the clock differs."""
    csvs = empty.folder / "csvs"
    generate_csvs(csvs, 1)
    result = empty.load(*csvs.glob("*.csv"))
    assert result.committed
    assert {each.file.table.name: each.read for each in result.files}[
        "adverse_drug_reactions"
    ] == 29_222
    backup = Path(__file__).parents[2] / "backups" / "production_backup_data_only.sql"
    with new_database(server) as other:
        run_init(server, other)
        server.psql(other, backup.read_bytes())
        for table in TABLES:
            columns = ", ".join(c for c in table.row_columns if c not in table.timestamps)
            statement = f"SELECT {columns} FROM vpv4.{table.name} ORDER BY 1, 2"
            assert empty.ask(statement) == Scratch(server, other, empty.folder).ask(statement)


def test_the_same_files_again_change_nothing(empty: Scratch) -> None:
    csvs = empty.folder / "csvs"
    generate_csvs(csvs, 0.02)
    first = empty.load(*csvs.glob("*.csv"))
    before = empty.rows()
    again = empty.load(*csvs.glob("*.csv"))
    assert again.committed
    for one, two in zip(first.files, again.files, strict=True):
        assert two.counts == Counts(unchanged=one.counts.inserted)
    assert empty.rows() == before


def test_new_changed_and_equal_rows_are_told_apart(scratch: Scratch) -> None:
    others = scratch.ask("SELECT * FROM vpv4.manufacturers WHERE manufacturer_code = 'MF-0003'")
    name, city = scratch.ask(
        "SELECT name, city FROM vpv4.manufacturers WHERE manufacturer_code = 'MF-0001'"
    )[0]
    path = scratch.csv(
        "manufacturers",
        "manufacturer_code,name,country_code,city,email\n"
        f"MF-0001,{name},DE,{city},kontakt@baeumler-arzneimittel.example\n"
        "MF-0002,Ganz neu AG,CH,Zug,\n"
        'MF-9000,"Müller ""und"" Söhne, Nachf.",AT,Wien,a@b.example\n',
    )
    result = scratch.load(path)
    assert result.committed
    assert result.files[0].counts == Counts(inserted=1, updated=1, unchanged=1)
    assert scratch.ask(
        "SELECT name, email, updated_at > created_at FROM vpv4.manufacturers"
        " WHERE manufacturer_code = 'MF-0002'"
    ) == [("Ganz neu AG", None, True)]
    assert scratch.ask(
        "SELECT name FROM vpv4.manufacturers WHERE manufacturer_code = 'MF-9000'"
    ) == [('Müller "und" Söhne, Nachf.',)]
    assert others == scratch.ask(
        "SELECT * FROM vpv4.manufacturers WHERE manufacturer_code = 'MF-0003'"
    )
    assert scratch.ask(
        "SELECT file_name, inserted_rows, updated_rows, rejected_rows FROM vpv4.data_imports"
        " ORDER BY data_import_id DESC LIMIT 1"
    ) == [("manufacturers.csv", 1, 1, 0)]


def test_a_column_left_out_keeps_its_values_and_gives_new_rows_the_default(
    scratch: Scratch,
) -> None:
    email = scratch.ask("SELECT email FROM vpv4.manufacturers WHERE manufacturer_id = 1")
    path = scratch.csv(
        "manufacturers",
        "manufacturer_code,name,country_code,city\nMF-0001,Anders GmbH,DE,Jena\n",
    )
    assert scratch.load(path).files[0].counts == Counts(updated=1)
    assert scratch.ask("SELECT email FROM vpv4.manufacturers WHERE manufacturer_id = 1") == email
    path = scratch.csv("active_substances", "inn\nvelpharmin\n")
    assert scratch.load(path).committed
    assert scratch.ask(
        "SELECT is_controlled, atc_code FROM vpv4.active_substances WHERE inn = 'velpharmin'"
    ) == [(False, None)]


def test_an_empty_value_takes_the_old_one_away(scratch: Scratch) -> None:
    path = scratch.csv(
        "manufacturers",
        "manufacturer_code,name,country_code,city,email\nMF-0001,Anders GmbH,DE,Jena,\n",
    )
    assert scratch.load(path).committed
    assert scratch.ask("SELECT email FROM vpv4.manufacturers WHERE manufacturer_id = 1") == [
        (None,)
    ]


def test_decimal_commas_german_dates_and_semicolons(scratch: Scratch) -> None:
    path = scratch.csv(
        "products",
        "\ufeffproduct_number;name;manufacturer_code;dosage_form;pack_size;pack_unit;price_eur;"
        "prescription_only;marketing_status;authorised_on;withdrawn_on\r\n"
        "VP-900001;Velorin;MF-0001;Sirup;100;ml;12,5;ja;withdrawn;1.2.2020;31.12.2025\r\n",
    )
    assert scratch.load(path).committed
    assert scratch.ask(
        "SELECT price_eur::text, unit_price_eur::text, prescription_only, authorised_on::text,"
        " withdrawn_on::text FROM vpv4.products WHERE product_number = 'VP-900001'"
    ) == [("12.50", "0.1250", True, "2020-02-01", "2025-12-31")]


def test_awkward_text_arrives_as_it_was(scratch: Scratch) -> None:
    text = '  "quoted", back\\slash \\. \\N\ttab\r\nand\n\\.\nlines 🙂 \\t '
    path = scratch.folder / "adverse_drug_reactions.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["product_number", "term_code", "source", "first_reported_on", "description"]
        )
        writer.writerow(["VP-100001", "RT-00002", "authority", "2020-01-01", text])
    assert scratch.load(path).committed
    assert scratch.ask(
        "SELECT description FROM vpv4.adverse_drug_reactions"
        " JOIN vpv4.products USING (product_id)"
        " JOIN vpv4.reaction_terms USING (reaction_term_id) WHERE product_number = 'VP-100001'"
        " AND term_code = 'RT-00002' AND source = 'authority'"
    ) == [(text,)]


def test_rows_may_exchange_their_unique_values(scratch: Scratch) -> None:
    names = "SELECT name FROM vpv4.manufacturers WHERE manufacturer_code IN ('MF-0001', 'MF-0002')"
    (one,), (two,) = scratch.ask(f"{names} ORDER BY manufacturer_code")
    path = scratch.csv(
        "manufacturers",
        f"manufacturer_code,name,country_code,city\nMF-0001,{two},DE,Jena\nMF-0002,{one},DE,Jena\n",
    )
    assert scratch.load(path).committed
    assert scratch.ask(f"{names} ORDER BY manufacturer_code") == [(two,), (one,)]


def test_a_term_may_stand_above_its_wider_term_in_the_file(scratch: Scratch) -> None:
    path = scratch.csv(
        "reaction_terms",
        "term_code,name,soc_code,parent_term_code\n"
        "RT-90001,Narrow,SOC-01,RT-90002\nRT-90002,Wide,SOC-01,\n",
    )
    assert scratch.load(path).files[0].counts == Counts(inserted=2)
    assert scratch.load(path).files[0].counts == Counts(unchanged=2)
    assert scratch.ask(
        "SELECT p.term_code FROM vpv4.reaction_terms t JOIN vpv4.reaction_terms p"
        " ON p.reaction_term_id = t.parent_term_id WHERE t.term_code = 'RT-90001'"
    ) == [("RT-90002",)]


def test_files_may_refer_to_rows_of_other_files_of_the_load(scratch: Scratch) -> None:
    products = scratch.csv(
        "products",
        "product_number,name,manufacturer_code,dosage_form,pack_size,pack_unit,authorised_on\n"
        "VP-900001,Velorin,MF-9001,Sirup,100,ml,2020-01-01\n",
    )
    manufacturers = scratch.csv(
        "manufacturers",
        "manufacturer_code,name,country_code,city\nMF-9001,Neu GmbH,DE,Jena\n",
    )
    result = scratch.load(products, manufacturers)
    assert result.committed
    assert [each.file.table.name for each in result.files] == ["manufacturers", "products"]


def test_a_dry_run_tells_all_and_writes_nothing(scratch: Scratch) -> None:
    before = scratch.rows()
    manufacturers = scratch.csv(
        "manufacturers",
        "manufacturer_code,name,country_code,city\nMF-9001,Neu GmbH,DE,Jena\nMF-1,,DE,Jena\n",
    )
    products = scratch.csv(
        "products",
        "product_number,name,manufacturer_code,dosage_form,pack_size,pack_unit,authorised_on\n"
        "VP-900001,Velorin,MF-9001,Sirup,100,ml,2020-01-01\n",
    )
    result = scratch.load(manufacturers, products, dry_run=True, reject_limit=5)
    assert not result.committed
    assert [file.counts.inserted for file in result.files] == [1, 1]
    assert str(result.files[0].examples[0]) == "line 3, column name: must not be empty"
    assert scratch.rows() == before
    assert not scratch.rejected.exists()


def test_the_application_role_loads_as_well_as_the_administrator(
    server: DockerServer, scratch: Scratch
) -> None:
    scratch.ask("ALTER ROLE velpharma PASSWORD 'for this test'")
    connection = psycopg2.connect(
        host=server.host,
        port=server.port,
        dbname=scratch.database,
        user="velpharma",
        password="for this test",
    )
    path = scratch.csv(
        "adverse_drug_reactions",
        "product_number,term_code,source,first_reported_on\n"
        "VP-100001,RT-00003,authority,2020-01-01\n",
    )
    try:
        assert scratch.load_with(connection, path).committed
    finally:
        connection.close()


def test_foreign_keys_hold_after_a_load_that_passed_over_their_triggers(scratch: Scratch) -> None:
    path = scratch.csv(
        "adverse_drug_reactions",
        "product_number,term_code,source,first_reported_on\n"
        "VP-100001,RT-00003,authority,2020-01-01\n",
    )
    assert scratch.load(path).committed
    scratch.ask(
        "ALTER TABLE vpv4.adverse_drug_reactions"
        " ADD FOREIGN KEY (product_id) REFERENCES vpv4.products,"
        " ADD FOREIGN KEY (reaction_term_id) REFERENCES vpv4.reaction_terms"
    )


def test_a_trigger_on_insert_fires_for_loaded_rows(scratch: Scratch) -> None:
    scratch.ask(
        "CREATE TABLE public.seen (n int);"
        "CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO public.seen VALUES (1); RETURN NULL; END';"
        "CREATE TRIGGER see AFTER INSERT ON vpv4.adverse_drug_reactions"
        " FOR EACH ROW EXECUTE FUNCTION public.see()"
    )
    path = scratch.csv(
        "adverse_drug_reactions",
        "product_number,term_code,source,first_reported_on\n"
        "VP-100001,RT-00003,authority,2020-01-01\n",
    )
    assert scratch.load(path).committed
    assert scratch.ask("SELECT count(*) FROM public.seen") == [(1,)]


def test_readers_are_not_kept_waiting_and_a_writer_is_told_of(scratch: Scratch) -> None:
    path = scratch.csv(
        "manufacturers",
        "manufacturer_code,name,country_code,city\nMF-9001,Neu GmbH,DE,Jena\n",
    )
    with scratch.server.session(scratch.database, autocommit=False) as writer:
        with writer.cursor() as cursor:
            cursor.execute("UPDATE vpv4.manufacturers SET city = city")
        before = scratch.rows()
        began = time.monotonic()
        with pytest.raises(LoadFailed, match="another session has been writing"):
            scratch.load(path, lock_timeout_s=1)
        assert time.monotonic() - began < 10
    assert scratch.rows() == before
    assert scratch.load(path).committed


def test_a_connection_is_left_as_it_was(scratch: Scratch) -> None:
    path = scratch.csv("manufacturers", "manufacturer_code,name,country_code,city\n")
    with scratch.server.session(scratch.database, autocommit=True) as connection:
        assert scratch.load_with(connection, path).committed
        assert connection.autocommit
        with pytest.raises(CsvRefused):
            scratch.load_with(connection, scratch.csv("manufacturers", "nonsense\n"))
        assert connection.autocommit
        with connection.cursor() as cursor:
            cursor.execute("SHOW session_replication_role")
            assert cursor.fetchone() == ("origin",)


def test_a_lost_connection_writes_nothing_and_is_one_line(scratch: Scratch) -> None:
    before = scratch.rows()
    generate_csvs(scratch.folder, 0.05)
    with scratch.server.session(scratch.database) as connection:

        def kill(phase: str, _done: int, _total: int) -> None:
            if phase == "write adverse_drug_reactions.csv":
                scratch.ask("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)

        with pytest.raises(LoadFailed, match="failed to load"):
            scratch.load_with(connection, *scratch.folder.glob("*.csv"), progress=kill)
    assert scratch.rows() == before


def test_progress_names_files_and_reaches_the_end(scratch: Scratch) -> None:
    generate_csvs(scratch.folder, 0.4)
    seen: list[tuple[str, int, int]] = []
    scratch.load(
        *scratch.folder.glob("*.csv"),
        dry_run=True,
        progress=lambda phase, done, total: seen.append((phase, done, total)),
    )
    reads = [report for report in seen if report[0] == "read adverse_drug_reactions.csv"]
    assert len(reads) > 1
    assert reads[-1][1] == reads[-1][2]
    assert ("write adverse_drug_reactions.csv", *reads[-1][1:]) in seen


def test_an_interruption_while_reading_is_an_interruption(scratch: Scratch) -> None:
    """psycopg2 would turn what happens inside COPY into an error of the database."""
    before = scratch.rows()
    generate_csvs(scratch.folder, 0.1)

    def interrupt(phase: str, _done: int, _total: int) -> None:
        if phase == "read adverse_drug_reactions.csv":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scratch.load(*scratch.folder.glob("*.csv"), progress=interrupt)
    assert scratch.rows() == before


def test_a_million_values_need_little_memory(server: DockerServer, template: str) -> None:
    """Measured in a process of its own: a tenth of the rows of a million, a tenth of the growth."""
    with new_database(server, template) as name:
        peaks_mb = [peak_mb(server, name, scale) for scale in (0.1, 4)]
    assert peaks_mb[1] - peaks_mb[0] < 40
    assert peaks_mb[1] < 200


def peak_mb(server: DockerServer, database: str, scale: float) -> int:
    program = (
        "import resource, sys, tempfile; from pathlib import Path; import psycopg2;"
        "from sample_data.generated_files import generate_csvs;"
        "from master_data.load import LoadOptions, MasterDataLoad;"
        "folder = Path(tempfile.mkdtemp()); generate_csvs(folder, float(sys.argv[1]));"
        "connection = psycopg2.connect('');"
        "options = LoadOptions('vpv4', folder / 'rejected');"
        "result = MasterDataLoad(list(folder.glob('*.csv')), options).run(connection);"
        "assert result.committed, result;"
        "import shutil; shutil.rmtree(folder);"
        # On Linux getrusage() also counts what the parent held when it forked; /proc does not.
        "status = Path('/proc/self/status');"
        "lines = status.read_text().splitlines() if status.exists() else [];"
        "high = [int(line.split()[1]) for line in lines if line.startswith('VmHWM')];"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        # In kB there, in bytes on macOS (getrusage(2) of each).
        "print(high[0] // 1024 if high else peak // 1024**2)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(scale)],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "PGUSER": "vpdb",
            "PGPASSWORD": server.admin_password,
            "PGDATABASE": database,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)
