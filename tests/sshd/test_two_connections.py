"""A renewal of the lock beside a long step, where sshd allows one session (MaxSessions 1)."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kbootstrap.errors import UnreachableError
from kbootstrap.lock.two_connections import TwoConnections, Wire
from kbootstrap.remote import ssh
from kbootstrap.remote.protocol import Part, Reply
from tests.sshd.conftest import MakeHosts
from tests.sshd.server import running

HELLO = (Part("lock", "echo hello", "probe"),)


def test_a_renewal_needs_no_second_session(
    make_hosts: MakeHosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "CHANNEL_SECONDS", 1)
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    script = f"mkfifo {gate}; : >{begun}; read -r line <{gate}"
    with running(tmp_path / "sshd", "MaxSessions 1") as server:
        own = make_hosts().connection(server.target(), "node1")

        def spare(use: Callable[[Wire], Reply]) -> Reply:
            with closing(make_hosts()) as hosts:
                return use(hosts.connection(server.target(), "node1"))

        step = threading.Thread(
            target=own.perform, args=([Part("a", script)],), kwargs={"run_id": "r"}
        )
        step.start()
        try:
            _until(begun.exists)
            with pytest.raises(UnreachableError, match="refuses a session"):
                own.perform(HELLO, run_id="r")

            reply = TwoConnections(own, spare).perform(HELLO, run_id="r")
        finally:
            gate.write_text("go\n")
            step.join(20)

    assert reply.part("lock").output == "hello"


def _until(truth: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(1000):
        if truth():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not begin")
