"""Who holds the lock, and what that means to a run: every case."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap.lock.record import (
    NO_RECORD,
    TTL,
    Claim,
    LockState,
    LockStatus,
    claim_of,
    parse_claim,
    parse_record,
    status_of,
)

MANY = settings(max_examples=200, derandomize=True, database=None, deadline=None)
ME = Claim(
    holder="alice",
    host="ops1",
    machine="m1",
    pid=4711,
    start=100,
    run="20261121-071606-c0a1e9",
    command="kbootstrap up",
    since="2026-11-21T07:16:06Z",
)
OTHER = replace(ME, holder="bob", host="ops2", machine="m2", run="20261121-071600-000000")

words = st.text(max_size=40)
claims = st.builds(
    Claim,
    holder=words,
    host=words,
    machine=st.sampled_from(["m1", "m2"]),
    pid=st.integers(1, 2**22),
    start=st.integers(0, 2**40),
    run=st.sampled_from([ME.run, OTHER.run]),
    command=words,
    since=words,
    ttl=st.integers(1, 10 * TTL),
)
ages = st.integers(-1000, 1000)


def seen(claim: Claim, age: int) -> LockState:
    return LockState(text=claim.text, stamp="1", age=age)


def yes(pid: int, start: int) -> bool:
    del pid, start
    return True


def no(pid: int, start: int) -> bool:
    return not yes(pid, start)


# ---- status_of


@MANY
@given(claims, ages, st.booleans())
def test_every_record_is_mine_or_dead_or_expired_or_held(
    claim: Claim,
    age: int,
    lives: bool,  # noqa: FBT001 - hypothesis gives it by position
) -> None:
    how = status_of(seen(claim, age), ME, yes if lives else no)

    mine = claim.run == ME.run and claim.machine == ME.machine
    old = abs(age) > claim.ttl
    here = claim.machine == ME.machine
    assert (how is LockStatus.MINE) == mine
    assert (how is LockStatus.EXPIRED) == (not mine and old)
    assert (how is LockStatus.DEAD) == (not mine and not old and here and not lives)
    assert (how is LockStatus.HELD) == (not mine and not old and not (here and not lives))


@MANY
@given(claims, ages)
def test_processes_of_other_workstations_are_never_probed(claim: Claim, age: int) -> None:
    asked: list[int] = []

    def alive(pid: int, start: int) -> bool:
        asked.append(start)
        return pid > 0

    status_of(seen(claim, age), ME, alive)

    assert asked in ([], [claim.start])
    assert not asked or claim.machine == ME.machine


def test_no_record_is_free() -> None:
    assert status_of(NO_RECORD, ME, yes) is LockStatus.FREE
    assert status_of(LockState(boot="b"), ME, yes) is LockStatus.FREE


@MANY
@given(st.text(min_size=1), ages)
def test_an_unreadable_record_counts_for_its_time(text: str, age: int) -> None:
    found = LockState(text=text, stamp="1", age=age)
    if found.claim is None:
        wanted = LockStatus.HELD if abs(age) <= TTL else LockStatus.EXPIRED
        assert status_of(found, ME, no) is wanted
        assert "not readable" in found.who


@pytest.mark.parametrize(("step", "held"), [(-2, True), (2, True), (-3600, False), (3600, False)])
def test_a_small_step_of_the_clock_takes_nobodys_lock(step: int, *, held: bool) -> None:
    assert seen(OTHER, step).held is held


def test_the_message_says_whom_to_ask_and_how_long_to_wait() -> None:
    found = seen(OTHER, 3)
    assert found.who == "bob@ops2 (pid 4711, since 2026-11-21T07:16:06Z): kbootstrap up"
    assert found.freshness == "renewed 3 s ago, expires in 27 s unless renewed"
    assert seen(OTHER, 300).freshness == "renewed 300 s ago, so it no longer counts"


# ---- records


@MANY
@given(claims)
def test_a_claim_is_read_as_it_was_written(claim: Claim) -> None:
    found = parse_claim(claim.text)
    assert found is not None
    assert found.who.isprintable()
    assert "\n" not in claim.text
    if (claim.holder + claim.host + claim.command + claim.since).isprintable():
        assert found == claim


@MANY
@given(claims, st.sampled_from(sorted(ME.fields)), st.sampled_from([None, [], {}, "x", -1, 1e999]))
def test_a_claim_with_a_wrong_field_is_none(claim: Claim, name: str, value: object) -> None:
    fields = {**claim.fields, name: value}
    texts = {"holder", "host", "machine", "run", "command", "since"}
    fine = name in texts and isinstance(value, str)
    fine = fine or (name == "start" and value == -1)
    assert (claim_of(fields) is not None) == fine


@pytest.mark.parametrize("text", ["", "x", "[]", "1", "null", "{}", "[" * 100_000])
def test_what_is_no_claim_is_none(text: str) -> None:
    assert parse_claim(text) is None


def test_what_a_lease_says_is_the_same_claim() -> None:
    assert claim_of({name: str(value) for name, value in ME.fields.items()}) == ME


def test_a_terminal_is_safe_from_what_others_wrote() -> None:
    evil = replace(OTHER, command="up \x1b[2J\nroot")
    found = parse_claim(json.dumps(evil.fields))
    assert found is not None
    assert found.command == "up ?[2J?root"


def test_what_a_node_prints_is_read() -> None:
    head = "boot=b1\nstamp=100\nnow=103\n"
    state = LockState(text=ME.text, stamp="100", age=3, boot="b1")
    assert parse_record(f"{head}{ME.text}\n") == state
    assert parse_record("boot=b1\n") == LockState(boot="b1")
    assert parse_record(head) == LockState(boot="b1")  # removed while it was read
    assert parse_record("") == NO_RECORD
    assert parse_record(f"{head}now=5\nmore\n").text == "now=5\nmore"
