"""What benchmarks read off their runs, write and draw; no service, no clock."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import __main__ as command_line
from benchmarks import data, documents, plot, report
from benchmarks.experiments import MEASUREMENTS, measurements_for
from benchmarks.measure import Contender, Series, chosen, interleave, ratios
from benchmarks.probes.memory import peak_python_mb
from benchmarks.rows import ROWS, THERE, Result, Row, Unit
from benchmarks.run import compared, plan
from benchmarks.shell import CHECKOUT, CommandFailed, run, timed


def row(**changes: object) -> Row:
    values = {
        "name": "a-b",
        "ours": "a",
        "rival": "b",
        "bar": 1.0,
        "scale": 30,
        **changes,
    }
    return Row(**values)  # type: ignore[arg-type]


class TestInterleaving:
    def test_contenders_take_turns_and_warm_up_rounds_do_not_count(self) -> None:
        order: list[str] = []
        values = iter(range(100))

        def side(name: str) -> Contender:
            def once() -> float:
                order.append(name)
                return float(next(values))

            return Contender.single(name, once, lambda: order.append(f"prepare {name}"))

        series = interleave([[side("a")], [side("b")]], 2, warm_up=1)
        assert order == ["prepare a", "a", "prepare b", "b"] * 3
        assert series == {"a": Series((2.0, 4.0)), "b": Series((3.0, 5.0))}

    def test_contenders_that_share_a_turn_change_places(self) -> None:
        order: list[str] = []

        def side(name: str) -> Contender:
            return Contender.single(name, lambda: 1.0, lambda: order.append(name))

        interleave([[side("a"), side("b")], [side("c")]], 3, warm_up=0)
        assert "".join(order) == "bacabcbac"

    def test_one_run_may_give_several_values(self) -> None:
        both = Contender(("part", "whole"), lambda: {"part": 1.0, "whole": 3.0, "unasked": 9.0})
        series = interleave([[both]], 1, warm_up=0)
        assert series == {"part": Series((1.0,)), "whole": Series((3.0,))}

    def test_the_ratio_is_taken_round_by_round(self) -> None:
        # The second round met a machine ten times as slow: it has no say in the ratio.
        assert ratios(Series((1.0, 10.0)), Series((2.0, 20.0))) == Series((0.5, 0.5))


class TestResults:
    def test_a_bar_is_judged_only_at_its_own_size(self) -> None:
        slow, fast = Series((3.0, 3.0, 3.0)), Series((2.0, 2.0, 2.0))
        assert Result(row(), 30, slow, fast).holds is False
        assert Result(row(), 30, fast, slow).holds is True
        assert Result(row(), 1, slow, fast).holds is None
        assert Result(row(bar=None), 30, slow, fast).holds is None

    def test_a_bar_that_is_just_reached_holds(self) -> None:
        assert Result(row(bar=1.5), 30, Series((3.0,)), Series((2.0,))).holds is True

    def test_a_worst_case_bar_looks_at_the_worst_run(self) -> None:
        outage = row(rival=None, bar=0.2, unit="s", worst=True)
        assert Result(outage, 30, Series((0.01, 0.3, 0.01)), None).holds is False
        assert Result(outage, 30, Series((0.01, 0.2, 0.01)), None).holds is True

    def test_a_result_survives_being_written_and_read(self) -> None:
        known = ROWS["load-psql"]
        result = Result(known, 30, Series((4.1234, 4.0)), Series((20.0, 21.5)))
        alone = Result(ROWS["memory"], 30, Series((90.5,)), None)
        document = json.loads(json.dumps(report.to_document([result, alone])))
        assert report.from_document(document) == [result, alone]
        assert document[0]["value"] == pytest.approx(result.value, abs=1e-4)
        assert document[0]["holds"] is True

    def test_a_row_that_is_no_more_is_left_out(self) -> None:
        document = report.to_document([Result(row(), 30, Series((1.0,)), Series((1.0,)))])
        assert report.from_document(document) == []


class TestWording:
    @pytest.mark.parametrize(
        ("value", "unit", "text"),
        [
            (1.2345, "ratio", "1.23"),
            (0.0312, "ratio", "0.031"),
            (0.0834, "s", "83 ms"),
            (4.361, "s", "4.36 s"),
            (21.45, "s", "21.4 s"),
            (92.4, "MB", "92 MB"),
        ],
    )
    def test_figures_have_the_digits_they_can_mean(
        self, value: float, unit: Unit, text: str
    ) -> None:
        assert report.amount(value, unit) == text

    def test_a_missed_bar_is_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        missed = Result(row(bar=0.9), 30, Series((1.0,)), Series((1.0,)))
        report.print_table([missed], "on a machine")
        printed = capsys.readouterr().out
        assert "MISSED" in printed
        assert "<= 0.9" in printed
        assert "**MISSED**" in documents.bars_table([missed])

    def test_a_bar_for_another_size_names_that_size(self) -> None:
        other = Result(row(), 1, Series((1.0,)), Series((1.0,)))
        assert report.bar(other) == "<= 1 at 30x"
        assert report.verdict(other) == ""


class TestChoice:
    def test_every_row_is_measured_by_exactly_one_experiment(self) -> None:
        measured = [name for measurement in MEASUREMENTS for name in measurement.rows]
        assert sorted(measured) == sorted(ROWS)

    def test_rows_of_one_experiment_and_size_are_measured_together(self) -> None:
        planned = list(plan(["load-psql", "cached", "reload"], None))
        assert [(rows, scale) for _, rows, scale in planned] == [
            (("reload",), 1),
            (("load-psql", "cached"), 30),
        ]

    def test_a_scale_that_is_asked_for_counts_for_every_row(self) -> None:
        assert {scale for _, _, scale in plan(ROWS, 10)} == {10}

    def test_only_wanted_rows_are_measured(self) -> None:
        ((_, rows),) = measurements_for(["dump"])
        assert rows == ("dump",)

    def test_an_unknown_row_is_refused_with_the_known_ones(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert chosen(None, ROWS) == list(ROWS)
        with pytest.raises(ValueError, match="no row nonsense"):
            chosen(["reload", "nonsense"], ROWS)
        assert command_line.main(["--rows", "nonsense"]) == 2
        assert "load-psql" in capsys.readouterr().err

    def test_the_list_names_every_row(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert command_line.main(["--list"]) == 0
        listed = capsys.readouterr().out
        assert all(name in listed for name in ROWS)


class TestComparingCheckouts:
    def test_a_row_that_names_nobody_else_is_read_off_on_both_sides(self) -> None:
        names = [row.name for row in compared([ROWS["reload"], ROWS["reload-script"]])]
        assert names == ["reload", f"reload{THERE}", "up changed", "up no-op"]

    def test_each_of_our_contenders_is_set_beside_the_other_checkouts(self) -> None:
        (direct,) = compared([ROWS["load-psql"]])
        assert (direct.ours, direct.rival, direct.bar) == ("build", f"build{THERE}", None)

    def test_memory_is_told_in_megabytes_on_both_sides(self) -> None:
        assert [row.unit for row in compared([ROWS["memory"]])] == ["MB", "MB"]

    def test_a_marked_contender_runs_the_same_under_other_names(self) -> None:
        marked = Contender(("part", "whole"), lambda: {"part": 1.0, "whole": 2.0}).marked(THERE)
        assert marked.run() == {"part there": 1.0, "whole there": 2.0}
        assert marked.names == ("part there", "whole there")

    def test_figures_of_a_comparison_are_not_kept(self) -> None:
        assert command_line.main(["--against", str(CHECKOUT), "--write-figures"]) == 2

    def test_what_is_no_checkout_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SystemExit):
            command_line.main(["--against", str(tmp_path)])


class TestChangingBackup:
    @pytest.fixture
    def backup(self, tmp_path: Path) -> data.ChangingBackup:
        source = tmp_path / "backup.sql"
        source.write_text(
            "COPY vpv4.manufacturers (manufacturer_id, name, email, city) FROM stdin;\n"
            "1\tBäumler GmbH\tkontakt@baeumler.example\tMünchen\n\\.\n"
            "COPY vpv4.adverse_drug_reactions (id, description) FROM stdin;\n"
            "1\tLong words über all\n2\tOther long words\n\\.\n",
            encoding="utf-8",
        )
        return data.ChangingBackup(source)

    def test_a_change_is_a_value_of_the_large_table(self, backup: data.ChangingBackup) -> None:
        before = backup.path.read_text(encoding="utf-8")
        backup.change()
        after = backup.path.read_text(encoding="utf-8")
        assert after == before.replace("00000000000ü", "00000000001ü")

    def test_going_back_gives_the_content_before_and_a_change_a_new_one(
        self, backup: data.ChangingBackup
    ) -> None:
        backup.change()
        first = backup.path.read_bytes()
        backup.change()
        backup.go_back()
        assert backup.path.read_bytes() == first
        backup.change()
        assert b"\t00000000003" in backup.path.read_bytes()

    def test_a_backup_without_the_table_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "other.sql").write_text("SELECT 1;\n")
        with pytest.raises(ValueError, match="rows to change"):
            data.ChangingBackup(tmp_path / "other.sql")

    def test_rows_in_single_inserts_are_changed_too(self, tmp_path: Path) -> None:
        path = tmp_path / "inserts.sql"
        path.write_text("INSERT INTO vpv4.adverse_drug_reactions VALUES (1, 'label', 'Two words');")
        data.ChangingBackup(path).change()
        assert path.read_text().endswith("(1, 'label', '000000001');")

    def test_every_small_table_has_rows_that_change(self, tmp_path: Path) -> None:
        path = tmp_path / "small.sql"
        path.write_text(data.small_tables_backup())
        backup = data.ChangingBackup(path)
        before = path.read_text()
        backup.change()
        changed = sum(
            a != b for a, b in zip(before.split("\n"), path.read_text().split("\n"), strict=True)
        )
        assert changed == data.small_tables_schema().count("CREATE TABLE") == 1_200


GROWTH = {
    "first load": {1: 0.9, 10: 2.0, 30: 5.0, 100: 17.0},
    "cached reload": {1: 0.3, 10: 0.5, 30: 0.9, 100: 2.4},
    "psql -f": {1: 1.1, 10: 7.0, 30: 21.0},
    "pg_restore -j2": {1: 0.9, 10: 2.2, 30: 6.0},
}


class TestPlot:
    def test_every_load_has_a_line_with_its_name_and_a_point_for_each_size(self) -> None:
        root = ElementTree.fromstring(plot.draw(GROWTH, {1: 8.7, 30: 260.0}))
        space = "{http://www.w3.org/2000/svg}"
        lines = root.findall(f".//{space}polyline")
        assert sorted(len(line.get("points", "").split()) for line in lines) == [3, 3, 4, 4]
        texts = [text.text or "" for text in root.iter(f"{space}text")]
        assert "first load, 17 s" in texts
        assert "260 MB" in texts

    def test_labels_that_would_touch_are_moved_apart(self) -> None:
        alike = {name: {1: 1.0, 30: 5.0} for name in GROWTH}
        root = ElementTree.fromstring(plot.draw(alike, {}))
        at = sorted(
            float(text.get("y", "0"))
            for text in root.iter("{http://www.w3.org/2000/svg}text")
            if text.get("class") == "name"
        )
        assert all(below - above >= 14.9 for above, below in pairwise(at))

    def test_a_logarithmic_axis_puts_equal_factors_at_equal_distances(self) -> None:
        axis = plot.Axis(1, 100, 0, 200)
        assert [axis.at(value) for value in (1, 10, 100)] == pytest.approx([0, 100, 200])
        assert axis.ticks() == [1, 2, 5, 10, 20, 50, 100]

    def test_one_size_alone_is_an_empty_picture_and_no_error(self) -> None:
        ElementTree.fromstring(plot.draw({"first load": {1: 1.0}}, {}))


class TestDocuments:
    ABOUT = {
        "processor": "EPYC, 2 cores",
        "memory": "24 GB",
        "system": "Linux 6",
        "docker": "20",
        "python": "3",
    }

    TEXT = (
        "# Head\n\n<!-- figures: begin -->\nformer figures\n<!-- figures: end -->\n\n"
        "takes <!-- time: up changed -->9 s<!-- -->, not longer\n"
    )

    def result(self, name: str, scale: int, ours: float, theirs: float) -> Result:
        return Result(ROWS[name], scale, Series((ours,)), Series((theirs,)))

    def test_figures_replace_older_ones_between_the_marks_only(self, tmp_path: Path) -> None:
        results = tmp_path / "results.json"
        documents.store([self.result("load-psql", 30, 5.0, 20.0)], self.ABOUT, results)
        documents.store([self.result("load-psql", 30, 4.0, 20.0)], self.ABOUT, results)
        documents.store([self.result("reload", 1, 3.04, 2.5)], self.ABOUT, results)
        document = documents.load(results)
        text = documents.rendered(self.TEXT, document)
        assert text.startswith("# Head\n")
        assert text.endswith("takes <!-- time: up changed -->3.0 s<!-- -->, not longer\n")
        assert "former" not in text
        assert "| 0.20 | ≤ 0.35 | holds |" in text
        assert "EPYC, 2 cores, 24 GB" in text
        assert len(document["results"]) == 2
        assert documents.rendered(text, document) == text

    def test_a_time_that_is_not_there_is_said_and_one_that_no_row_has_is_refused(self) -> None:
        nothing = {"machine": self.ABOUT, "sizes": {}, "results": []}
        assert "-->not measured<!-- -->, not" in documents.rendered(self.TEXT, nothing)
        with pytest.raises(ValueError, match="the time of up and away"):
            documents.rendered(self.TEXT.replace("up changed", "up and away"), nothing)

    def test_another_machine_starts_with_no_figures(self, tmp_path: Path) -> None:
        results, other = tmp_path / "results.json", {**self.ABOUT, "processor": "another"}
        documents.store([self.result("load-psql", 30, 5.0, 20.0)], self.ABOUT, results)
        documents.store([self.result("dump", 30, 5.0, 20.0)], other, results)
        assert [entry["row"] for entry in documents.load(results)["results"]] == ["dump"]

    @pytest.mark.parametrize("path", documents.DOCUMENTS, ids=lambda path: path.name)
    def test_the_documents_state_the_figures_of_the_results(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert documents.rendered(text, documents.load()) == text
        assert re.search(r"<!-- (time|figures): ", text)

    def test_the_plot_shows_the_figures_of_the_results(self) -> None:
        assert documents.drawn(documents.load()) == documents.PLOT.read_text(encoding="utf-8")

    def test_growth_gathers_the_medians_of_both_sides_by_size(self) -> None:
        growth = documents.growth_of(
            [
                self.result("cached", 1, 0.5, 1.0),
                self.result("cached", 30, 0.9, 6.0),
                self.result("dump", 30, 3.0, 2.0),
            ]
        )
        assert growth["cached reload"] == {1: 0.5, 30: 0.9}
        assert growth["first load"] == {1: 1.0, 30: 6.0}
        assert "| **first load** | 1.00 s | 6.00 s |" in documents.growth_table(growth)


class TestCommands:
    def test_a_command_that_fails_is_told_with_what_it_said(self) -> None:
        with pytest.raises(CommandFailed, match="no luck today"):
            run("sh", "-c", "echo no luck today >&2; exit 3")

    def test_a_command_reads_and_writes_files(self, tmp_path: Path) -> None:
        (tmp_path / "in").write_text("text")
        assert timed("cat", stdin=tmp_path / "in", stdout=tmp_path / "out") > 0
        assert (tmp_path / "out").read_text() == "text"

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_the_memory_of_a_grandchild_counts_and_page_cache_does_not(
        self, tmp_path: Path
    ) -> None:
        hold = "import time; held = bytearray(60_000_000); held[::4096] = b'x' * len(held[::4096]);"
        command = ["sh", "-c", f'"{sys.executable}" -c "{hold} time.sleep(0.4)"; true']
        peak = peak_python_mb(command, cwd=tmp_path, env={})
        assert 57 < peak < 110

    def test_rival_scripts_are_valid_shell(self) -> None:
        for script in (CHECKOUT / "benchmarks" / "rivals").glob("*.sh"):
            subprocess.run(["sh", "-n", script], check=True)
