"""Comparing states, without any node."""

from tests.lab.snapshot import Snapshot
from tests.lab.sshlog import parse


def snapshot(**sections: dict[str, str]) -> Snapshot:
    return Snapshot("n", sections)


def test_reports_what_came_went_and_changed() -> None:
    before = snapshot(files={"/a": "1", "/b": "1", "/same": "1"}, rules={})
    now = snapshot(files={"/b": "2", "/c": "1", "/same": "1"}, rules={"00000": "table x"})

    assert now.since(before) == [
        "files /a: 1 => nothing",
        "files /b: 1 => 2",
        "files /c: nothing => 1",
        "rules 00000: nothing => table x",
    ]
    assert now.files_since(before) == ["/a", "/b", "/c"]


def test_ignores_by_name_and_processes_by_their_arguments() -> None:
    before = snapshot(files={}, processes={})
    now = snapshot(
        files={"/var/x": "1", "/etc/y": "1"},
        processes={"7": "started=1 sshd: ops", "8": "started=2 sleep 9"},
    )

    assert now.since(before, ["files /var/*", "processes *sshd:*"]) == [
        "files /etc/y: nothing => 1",
        "processes 8: nothing => started=2 sleep 9",
    ]


def test_reads_messages_of_sshd() -> None:
    lines = [
        "Connection from 10.90.0.1 port 40 on 10.90.0.11 port 22 rdomain",
        "Accepted publickey for ops from 10.90.0.1 port 40 ssh2: ED25519 SHA256:x",
        "Starting session: command for ops from 10.90.0.1 port 40 id 0",
        "Disconnected from user ops 10.90.0.1 port 40",
        "Connection closed by authenticating user root 10.90.0.1 port 41 [preauth]",
        "Failed publickey for invalid user bob from 10.90.0.1 port 42 ssh2",
        "pam_unix(sshd:session): session opened for user ops",
    ]
    journal = "\n".join(
        f'{{"__REALTIME_TIMESTAMP": "{number}000000", "MESSAGE": "{line}"}}'
        for number, line in enumerate(lines)
    )

    told = [(event.time, event.kind, event.user, event.port) for event in parse(journal)]

    assert told == [
        (0, "connected", "", 40),
        (1, "accepted", "ops", 40),
        (2, "session", "ops", 40),
        (3, "closed", "ops", 40),
        (4, "closed", "root", 41),
        (5, "failed", "bob", 42),
    ]
