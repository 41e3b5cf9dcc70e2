"""Carries out calls of kubectl and crictl in forks of a process that has imported them.

A call of a few milliseconds begins with 60 ms of imports, and scripts that wait call again and
again. The kubelet starts the server and ends it; `ask` has the other half.
"""

from __future__ import annotations

import gc
import importlib
import marshal
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from . import ask, main, stamp

COPY = Path("/run/standin") / main.COPY  # of the binary: its path must not look like a kubelet's
LATER = ("etcd.tools",)  # imported by some calls only


def start() -> None:
    """Start the server of this build; it ends when this process does."""
    COPY.parent.mkdir(parents=True, exist_ok=True)
    new = COPY.with_suffix(".new")  # an older server may still read the other one
    new.write_bytes(Path(sys.argv[0]).read_bytes())
    new.replace(COPY)
    subprocess.Popen([sys.executable, "-I", str(COPY)], stdin=subprocess.PIPE)


def serve() -> NoReturn:
    """Answer until standard input ends."""
    for name in (*ask.PROGRAMS, *LATER):
        importlib.import_module(f"{__package__}.{name}")
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    place = Path(ask.PLACE + stamp.BUILD)
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as waiting:
        os.umask(0o077)
        listener.bind(str(place))
        listener.listen(64)
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in waiting.select()):
            connection, _ = listener.accept()
            if os.fork() == 0:
                _answer(connection)
            connection.close()
    sys.exit(0)


def _answer(connection: socket.socket) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _become(connection)
        status = _run()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        with suppress(OSError):
            connection.send(bytes([status]))
        os._exit(0)


def _become(connection: socket.socket) -> None:
    """Take over files, arguments, environment and directory; end with the process that asked."""
    header, files, _, _ = socket.recv_fds(connection, 4, 3)
    left = int.from_bytes(header, sys.byteorder)
    parts = []
    while left and (part := connection.recv(left)):
        parts.append(part)
        left -= len(part)
    sys.argv, environment, directory, umask = marshal.loads(b"".join(parts))  # noqa: S302 - root's
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environb.clear()
    os.environb.update(environment)
    os.chdir(directory)
    os.umask(umask)
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()


def _end_with(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _run() -> int:
    module = importlib.import_module(f"{__package__}.{Path(sys.argv[0]).name}")
    try:
        return int(module.main(sys.argv[1:]))
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        return 1
