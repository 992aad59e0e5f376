"""Ports, with real sockets."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolchain.ports import holder, is_free, next_free, process_on


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
def taken(request: pytest.FixtureRequest) -> Iterator[int]:
    """Give a port that this process listens on, on the loopback or on every address."""
    with socket.socket() as listener:
        listener.bind((request.param, 0))
        listener.listen(8)
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_listening_port_is_taken(taken: int) -> None:
    assert is_free(taken) is False


def test_a_port_nobody_listens_on_is_free() -> None:
    port = free_port()
    assert is_free(port) is True
    assert is_free(port) is True, "asking has taken it"


def test_a_port_with_connections_cooling_down_is_free() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server does
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.accept()
            accepted.close()  # closes first, so it is this side that keeps TIME_WAIT
    assert is_free(port) is True


def test_a_port_that_only_root_may_take_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unprivileged(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    port = free_port()
    monkeypatch.setattr(socket, "socket", Unprivileged)
    assert is_free(port) is True


def test_the_next_free_port_leaves_out_taken_and_promised_ones(taken: int) -> None:
    found = next_free(taken, {taken + 1, taken + 2})
    assert found > taken + 2
    assert is_free(found)


def test_the_search_goes_on_below_when_the_top_is_reached() -> None:
    assert 1024 <= next_free(65535, {65535}) < 65535


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_holding_process_is_found(taken: int) -> None:
    assert process_on(taken, Path("/proc")).startswith(f"process {os.getpid()} (")


def test_a_port_nobody_holds_has_no_process() -> None:
    assert process_on(free_port(), Path("/proc")) == ""


def test_the_holder_is_named(taken: int) -> None:
    assert str(os.getpid()) in holder(taken)
