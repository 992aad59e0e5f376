"""The engine's socket: whose address it is, and which of its answers count."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vpdb.docker_socket import Answer, ask, endpoint, read_answer

Engine = Callable[[bytes], list[bytes]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker configuration without anything in it."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Start a socket that gives one answer, then ends; gives the requests it got."""
    place = tmp_path / "engine.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
    threads: list[threading.Thread] = []

    def start(answer: bytes) -> list[bytes]:
        requests: list[bytes] = []

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                requests.append(connection.recv(65536))
                connection.sendall(answer)

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return requests

    yield start
    for thread in threads:
        thread.join(5)
    listener.close()


def set_context(folder: Path, name: str, document: object) -> None:
    (folder / "config.json").write_text(json.dumps({"currentContext": name}))
    meta = folder / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps(document))


class TestEndpoint:
    def test_without_any_configuration_it_is_the_default_socket(self) -> None:
        assert endpoint() == "unix:///var/run/docker.sock"

    def test_the_context_in_use_names_it(self, folder: Path) -> None:
        host = "unix:///home/dev/.docker/desktop/docker.sock"
        set_context(folder, "desktop-linux", {"Endpoints": {"docker": {"Host": host}}})
        assert endpoint() == host

    def test_the_environments_context_wins_over_the_one_in_use(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_context(folder, "colima", {"Endpoints": {"docker": {"Host": "unix:///colima.sock"}}})
        monkeypatch.setenv("DOCKER_CONTEXT", "default")
        assert endpoint() == "unix:///var/run/docker.sock"

    def test_docker_host_wins_over_the_context_in_use(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_context(folder, "colima", {"Endpoints": {"docker": {"Host": "unix:///colima.sock"}}})
        monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
        assert endpoint() == "tcp://192.0.2.1:2375"

    def test_two_wishes_in_the_environment_are_the_docker_commands_to_decide(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", "unix:///one.sock")
        monkeypatch.setenv("DOCKER_CONTEXT", "other")
        assert endpoint() is None

    @pytest.mark.parametrize("text", ["{", "[]", '{"currentContext": "gone"}'])
    def test_what_is_not_understood_is_the_docker_commands_to_decide(
        self, folder: Path, text: str
    ) -> None:
        (folder / "config.json").write_text(text)
        assert endpoint() is None

    def test_a_context_without_a_docker_endpoint_is_left_to_the_docker_command(
        self, folder: Path
    ) -> None:
        set_context(folder, "cluster", {"Endpoints": {}})
        assert endpoint() is None


class TestAsk:
    def test_what_is_there(self, engine: Engine) -> None:
        requests = engine(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert ask("/volumes/x") == Answer(True, b"{}")
        assert requests[0].startswith(b"GET /volumes/x HTTP/1.0\r\n")

    def test_what_is_not_there(self, engine: Engine) -> None:
        engine(b'HTTP/1.0 404 Not Found\r\n\r\n{"message":"no such volume"}')
        assert ask("/volumes/x") == Answer(False, b'{"message":"no such volume"}')

    def test_an_engine_that_breaks_off(self, engine: Engine) -> None:
        engine(b"HTTP/1.0 200 OK\r\nContent-Le")
        assert ask("/volumes/x") is None

    @pytest.mark.parametrize(
        "host", ["unix:///nonexistent.sock", "tcp://192.0.2.1:2375", "ssh://somebody@elsewhere"]
    )
    def test_no_socket(self, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", host)
        assert ask("/volumes/x") is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"200",
        b"HTTP/1.0 500 Internal Server Error\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
    ids=["empty", "no http", "failure", "cut", "chunked"],
)
def test_other_answers_do_not_count(answer: bytes) -> None:
    assert read_answer(answer) is None
