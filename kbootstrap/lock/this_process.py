"""Identifies this process for the lock, and checks whether another local process is alive."""

import getpass
import hashlib
import os
import secrets
import shlex
import socket
import sys
import time
from pathlib import Path

from kbootstrap.lock.record import Claim


def this_run(run_id: str) -> Claim:
    """The claim of this process."""
    return Claim(
        holder=_user(),
        host=socket.gethostname(),
        machine=_machine(),
        pid=os.getpid(),
        start=_start(os.getpid()) or 0,
        run=run_id,
        command=shlex.join(["kbootstrap", *sys.argv[1:]]),
        since=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def alive(pid: int, start: int) -> bool:
    """Whether the process that began at ``start`` still runs on this workstation; in doubt, yes."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # of another user, and perhaps hidden in /proc
    found = _start(pid)
    return found is None or found == start


def _machine() -> str:
    """Identifies where a pid is unique: this boot of this workstation and this pid namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:  # no /proc: every other run counts as one of another workstation
        return secrets.token_hex(8)
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:16]


def _start(pid: int) -> int | None:
    """Start time of a process in ticks since boot; -1 for a zombie, None if it is not visible."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return -1 if state in "ZX" else int(rest[18])


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
