"""Whatever is killed, whenever: the live database is all old or all new, and the next run goes on.

A few runs are part of every test run; `pytest -m faults tests/faults` does them in numbers.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress

import psycopg2
import pytest

from pgseed.errors import SeedError
from tests.faults.conftest import Arena
from tests.support.contents import ask
from tests.support.long_run import faults
from vpdb import docker

QUICK, MANY = range(2), range(2, 45)
SEEDS = [*QUICK, *faults(*MANY)]
# A load of the real backup takes 1.5 s and more on a busy machine; later shots hit nothing.
LONGEST_S = 2.5
MINE = "UPDATE vpv4.products SET storage_note = 'mine' WHERE product_id = 1"
NOTE = "SELECT storage_note FROM vpv4.products WHERE product_id = 1"


def begin(arena: Arena, seed: int) -> tuple[random.Random, bool]:
    """Start from the old content; now and then with local changes, and without a template."""
    chance = random.Random(seed)
    arena.new, arena.new_rows = chance.choice(arena.news)
    arena.run("load", arena.old)
    if chance.random() < 0.5:
        # Else the new content is only cloned. The old one's template is what a load may begin with.
        arena.run("load", arena.old, templates=chance.choice((0, 1)))
    changed = chance.random() < 0.4
    if changed:
        arena.stack.ask(MINE)
    return chance, changed


def check(arena: Arena, changed: bool) -> None:
    """After the fault: one content or the other, then a good run, nothing left over or lost."""
    if changed:
        (note,) = arena.stack.ask(NOTE)
        if note == ("mine",):
            arena.run("load", arena.new)
        names = [name for name in arena.stack.databases() if "_kept_" in name]
        arena.run("load", arena.new)
        names = [name for name in arena.stack.databases() if "_kept_" in name]
        assert ask(arena.server, max(names), NOTE) == [("mine",)]
    else:
        arena.is_one_content((arena.old_rows, arena.new_rows))
        arena.run("load", arena.new)
    arena.is_one_content((arena.new_rows,))
    arena.has_nothing_left_over()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_loading_process_is_killed(arena: Arena, seed: int) -> None:
    chance, changed = begin(arena, seed)
    action = chance.choice(["load", "load", "load", "reset"])
    child = arena.start(action, arena.new if action == "load" else arena.old)
    time.sleep(chance.uniform(0.2, LONGEST_S))
    child.kill()
    child.wait()
    check(arena, changed)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_server_is_killed(arena: Arena, seed: int) -> None:
    chance, changed = begin(arena, seed)
    child = arena.start("load", arena.new)
    time.sleep(chance.uniform(0.2, LONGEST_S))
    docker.run("kill", arena.server.container)
    output = child.communicate(timeout=60)[0]
    assert "Traceback" not in output
    assert child.returncode in (0, 1)
    arena.restart_server()
    check(arena, changed)


@pytest.mark.parametrize("seed", SEEDS)
def test_connections_are_cut(arena: Arena, seed: int) -> None:
    chance, changed = begin(arena, seed)
    child = arena.start("load", arena.new)
    time.sleep(chance.uniform(0.2, LONGEST_S))
    for _ in range(chance.randint(1, 5)):
        ask(
            arena.server,
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'vpdb %%' AND pid <> pg_backend_pid() AND random() < %s",
            chance.random(),
        )
        time.sleep(chance.uniform(0, 0.2))
    output = child.communicate(timeout=60)[0]
    assert "Traceback" not in output
    check(arena, changed)


@pytest.mark.parametrize("seed", [0, *faults(*range(1, 12))])
def test_two_loads_and_an_undo_at_once(arena: Arena, seed: int) -> None:
    chance, _ = begin(arena, seed)
    arena.stack.ask(MINE)
    arena.run("load", arena.old)  # something to undo to
    children = [
        arena.start("load", arena.new),
        arena.start("load", arena.old),
        arena.start("undo", arena.old),
    ]
    chance.shuffle(children)
    for child in children:
        output = child.communicate(timeout=240)[0]
        assert child.returncode == 0, output
    rows = arena.rows()
    mine = arena.stack.ask(NOTE) == [("mine",)]
    assert mine or rows in (arena.old_rows, arena.new_rows)
    arena.has_nothing_left_over()
    arena.run("load", arena.new)
    arena.is_one_content((arena.new_rows,))


def test_the_server_can_be_asked_all_the_time(arena: Arena) -> None:
    """Between faults the live database takes connections, by its own name."""
    begin(arena, 0)
    child = arena.start("load", arena.new)
    failed = 0
    while child.poll() is None:
        try:
            arena.stack.ask("SELECT 1")
        except (SeedError, psycopg2.Error):
            failed += 1
    assert child.returncode == 0
    assert failed < 20


@pytest.mark.parametrize(
    "delay_ms", [6, 15, 30, *faults(0, 3, 9, 12, 18, 21, 24, 27, *range(33, 60, 3))]
)
def test_a_creation_that_is_cut_leaves_neither_files_nor_a_checkpoint_that_fails(
    arena: Arena, delay_ms: int
) -> None:
    """Ending a session inside CREATE DATABASE can leave files, and pages in memory for them."""
    name = f"{arena.stack.live}_clone_0123456789ab"
    with suppress(psycopg2.Error), arena.server.session("postgres") as creator:
        timer = threading.Timer(delay_ms / 1000, end_creations, (arena,))
        timer.start()
        with creator.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY WAL_LOG")
    timer.join()
    arena.run("load", arena.old)
    arena.has_nothing_left_over()
    ask(arena.server, "postgres", "CHECKPOINT")


def end_creations(arena: Arena) -> None:
    ask(
        arena.server,
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query LIKE 'CREATE DATABASE%' AND pid <> pg_backend_pid()",
    )
