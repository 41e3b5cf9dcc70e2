"""Calls that the server of `forks` carries out; without one a binary runs by itself."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.shell import wait_until
from tests.standin import build

PYTHON = Path("/usr/bin/python3")  # the one that the binaries name
NEEDED = [str(PYTHON), "-I", "-c", "import yaml, cryptography"]
pytestmark = pytest.mark.skipif(
    not PYTHON.exists() or subprocess.run(NEEDED, check=False).returncode != 0,
    reason="NOT RUN: the stand-in's binaries need Debian's python3-yaml and python3-cryptography",
)
SLOW = """\
import sys, time
def main(argv):
    if argv == ["raise"]:
        raise ValueError("wrong")
    if argv == ["exit"]:
        sys.exit("ended")
    text = sys.stdin.read()
    if argv == ["wait"]:
        import os
        print(os.getpid(), flush=True)
        time.sleep(60)
    import os
    print(argv, text, os.environ.get("WORD"), os.getcwd(), os.getppid())
    return 7
"""


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their kubectl shows how it was called; the server's socket is below this directory."""
    folder = tmp_path_factory.mktemp("forks")
    patch = pytest.MonkeyPatch()
    real = build._sources  # noqa: SLF001 - other sources, same build

    def sources(version: str) -> dict[str, str]:
        texts = {
            name: text.replace("/run/standin", str(folder)) for name, text in real(version).items()
        }
        return {**texts, "tests/standin/kubectl.py": SLOW}

    patch.setattr(build, "_sources", sources)
    build.build("v1.34.2", folder)
    patch.undo()
    return folder


@pytest.fixture
def server(binaries: Path) -> Iterator[subprocess.Popen[bytes]]:
    copy = binaries / "forks.pyz"
    copy.write_bytes((binaries / "kubelet").read_bytes())
    with subprocess.Popen([PYTHON, "-I", copy]) as process:
        wait_until("it listens", lambda: sockets(binaries), timeout=20, every=0.05)
        yield process
        process.kill()
    for path in sockets(binaries):
        path.unlink()


def sockets(binaries: Path) -> list[Path]:
    return [path for path in binaries.glob("forks-*") if path.is_socket()]


def call(binaries: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binaries / "kubectl", *words],
        input="some text",
        env={"WORD": "of mine"},
        cwd="/usr",
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_and_without_a_server_it_is_the_same(
    binaries: Path, server: subprocess.Popen[bytes]
) -> None:
    asked = call(binaries, "get", "x y")
    raised, ended = call(binaries, "raise"), call(binaries, "exit")
    for path in sockets(binaries):
        path.unlink()
    alone = call(binaries, "get", "x y")

    said = "['get', 'x y'] some text of mine /usr"
    assert asked.stdout == f"{said} {server.pid}\n"
    assert alone.stdout == f"{said} {os.getpid()}\n"
    assert asked.returncode == alone.returncode == 7
    assert (raised.returncode, ended.returncode, ended.stderr) == (1, 1, "ended\n")
    assert raised.stderr.splitlines()[-1] == "ValueError: wrong"


def test_it_ends_with_the_process_that_asked(
    binaries: Path, server: subprocess.Popen[bytes]
) -> None:
    del server
    words = [str(binaries / "kubectl"), "wait"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        fork = int(asking.stdout.readline())
        asking.send_signal(signal.SIGTERM)

    wait_until("the fork ends", lambda: not Path(f"/proc/{fork}").exists(), timeout=10, every=0.05)


def test_a_server_that_was_killed_is_not_needed(
    binaries: Path, server: subprocess.Popen[bytes]
) -> None:
    server.kill()
    server.wait(10)

    assert sockets(binaries)
    assert call(binaries, "get").returncode == 7
