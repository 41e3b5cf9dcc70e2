"""Carries out calls of the stand-in's commands in forks of a process that has imported them.

A call of a few milliseconds begins with 60 ms of imports, and scripts call again and again. The
first call on a node of the lab starts the server, as a unit of its own; `ask` has the other half.
"""

from __future__ import annotations

import gc
import importlib
import marshal
import os
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

COPY = Path(ask.PLACE + stamp.BUILD + main.COPY)  # no process may look like a kubelet
NEEDED = (Path("/run/.containerenv"), Path("/run/systemd/system"))  # podman's and systemd's
LATER = ("etcd.tools",)  # imported by some calls only


def start() -> None:
    """Start the server of this build on a node of the lab, where root asks; it ends at a reboot."""
    if os.geteuid() or COPY.exists() or not all(path.exists() for path in NEEDED):
        return
    COPY.parent.mkdir(parents=True, exist_ok=True)
    COPY.write_bytes(Path(sys.argv[0]).read_bytes())
    unit = f"--unit=standin-forks-{stamp.BUILD}"
    words = ["systemd-run", "--quiet", "--collect", unit, sys.executable, "-I", str(COPY)]
    subprocess.run(words, check=False, capture_output=True)


def serve() -> NoReturn:
    """Answer calls, for ever."""
    for module in (*main.PROGRAMS.values(), *LATER):
        importlib.import_module(f"{__package__}.{module}")
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    place = Path(ask.PLACE + stamp.BUILD)
    place.unlink(missing_ok=True)
    os.umask(0o077)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            _answer(connection)
        connection.close()


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
    try:
        return main.main()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        return 1
