"""Which process this is, and which processes of this host are alive."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kbootstrap.lock import this_process
from kbootstrap.lock.record import parse_claim
from kbootstrap.lock.this_process import alive, this_run


def test_a_run_says_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kbootstrap", "up", "my inventory.yaml"])
    me = this_run("r1")
    assert (me.pid, me.run) == (os.getpid(), "r1")
    assert me.command == "kbootstrap up 'my inventory.yaml'"
    assert me.machine == this_run("r2").machine
    assert parse_claim(me.text) == me
    assert alive(me.pid, me.start)


def test_another_boot_is_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    before = this_run("r1").machine
    monkeypatch.setattr(Path, "read_text", lambda *_: "another boot")
    assert this_process._machine() != before  # noqa: SLF001 - a part of what a run says


def test_without_proc_no_other_run_is_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", gone)
    assert this_run("r1").machine != this_run("r1").machine


def test_the_dead_and_a_pid_used_again_are_dead() -> None:
    me = this_run("r1")
    assert not alive(me.pid, me.start + 1)
    assert not alive(2**22 + 1, 0)
    assert not alive(2**70, 0)
    with subprocess.Popen(["true"]) as child:
        while this_process._start(child.pid) not in {-1, None}:  # noqa: SLF001 - until it is a zombie
            pass
        assert not alive(child.pid, 1)


def test_a_process_that_is_hidden_from_us_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError(pid, number)

    monkeypatch.setattr(os, "kill", refuse)
    assert alive(2**22 + 1, 0)


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert this_run("r1").holder == str(os.getuid())
