"""Hosts on which something else runs than what we started: an error, not silence for ever."""

from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.engine import watch
from kbootstrap.engine.events import Bus, Event
from kbootstrap.errors import LoginError
from kbootstrap.options import RunOptions
from kbootstrap.remote import transfer
from kbootstrap.remote.protocol import Part
from kbootstrap.run.run import Run
from tests.laws.clusters import cluster
from tests.sshd.conftest import MakeHosts
from tests.sshd.server import running

HELLO = [Part("hello", "kb_fact hello 1", "probe")]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "SILENT_SECONDS", 2)
    monkeypatch.setattr(transfer, "_QUIET_SECONDS", 0.5)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("cat", "on stdout "),
        ("sleep 60", "on stdout "),
        ("yes", "on stdout "),
        ('exec 2>/dev/null; eval "$SSH_ORIGINAL_COMMAND"', "on stderr "),
    ],
)
def test_a_host_that_swallows_what_is_sent(
    make_hosts: MakeHosts, tmp_path: Path, command: str, words: str
) -> None:
    with running(tmp_path / "mute", f"ForceCommand {command}") as server:
        connection = make_hosts().connection(server.target(), "node1")
        with pytest.raises(LoginError) as caught:
            connection.perform(HELLO, run_id="r")
    assert caught.value.code.id == "KB209"
    assert words in caught.value.message


def test_a_slow_host_is_not_one(make_hosts: MakeHosts, tmp_path: Path) -> None:
    """The limit is on the script's first sign, not on how long its parts take."""
    with running(tmp_path / "slow") as server:
        connection = make_hosts().connection(server.target(), "node1")
        slow = [Part("slow", "sleep 3; kb_fact hello 1", "probe")]
        assert connection.perform(slow, run_id="r").output("slow") == "hello=1"


def test_the_probing_of_such_a_host_is_named_before_it_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FIRST", 1)
    monkeypatch.setattr(transfer, "SILENT_SECONDS", 4)
    events: list[Event] = []
    with running(tmp_path / "mute", "ForceCommand cat") as server:
        known = cluster("single")
        node = replace(known.first, ssh=server.target())
        known = replace(known, nodes=(node,))
        session = Run(RunOptions(inventory=tmp_path), known, (), Bus(events.append))
        try:
            session.probe([node])
        finally:
            session.close()
    assert [error.code.id for error in session.errors] == ["KB209"]
    notes = [f"{event.node}: {event.text}" for event in events if event.kind == "note"]
    assert notes
    assert notes[0].startswith("n1: no answer for ")
