"""The server of the stand-in's cri-o, called by the client of its kubelet."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standin import crio
from tests.standin.cri import grpc
from tests.standin.cri.client import Client
from tests.standin.cri.server import Server


def answer(method: str, request: bytes) -> bytes:
    """Echo; `/fail` fails, and the version is cri-o's."""
    if method == "/fail":
        raise grpc.GrpcError("NotFound", "no such image")
    return crio.answer(method, request) if method.endswith("/Version") else request


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "run" / "crio.sock"
    server = Server(path, answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield str(path)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("size", [0, 1, 16384, 100_000])
def test_a_call_brings_the_whole_answer(socket: str, size: int) -> None:
    assert grpc.call(socket, "/echo", b"x" * size) == b"x" * size


def test_an_error_keeps_its_code_and_text(socket: str) -> None:
    with pytest.raises(grpc.GrpcError, match="no such image") as caught:
        grpc.call(socket, "/fail", b"")
    assert caught.value.code == "NotFound"


def test_it_says_that_it_is_cri_o(socket: str) -> None:
    assert Client(f"unix://{socket}").version()[0] == "cri-o"


def test_registries_become_hosts_of_its_containerd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crio, "REGISTRIES_D", tmp_path)
    monkeypatch.setattr(crio, "RUN", tmp_path)
    (tmp_path / "10.conf").write_text(
        '[[registry]]\nprefix = "reg.example:5000"\nlocation = "reg.example:5000"\n'
        '[[registry.mirror]]\nlocation = "mirror.example/k8s"\ninsecure = true\n'
    )

    crio.write_registries()

    text = (tmp_path / "certs.d/reg.example:5000/hosts.toml").read_text()
    assert text.splitlines()[:2] == [
        'server = "https://reg.example:5000"',
        '[host."http://mirror.example/k8s"]',
    ]
