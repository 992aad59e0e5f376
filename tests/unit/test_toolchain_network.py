"""Reachability, asked of real local servers: one that answers, refuses, or never says a word."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from toolchain import network

Site = Callable[[int], str]


class Handler(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_HEAD(self) -> None:
        self.asked.append(self.path)
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    """Give a site whose page /<code> answers with that status code."""
    Handler.asked.clear()
    network.reachable.cache_clear()
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield lambda code: f"http://127.0.0.1:{server.server_port}/{code}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        network.reachable.cache_clear()


@pytest.mark.parametrize(
    ("code", "verdict"), [(200, True), (401, True), (403, False), (502, False)]
)
def test_a_page_or_a_log_in_counts_and_a_proxys_refusal_does_not(
    site: Site, code: int, verdict: bool
) -> None:
    assert network.reachable(site(code)) is verdict


def test_the_verdict_is_remembered_within_a_run(site: Site) -> None:
    assert [network.reachable(site(200)) for _ in range(3)] == [True] * 3
    assert Handler.asked == ["/200"]


def test_a_closed_port_is_not_reachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert network.reachable(f"http://127.0.0.1:{port}/") is False


def test_an_unknown_name_is_not_reachable() -> None:
    assert network.reachable("https://velpharma.invalid/") is False


def test_a_mute_server_is_given_up_when_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "LIMIT_SECONDS", 0.4)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(1)
        started = time.monotonic()
        assert network.reachable(f"http://127.0.0.1:{mute.getsockname()[1]}/") is False
        assert time.monotonic() - started < 2


def test_the_limit_is_five_seconds_at_most() -> None:
    assert network.LIMIT_SECONDS <= 5
