"""One record of each run that contacts nodes: who, from where, which inventory, which result.

Appended to ``audit.jsonl``, in the directory of the journals, when the command ends, also after
Ctrl-C and SIGTERM. Neither the records nor the journals, which are opened here, are ever read.
"""

import dataclasses
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from kbootstrap import __version__
from kbootstrap.atomic_file import append_private, private_directory
from kbootstrap.lock.this_process import this_run
from kbootstrap.options import RunOptions

FILE = "audit.jsonl"
# Commands that contact nodes.
AUDITED = frozenset(
    [
        *("up", "plan", "join", "replace", "upgrade", "reset", "etcd"),
        *("status", "certs", "unlock", "kubeconfig", "pin"),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """A run.

    Attributes:
        at: when it began, UTC, as in RFC 3339.
        user: the account on the workstation; with sudo also who called it.
        host: the workstation.
        origin: the address from which the user is logged in to it by SSH; empty if not.
        command: the command line.
        version: of kbootstrap.
        inventory: its path.
        inventory_sha256: of the file as it was when the run began; empty if it cannot be read.
        cluster: its name; empty if the inventory was refused.
        runs: names of the journals; several for a chain of upgrades, none for a dry run.
        code: the error that ended the run, such as ``KB410``; empty if there was none.
        exit: the exit status.
        seconds: how long it took.

    """

    at: str
    user: str
    host: str
    origin: str
    command: str
    version: str
    inventory: str
    inventory_sha256: str
    cluster: str = ""
    runs: tuple[str, ...] = ()
    code: str = ""
    exit: int = 0
    seconds: float = 0.0

    @classmethod
    def begun(cls, options: RunOptions) -> Self:
        """What is known when the command starts."""
        claim = this_run("")
        caller = os.environ.get("SUDO_USER", "")
        return cls(
            at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            user=f"{claim.holder} (sudo: {caller})" if caller else claim.holder,
            host=claim.host,
            origin=os.environ.get("SSH_CONNECTION", "").partition(" ")[0],
            command=claim.command,
            version=__version__,
            inventory=str(options.inventory.absolute()),
            inventory_sha256=sha256_of(options.inventory),
        )

    def of(self, cluster: str, run_id: str) -> Self:
        """With the cluster, and one run more unless it has no journal."""
        runs = (*self.runs, run_id) if run_id else self.runs
        return dataclasses.replace(self, cluster=cluster, runs=runs)

    def failed(self, code: str) -> Self:
        """With the error that ends the run: the last one that is reported."""
        return dataclasses.replace(self, code=code)

    def append(self, status: int, seconds: float) -> None:
        """Write it as one line.

        Raises:
            OSError: the file cannot be written.

        """
        ended = dataclasses.replace(self, exit=status, seconds=round(seconds, 3))
        with append_private(_directory() / FILE) as file:
            file.write(json.dumps(dataclasses.asdict(ended)) + "\n")


def open_journal(cluster: str, run_id: str) -> IO[str]:
    """The journal of one run."""
    return append_private(private_directory(_directory() / cluster) / f"{run_id}.jsonl")


def _directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return private_directory(Path(base) / "kbootstrap")


def sha256_of(path: Path) -> str:
    """Of a file's content; empty if it cannot be read."""
    try:
        if not path.is_file():  # a pipe can be read only once
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
