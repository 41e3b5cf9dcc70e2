"""Whatever a node answers ends with a code, and never as a bug of kbootstrap (KB900)."""

import dataclasses
import json
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kbootstrap.console import status_table
from kbootstrap.engine import checkpoint
from kbootstrap.engine.checkpoint import Entry
from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.engine.probe import ProbeResult, read_reply
from kbootstrap.errors import KbError
from kbootstrap.lock.record import LockState, parse_claim, parse_record
from kbootstrap.masking import OutputLines
from kbootstrap.model.observed import NOTHING
from kbootstrap.remote.output_stream import MalformedReply
from kbootstrap.remote.protocol import Part, PartResult, Reply, request
from kbootstrap.remote.reply_reader import ReplyReader
from kbootstrap.remote.ssh_errors import Refusal, on_refusal
from tests.attacks.fuzz import FUZZ, damaged, ends_with_a_code, json_values, text
from tests.laws.views import PHASES, views
from tests.unit.engine.toys import HA

# ---- frames

PARTS = (Part("a0", "true"), Part("probe:host", "true", "probe"), Part("read:state", "", "probe"))
WORDS = st.sampled_from(
    ["KB1", "ready", "NONCE", "H", "R", "K", "Z", "B", "E", "A", "D", "W", "a0", "probe:host", "3"]
)
frames = st.lists(
    st.one_of(
        st.lists(st.one_of(WORDS, text), max_size=7).map(lambda words: "\x1e" + " ".join(words)),
        text,
        st.just("x" * 3000),
    ),
    max_size=12,
).map("\n".join)


@FUZZ
@given(frames, frames, st.integers(1, 5000))
@example("\x1eKB1 NONCE R a0 1 1 " + "9" * 5000 + "\n", "", 7)  # a number of 5,000 digits
@example("\x1eKB1 NONCE R a0 1 1 " + "9" * 5000 + "\n", "", 9000)
@example("\x1eKB1 NONCE R a0 ² 1 1\n", "", 7)  # a digit that is no decimal number
@example("", "\x1eKB1 NONCE B a0\n\x1eKB1 NONCE A x ٣\nout", 7)
def test_frames(out: str, err: str, size: int) -> None:
    asked = request(PARTS, "run")
    heard: list[tuple[str, str]] = []
    reader = ReplyReader(asked, on_output=lambda part, said: heard.append((part, said)))
    streams = [said.replace("NONCE", asked.nonce).encode(errors="replace") for said in (out, err)]
    try:
        for feed, data in zip((reader.feed_stdout, reader.feed_stderr), streams, strict=True):
            for at in range(0, len(data), size):
                feed(data[at : at + size])
    except MalformedReply:
        return
    assert isinstance(reader.noise, str)
    if reader.complete:
        assert len(reader.reply().results) == len(PARTS)
    reader.close()


refusals = st.builds(
    Refusal,
    status=st.integers(-1, 300),
    said=text,
    ready=st.booleans(),
    become=st.booleans(),
    asked=st.integers(0, 3),
    password=st.booleans(),
    ended=st.booleans(),
)


@FUZZ
@given(refusals)
def test_sudo_and_login_shells(refusal: Refusal) -> None:
    assert isinstance(on_refusal(refusal, "host"), KbError)


@FUZZ
@given(st.lists(text, max_size=5))
def test_output(pieces: list[str]) -> None:
    lines = OutputLines()
    shown = [*(line for piece in pieces for line in lines.feed(piece)), *lines.end()]
    assert all("\n" not in line for line in shown)


# ---- facts


def lines_of(phase: AnyPhase) -> st.SearchStrategy[str]:
    """What its probe might print: known and unknown names, values of any form."""
    hints = get_type_hints(phase.facts)
    names = sorted(hints) or ["none"]
    lists = {name for name in names if get_args(hints.get(name))}

    def line(name: str) -> st.SearchStrategy[str]:
        value = text if name in lists or hints.get(name) is str else st.sampled_from(["0", "1"])
        return value.map(lambda said: f"{name}={said}")

    odd = st.one_of(text, text.map(lambda said: f"{names[0]}={said}"))
    known = st.sampled_from(names).flatmap(line)
    return st.lists(st.one_of(known, known, known, odd), max_size=6).map("\n".join)


def reply(phase: AnyPhase, output: str, state: str = "") -> Reply:
    def result(name: str, said: str) -> PartResult:
        return PartResult(name, 0, said, millis=1, skipped=False, truncated=False)

    return Reply((result(f"probe:{phase.id}", output), result("read:state", state)))


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: str(phase.id))
def test_facts(phase: AnyPhase) -> None:
    """A probe that prints anything: what is read is enough for every plan, or is refused."""

    @FUZZ
    @given(lines_of(phase), views(phase))
    def check(output: str, view: View[Any]) -> None:
        def plan() -> None:
            facts = read_reply((phase,), reply(phase, output)).facts[phase.id]
            seen = dataclasses.replace(view, facts=facts)
            for made in (phase.plan, phase.check, phase.drift):
                [*made(seen)]
            [*phase.compare(tuple(dataclasses.replace(seen, node=node) for node in HA.nodes))]

        ends_with_a_code(plan)

    check()


@pytest.mark.parametrize(
    ("phase", "output"),
    [
        ("clean", "was=sysctl"),
        ("clean", "changed=replaced"),
        ("fitness", "bridge=999.0.0.1/24"),
        ("fitness", "blocked="),
        ("init", "upgrading=x"),
        ("upgrade-worker", "flag=x"),
        ("upgrade-worker", "flag=$(id) /etc/x"),
        ("upgrade-repair", "missing=x"),
        ("identity", "clock=" + "9" * 5000),
        ("identity", "clock=²"),
        ("identity", "uid"),
        ("identity", "systemd=2"),
        ("identity", "none=1"),
    ],
)
def test_facts_of_another_form_are_refused(phase: str, output: str) -> None:
    found = next(p for p in PHASES if p.id == phase)

    with pytest.raises(KbError) as error:
        read_reply((found,), reply(found, output))

    assert error.value.code.id == "KB346"


# ---- records

CHECKPOINT = {
    "schema": 1,
    "cluster": "ha",
    "node": "cp1",
    "version": "v1.34.2",
    "phases": {"host": {"at": "2026-11-21T02:00:00Z", "run": "r", "changes": 3}},
}


@FUZZ
@given(st.one_of(damaged(CHECKPOINT).map(json.dumps), text))
@example('{"schema": 1, "phases": []}')
@example('{"schema": 1, "phases": {"host": {}}}')
@example('{"schema": 1, "phases": {"host": 3}}')
@example("[" * 100_000)
def test_checkpoints(record: str) -> None:
    found = json.loads(checkpoint.updated(record, HA, HA.first, Entry("join", "r", 1, 0.0)))
    assert "join" in found["phases"]
    probed = ProbeResult(facts={}, kubeconfig=None, state=record, at=0)
    rows = status_table.StatusTable(HA, NOTHING, {HA.first.name: probed})
    assert rows.row(HA.first, "")["node"] == HA.first.name


CLAIM = {
    "holder": "alice",
    "host": "ops1",
    "pid": 4711,
    "start": 1,
    "machine": "m",
    "run": "r",
    "command": "kbootstrap up",
    "since": "2026-11-21T07:16:06Z",
    "ttl": 30,
}
stamps = st.lists(
    st.tuples(st.sampled_from(["boot", "stamp", "now"]), text).map("=".join), max_size=4
)


@FUZZ
@given(stamps, st.one_of(damaged(CLAIM).map(json.dumps), json_values.map(json.dumps), text))
@example(["now=x", "stamp=1"], "{}")
@example(["stamp=1", "now=" + "9" * 5000], "{}")
@example(["now=5"], "{}")
@example(["stamp=1", "now=2"], '{"pid": Infinity, "ttl": 1e400}')
def test_lock_records(head: list[str], record: str) -> None:
    state = parse_record("\n".join([*head, record]))

    assert isinstance(state, LockState)
    assert isinstance(state.who + state.freshness, str)
    assert state.held in {True, False}
    claim = parse_claim(record)
    assert claim is None or claim.who.isprintable()
