"""When `up` begins to load before the seed does, and that nothing comes of it that fails."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest

from components import prefetch as head_start
from components.stack_settings import PROJECT_DIR
from pgseed.errors import BackupRefused, SeedError, ServerUnreachable
from pgseed.seed import Seed
from vpdb.settings import load_settings

SEED = Seed(schema_files=(), owner="velpharma")
SMALL = SimpleNamespace(seed=SEED, backup=SimpleNamespace(uncompressed_bytes=9_000_000))
LARGE = SimpleNamespace(
    seed=SEED, backup=SimpleNamespace(uncompressed_bytes=head_start.LARGEST_BACKUP + 1)
)
WITHOUT_BACKUP = SimpleNamespace(seed=SEED, backup=None)


def begin(
    monkeypatch: pytest.MonkeyPatch,
    content: Any,
    *,
    preview: bool = False,
    found: bool = True,
    fails: Any = None,
) -> list[Any]:
    prepared: list[Any] = []

    def prepare(_live: object, seed: object) -> None:
        assert isinstance(seed, Seed)
        prepared.append(seed.id)
        if fails is not None:
            raise fails

    monkeypatch.setattr("pgseed.live.database.LiveDatabase.prepare", prepare)
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: preview)
    finding: Future[Any] = Future()
    if found:
        finding.set_result(SimpleNamespace())
    else:
        finding.set_exception(ServerUnreachable("there is none"))
    head_start.begin(finding, load_settings(PROJECT_DIR, "dev"), content)
    for thread in threading.enumerate():
        if thread.name == "head start":
            thread.join()
    return prepared


@pytest.mark.parametrize("content", [SMALL, WITHOUT_BACKUP], ids=["backup", "none"])
def test_an_up_begins_early(monkeypatch: pytest.MonkeyPatch, content: Any) -> None:
    assert begin(monkeypatch, content) == [SEED.id]


def test_a_preview_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert begin(monkeypatch, SMALL, preview=True) == []


def test_a_load_that_takes_long_is_left_to_the_seed_and_its_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert begin(monkeypatch, LARGE) == []


@pytest.mark.parametrize(
    "error",
    [SeedError("no"), BackupRefused(Path("x"), "no"), psycopg2.Error("no")],
    ids=lambda error: type(error).__name__,
)
def test_what_fails_is_left_to_the_seed_to_say(
    monkeypatch: pytest.MonkeyPatch, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert begin(monkeypatch, SMALL, fails=error) == [SEED.id]
    assert capsys.readouterr().err == ""


def test_a_server_that_is_not_found_is_waited_for_by_the_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert begin(monkeypatch, SMALL, found=False) == []
    assert capsys.readouterr().err == ""
