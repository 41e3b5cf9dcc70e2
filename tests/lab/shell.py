"""Running commands and waiting for things: the two ways the lab touches the host."""

import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

Completed = subprocess.CompletedProcess[str]
Answer = TypeVar("Answer")


class LabError(RuntimeError):
    """Something the lab needs did not work; the message says what, with the command's output."""


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    check: bool = True,
    timeout: float = 120,
) -> Completed:
    """Run one command to its end, with its output caught; a failure raises with that output."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as late:
        raise LabError(f"no end after {timeout:.0f} s: {shlex.join(words)}") from late
    except FileNotFoundError as gone:
        raise LabError(f"{words[0]} is not installed; run tests/lab/setup.sh") from gone
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-4000:]
        raise LabError(f"exit code {done.returncode}: {shlex.join(words)[:600]}\n{said}")
    return done


def wait_until(
    what: str, probe: Callable[[], Answer], *, timeout: float = 30, every: float = 0.05
) -> Answer:
    """Ask `probe` again and again until it answers something true; raise after `timeout`."""
    deadline = time.monotonic() + timeout
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise LabError(f"not within {timeout:.0f} s: {what}")
        time.sleep(every)


def spawn(argv: Sequence[str | Path], log: Path) -> int:
    """Start a binary which outlives us, with its output in a file; give its process id."""
    detached = 'log=$1; shift; setsid "$@" >>"$log" 2>&1 </dev/null & echo $!'
    return int(run(["sh", "-c", detached, "sh", log, *argv]).stdout)


def answers(address: str, port: int, *, greeting: bytes = b"") -> bool:
    """Whether something listens there and, if asked for, says `greeting` first."""
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            return not greeting or connection.recv(len(greeting)) == greeting
    except OSError:
        return False


def write_files(root: Path, files: Mapping[str, str]) -> None:
    """Write files below `root`, each owned like the directory it lies in."""
    for path, text in files.items():
        target = root / path.lstrip("/")
        target.write_text(text)
        owner = target.parent.stat()
        shutil.chown(target, owner.st_uid, owner.st_gid)
