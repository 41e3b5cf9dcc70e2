"""The stand-in's HTTP client: each thread has a connection, which ends with it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standin.common import http

THREADS = 20
OPEN = Path("/proc/self/fd")


class Answers(http.Handler):
    """Says ok to everything."""

    def do_GET(self) -> None:  # noqa: N802
        self.reply(200, "ok", "text/plain")


@pytest.fixture
def server() -> Iterator[Any]:
    server = http.Server(("127.0.0.1", 0), Answers, None)
    server.start()
    yield server
    server.stop()


def test_the_connections_of_threads_that_ended_are_closed(server: Any) -> None:
    """kube-apiserver has a thread for each of its clients, and each thread asks etcd."""
    client = http.Client(f"http://127.0.0.1:{server.server_address[1]}", None)
    answers: list[bytes] = []
    before = len([*OPEN.iterdir()])

    for _ in range(THREADS):
        thread = threading.Thread(target=lambda: answers.append(client.request("GET", "/")[1]))
        thread.start()
        thread.join()

    assert answers == [b"ok"] * THREADS
    assert len(client.opened) == 0
    assert len([*OPEN.iterdir()]) < before + THREADS
    assert client.request("GET", "/")[1] == b"ok"
    assert len(client.opened) == 1
    client.shutdown()
