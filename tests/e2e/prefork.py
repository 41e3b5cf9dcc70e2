"""Runs kbootstrap in forks of a process that has imported it: imports are most of a short run.

Each process of pytest starts one such server at its first run. The forks start no interpreter, and
are otherwise what ``python -m MODULE`` is: own process, environment, arguments and files.
"""

import atexit
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from functools import cache
from subprocess import PIPE
from types import TracebackType
from typing import IO, Any, NoReturn, Self

import kbootstrap
import phases

LARGEST = 1 << 20  # bytes of a request: arguments and environment
ABOVE = 512  # descriptors in which a fork holds its files until the others are closed


class Forked:
    """One run, as `subprocess.Popen` would have it, with text.

    Args:
        argv: what would start it: ``python -m MODULE ARGUMENT...``.
        env: its environment.
        stdout: a file, or PIPE.
        stderr: a file; without one it goes where ``stdout`` goes.
        pass_fds: descriptors that it inherits under the same numbers.

    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        stdout: int | IO[Any] = PIPE,
        stderr: IO[Any] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.args = argv
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        reading, writing = os.pipe() if stdout == PIPE else (-1, -1)
        out = writing if isinstance(stdout, int) else stdout.fileno()
        self._ended, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        targets = [1, 2, *pass_fds]
        request = json.dumps([list(argv[2:]), dict(env), targets]).encode()
        files = [theirs.fileno(), out, stderr.fileno() if stderr else out, *pass_fds]
        with closing(theirs):
            socket.send_fds(_server(os.getpid()), [request], files)
        if reading >= 0:
            os.close(writing)
            self.stdout = os.fdopen(reading)
        self.pid = int(self._ended.recv(64))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.stdout:
            self.stdout.close()
        self.wait()

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended.

        Raises:
            subprocess.TimeoutExpired: after ``timeout`` seconds.

        """
        if self.returncode is None:
            self._ended.settimeout(timeout)
            try:
                self.returncode = int(self._ended.recv(64))
            except (TimeoutError, BlockingIOError) as error:
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0) from error
            self._ended.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """What it printed to a pipe, and nothing of its errors."""
        guard = threading.Timer(timeout, self.kill) if timeout else None
        if guard:
            guard.start()
        out = ""
        if self.stdout and not self.stdout.closed:
            with self.stdout:
                out = self.stdout.read()
        status = self.wait()
        if guard:
            guard.cancel()
            if status == -signal.SIGKILL:
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0, out)
        return out, None

    def send_signal(self, number: int) -> None:
        """As `os.kill` does; nothing once it has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """As ``kill -9`` does."""
        self.send_signal(signal.SIGKILL)


@cache
def _server(pid: int) -> socket.socket:
    """The socket of this process's server, which ends with it."""
    del pid
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
    with closing(theirs):
        words = [sys.executable, "-m", __name__, str(theirs.fileno())]
        server = subprocess.Popen(words, pass_fds=[theirs.fileno()])
    atexit.register(server.wait)
    atexit.register(ours.close)  # the last one is called first
    return ours


def _serve(requests: socket.socket) -> None:
    """Fork for each request, and report how it ended, until the other side is gone."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not requests:
                    waiting.unregister(key.fileobj)
                    _report_end(key.fd, *key.data)
                elif not _begin(requests, waiting):
                    return


def _begin(requests: socket.socket, waiting: selectors.BaseSelector) -> bool:
    """Whether there was a request."""
    data, files, _, _ = socket.recv_fds(requests, LARGEST, 16)
    if not data:
        return False
    words, env, targets = json.loads(data)
    pid = os.fork()
    if not pid:
        _become(words, env, dict(zip(targets, files[1:], strict=True)))
    for file in files[1:]:
        os.close(file)
    ended = socket.socket(fileno=files[0])
    ended.send(str(pid).encode())
    waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, ended))
    return True


def _report_end(pidfd: int, pid: int, ended: socket.socket) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(pidfd)
    with closing(ended):
        ended.send(str(status).encode())


def _become(words: list[str], env: dict[str, str], files: Mapping[int, int]) -> NoReturn:
    """Be what ``python -m`` with these arguments is; the files by their numbers."""
    held = {number: fcntl.fcntl(file, fcntl.F_DUPFD, ABOVE) for number, file in files.items()}
    os.closerange(3, ABOVE)
    for number, file in held.items():
        os.dup2(file, number)
        os.close(file)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - until it ends
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(env)
    sys.argv[1:] = words[1:]
    status = 1
    try:
        status = importlib.import_module(words[0]).main()
    except BaseException:  # noqa: BLE001 - what an interpreter does at its end
        traceback.print_exc()
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(status)


def main() -> None:
    """``python -m tests.e2e.prefork FD``; imports all of kbootstrap, and what it imports late."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    for package in (kbootstrap, phases):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in ("tests.e2e.checked", "tests.faults.operator"):
        importlib.import_module(name)
    assert threading.active_count() == 1
    gc.freeze()  # so that forks share the memory
    _serve(requests)


if __name__ == "__main__":
    main()
