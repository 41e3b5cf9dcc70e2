"""What a node's sshd saw: who connected, from where, and how it went."""

import json
import re
import shlex
from dataclasses import dataclass

READ = shlex.split(  # sshd-session: from OpenSSH 9.8 on
    "journalctl --identifier sshd --identifier sshd-session --output json --output-fields MESSAGE"
    " --no-pager"
)
KINDS = {
    "connected": re.compile(r"Connection from (?P<source>\S+) port (?P<port>\d+)"),
    "accepted": re.compile(
        r"Accepted \S+ for (?P<user>\S+) from (?P<source>\S+) port (?P<port>\d+)"
    ),
    "failed": re.compile(
        r"Failed \S+ for (?:invalid user )?(?P<user>\S+) from (?P<source>\S+) port (?P<port>\d+)"
    ),
    "session": re.compile(
        r"Starting session: \S+ (?:\S+ )??for (?P<user>\S+) from (?P<source>\S+) port (?P<port>\d+)"
    ),
    "closed": re.compile(
        r"(?:Connection (?:closed|reset) by|Disconnected from)"
        r"(?: (?:authenticating |invalid )?user (?P<user>\S+))? (?P<source>\S+) port (?P<port>\d+)"
    ),
    "dropped": re.compile(r"drop connection .*from \[(?P<source>[^\]]+)\]:(?P<port>\d+)"),
}


@dataclass(frozen=True)
class SshEvent:
    """One line of sshd's log about a connection; time is seconds since the epoch."""

    time: float
    kind: str
    source: str
    port: int
    user: str


def parse(journal: str) -> list[SshEvent]:
    """Events in the order of the journal; `source` and `port` together name a connection."""
    entries = (json.loads(row) for row in journal.splitlines())
    found = (_event(float(e["__REALTIME_TIMESTAMP"]) / 1e6, str(e["MESSAGE"])) for e in entries)
    return [event for event in found if event]


def _event(time: float, message: str) -> SshEvent | None:
    for kind, pattern in KINDS.items():
        match = pattern.match(message)
        if match:
            told = match.groupdict()
            return SshEvent(time, kind, told["source"], int(told["port"]), told.get("user") or "")
    return None
