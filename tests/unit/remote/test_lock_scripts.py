"""The record of the lock on a node, under each shell: one writer wins, and its own is its own."""

import os
import shlex
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.errors import PhaseError
from kbootstrap.lock.places import NodeRecord
from kbootstrap.lock.record import (
    Claim,
    LockState,
    LockStatus,
    parse_record,
    read_script,
    status_of,
    swap_script,
)
from kbootstrap.remote.protocol import Part
from tests.load import within
from tests.unit.lock.test_record import ME, OTHER, yes
from tests.unit.remote.conftest import Machine


class Here:
    """The node's shell, with the prefix that a test wants."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def perform(self, parts, *, run_id):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        """Each part after the prefix."""
        parts = [replace(part, script=self._machine.prefix + part.script) for part in parts]
        return self._machine.connection.perform(parts, run_id=run_id)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Beside what others have there, which stays."""
    folder = tmp_path / "run it's"
    folder.mkdir()
    yield folder / "kbootstrap.lock"
    assert not {p.name for p in folder.iterdir()} - {"kbootstrap.lock"}


@pytest.fixture
def record(machine: Machine, path: Path) -> NodeRecord:
    return NodeRecord(Here(machine), "cp1", "run1", path=str(path))


def test_taken_renewed_and_freed(record: NodeRecord, path: Path) -> None:
    nobody = record.read()
    assert (nobody.text, nobody.stamp) == ("", "")
    assert len(nobody.boot) == 36

    taken = record.write(ME, nobody)
    assert (taken.claim, taken.boot) == (ME, nobody.boot)
    assert 0 <= taken.age <= 5
    assert path.stat().st_mode & 0o777 == 0o600

    os.utime(path, (1, 1))
    assert record.read().age > TTL_LONG
    renewed = record.renew(ME)
    assert renewed is not None
    assert (renewed.claim, renewed.held) == (ME, True)

    assert record.free(OTHER.text).claim == ME
    assert record.free(ME.text).text == ""
    assert not path.exists()


TTL_LONG = 1000


def test_what_others_made_is_left_alone(record: NodeRecord, path: Path) -> None:
    record.write(OTHER, LockState())
    for found in (record.write(ME, LockState()), record.renew(ME), record.free(ME.text)):
        assert found is not None
        assert found.claim == OTHER
    assert path.read_text() == OTHER.text + "\n"


def test_an_old_one_is_taken_over_only_while_it_is_old(record: NodeRecord, path: Path) -> None:
    record.write(OTHER, LockState())
    os.utime(path, (1, 1))
    old = record.read()
    assert status_of(old, ME, yes) is LockStatus.EXPIRED
    os.utime(path)  # it lives after all

    assert record.write(ME, old).claim == OTHER

    os.utime(path, (1, 1))
    assert record.write(ME, record.read()).claim == ME


def test_what_cannot_be_read_is_replaced_once_it_is_old(record: NodeRecord, path: Path) -> None:
    path.write_text("no record\nat all\n\n")
    os.utime(path, (1, 1))
    assert record.write(ME, record.read()).claim == ME
    path.write_text("")
    assert record.write(ME, record.read()).claim == ME


def test_after_a_reboot_it_is_written_again_but_not_on_a_node_that_leaves(
    machine: Machine, path: Path
) -> None:
    for leaving in (False, True):
        record = NodeRecord(Here(machine), "cp1", "run1", leaving=leaving, path=str(path))
        record.write(ME, LockState())
        path.unlink()
        gone = record.renew(ME)
        assert gone is not None
        assert gone.text == ""  # another run freed it, for it is the same boot
        record._boot = "another"  # noqa: SLF001 - as after a reboot
        renewed = record.renew(ME)
        assert (renewed is None) == leaving
        assert path.exists() != leaving


def test_of_many_at_once_one_gets_it(machine: Machine, path: Path) -> None:
    claims = [replace(ME, run=f"r{number}") for number in range(6)]
    found: list[tuple[Claim, LockState]] = []

    def take(claim: Claim) -> None:
        record = NodeRecord(Here(machine), "cp1", claim.run, path=str(path))
        found.append((claim, record.write(claim, LockState())))

    threads = [threading.Thread(target=take, args=(claim,)) for claim in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    winners = {seen.claim for _, seen in found}
    assert len(found) == len(claims)
    assert len(winners) == 1


def test_a_user_of_the_node_cannot_hold_it_up(record: NodeRecord, path: Path) -> None:
    """Anyone may flock a directory that they can read, such as /run."""
    with subprocess.Popen(["flock", path.parent, "sleep", "20"]) as user:
        time.sleep(0.2)
        started = time.monotonic()
        assert record.write(ME, LockState()).claim == ME
        assert time.monotonic() - started < within(10)
        user.kill()


def test_only_root_can_open_its_file(machine: Machine, path: Path) -> None:
    """Seen while another process of root is in the middle of a change."""
    guard = path.with_name("kbootstrap.lock.guard")
    look = f'mv() {{ stat -c "mode %a" {shlex.quote(str(guard))}; command mv "$@"; }}\n'
    slow = Part("lock", machine.prefix + look + swap_script("", None, ME.text, str(path)))

    output = machine.connection.perform([slow], run_id="r").output("lock")

    assert "mode 600\n" in output
    assert not guard.exists()


def test_who_holds_it_is_named_and_waited_for_some_seconds_only(
    record: NodeRecord, path: Path
) -> None:
    guard = path.with_name("kbootstrap.lock.guard")
    guard.write_text("process 17, run r0\n")
    with subprocess.Popen(["flock", guard, "sleep", "20"]) as other:
        time.sleep(0.2)
        with pytest.raises(PhaseError) as caught:
            record.write(ME, LockState())
        other.kill()
    guard.unlink()

    assert f"{guard} is locked by process 17, run r0" in caught.value.detail
    assert not path.exists()


def test_a_gate_ends_a_request_only_where_there_is_a_record(machine: Machine, path: Path) -> None:
    gate = machine.prefix + read_script(str(path), gate=True)
    parts = [Part("lock", gate), Part("probe", "echo probed", "probe")]

    assert machine.connection.perform(parts, run_id="r").output("probe") == "probed"

    path.write_text(ME.text)
    reply = machine.connection.perform(parts, run_id="r")
    assert reply.part("probe").skipped
    assert ME.text in reply.output("lock")


def test_an_empty_record_is_none_for_the_gate_too(machine: Machine, path: Path) -> None:
    path.write_text("")
    gate = machine.prefix + read_script(str(path), gate=True)
    reply = machine.connection.perform(
        [Part("lock", gate), Part("p", "echo on", "probe")], run_id="r"
    )

    assert reply.output("p") == "on"
    assert parse_record(reply.output("lock")).text == ""


@pytest.mark.parametrize("tool", ["cat", "stat", "date"])
@pytest.mark.parametrize("before", [True, False])
def test_a_record_that_comes_or_goes_while_we_look_is_seen_whole_or_not(
    machine: Machine, path: Path, tool: str, *, before: bool
) -> None:
    """The gate closes at a record that was read, and at no other."""
    quoted = f'"{path}"'
    comes = f"if [ -e {quoted} ]; then rm -f {quoted}; else echo '{ME.text}' >{quoted}; fi"
    real = f'command {tool} "$@"'
    body = f"{comes}; {real}" if before else f"{real}; set -- $?; {comes}; return $1"
    gate = f"{machine.prefix}{tool}() {{ {body}; }}\n{read_script(str(path), gate=True)}"
    for text in ("", ME.text):
        path.unlink(missing_ok=True)
        if text:
            path.write_text(text)
        parts = [Part("lock", gate), Part("p", "echo on", "probe")]
        reply = machine.connection.perform(parts, run_id="r")

        assert reply.part("p").skipped == bool(parse_record(reply.output("lock")).text)
    path.unlink(missing_ok=True)


def test_a_directory_that_cannot_be_written_is_reported(record: NodeRecord, path: Path) -> None:
    path.parent.rmdir()
    with pytest.raises(PhaseError, match="cannot be changed"):
        record.write(ME, LockState())
    path.parent.mkdir()


def test_time_is_the_nodes_own(record: NodeRecord, path: Path) -> None:
    record.write(ME, LockState())
    past = time.time() - 12
    os.utime(path, (past, past))
    assert 12 <= record.read().age <= 60  # the operator may be slow
