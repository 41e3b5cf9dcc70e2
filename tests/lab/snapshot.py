"""What a node looks like at one moment, and what has changed since: for "nothing was touched".

Take `before = node.snapshot()`, act, then `assert node.snapshot().since(before) == []`.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.node import Node

OBSERVER = Path(__file__).with_name("in_node") / "observe.py"
VOLATILE = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/log")  # noqa: S108  no file is made
# Logins and timers leave these behind on every node, whatever the product does.
ORDINARY = (
    "files /var/lib/systemd/*",
    "files /var/lib/private*",
    "files /var/lib/containerd/io.containerd.metadata.v1.bolt/*",
    "active session-*",
    "active user*",
    "active e2scrub*",
    "active dpkg-db-backup*",
    "active systemd-tmpfiles-clean*",
    "active logrotate*",
    "units standin-forks-*",  # see tests/standin/forks.py
    "active standin-forks-*",
    "processes */run/standin/forks-*",
    "mounts /run/user/*",
    "mounts /run/credentials/*",
    "processes *sshd:*",
    "processes *systemd --user*",
    "processes *(sd-pam)*",
    "processes *(time-dir)*",  # systemd-user-runtime-dir, before its exec
    "processes */systemd-user-runtime-dir *",
)


@dataclass(frozen=True)
class Snapshot:
    """A node's files, packages, units, mounts, links, firewall rules, processes and sysctls."""

    node: str
    sections: dict[str, dict[str, str]] = field(repr=False)

    @classmethod
    def take(cls, node: "Node", skip: Iterable[str] = ()) -> "Snapshot":
        """Observe the node; `skip` names directories to leave out besides the volatile ones."""
        argv = ["python3", "-I", "-", *VOLATILE, *skip]
        answer = node.exec(argv, stdin=OBSERVER.read_text(), timeout=120)
        return cls(node.name, json.loads(answer.stdout))

    def since(self, before: "Snapshot", ignore: Iterable[str] = ORDINARY) -> list[str]:
        """Every difference as a line "SECTION NAME: BEFORE => NOW", without those ignored.

        An ignore pattern is a shell pattern for "SECTION NAME", or, for processes, whose names are
        mere numbers, for "processes ARGV".
        """
        patterns = tuple(ignore)
        return [line for line in self._differences(before) if not _matches(line, patterns)]

    def files_since(self, before: "Snapshot", ignore: Iterable[str] = ORDINARY) -> list[str]:
        """The paths which came, went or changed."""
        lines = self.since(before, ignore)
        return [line.split(": ")[0][6:] for line in lines if line.startswith("files ")]

    def _differences(self, before: "Snapshot") -> Iterator[str]:
        for section, now in self.sections.items():
            then = before.sections[section]
            for name in sorted(then.keys() | now.keys()):
                old, new = then.get(name, "nothing"), now.get(name, "nothing")
                if old != new:
                    yield f"{section} {name}: {old} => {new}"


def _matches(line: str, patterns: tuple[str, ...]) -> bool:
    subject = line if line.startswith("processes ") else line.split(": ", maxsplit=1)[0]
    return any(fnmatch(subject, pattern) for pattern in patterns)
