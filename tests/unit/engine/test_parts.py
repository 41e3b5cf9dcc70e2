"""The small parts of the engine: facts, effects, records, what observers get, plans."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap import codes
from kbootstrap.action import PutFile, Risk, Run
from kbootstrap.engine import checkpoint
from kbootstrap.engine.checkpoint import Entry
from kbootstrap.engine.events import Bus, Event
from kbootstrap.engine.phase import NoFacts, View, forward, parse_facts
from kbootstrap.engine.planner import make_plan, verdicts
from kbootstrap.engine.probe import EtcdLogin, Prober, first_parts, probe_parts, read_reply
from kbootstrap.errors import Finding, LostError, PhaseError
from kbootstrap.lock.record import LockState
from kbootstrap.masking import mask_output
from kbootstrap.model.cluster import Node
from kbootstrap.remote.protocol import Part, PartResult, Reply
from kbootstrap.secret import Secret
from phases import workflows
from tests.laws.clusters import cluster
from tests.unit.engine.toys import HA, Done, toy

# ---- facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    text: str = ""
    number: int = 0
    flag: bool = False
    lines: tuple[str, ...] = ()


def test_facts_are_read_by_the_types_of_their_fields() -> None:
    text = "text=a=b c\nnumber=-3\nflag=1\nlines=x\nlines=\nlines=y z\n"
    assert parse_facts(Facts, text) == Facts(
        text="a=b c", number=-3, flag=True, lines=("x", "", "y z")
    )
    assert parse_facts(Facts, "") == Facts()
    assert parse_facts(Facts, "flag=1\nflag=0\ntext=\n") == Facts()


@pytest.mark.parametrize("line", ["other=1", "no equals sign", "flag=yes", "number=x", ""])
def test_a_line_that_is_no_fact_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"unexpected line|neither 0 nor 1|invalid literal"):
        parse_facts(Facts, f"text=a\n{line}\n")


def test_effects_change_facts_and_the_api() -> None:
    view = View(cluster=HA, node=HA.first, facts=Facts())
    actions = (
        Run(why="x", title="x", body="x", effect={"flag": True}),
        Run(why="x", title="x", body="x", effect={"text": "t", "api": {"ready": True}}),
    )

    after = forward(view, actions)

    assert after.facts == Facts(flag=True, text="t")
    assert after.api.ready
    assert view.facts == Facts()


# ---- records


def test_a_record_grows_by_the_phases_that_ended() -> None:
    first = checkpoint.updated("", HA, HA.first, Entry("host", "run1", 3, 0))
    second = checkpoint.updated(first, HA, HA.first, Entry("init", "run2", 1, 1_700_000_000))

    record = checkpoint.read(second)

    assert record["phases"] == {
        "host": {"at": "1970-01-01T00:00:00Z", "run": "run1", "changes": 3},
        "init": {"at": "2023-11-14T22:13:20Z", "run": "run2", "changes": 1},
    }
    assert (record["cluster"], record["node"], record["schema"]) == ("demo", "cp1", 1)
    assert record["version"] == str(HA.version)


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"schema": 2}', '"x"'])
def test_a_record_that_cannot_be_read_is_begun_again(text: str) -> None:
    assert checkpoint.read(text) == {}
    assert json.loads(checkpoint.updated(text, HA, HA.first, Entry("a", "r", 1, 0)))["phases"]


def test_a_record_is_quoted_for_the_shell() -> None:
    script = checkpoint.write_script('{"a": "it\'s $HOME"}')
    assert """'{"a": "it'"'"'s $HOME"}'""" in script


# ---- what observers get

FEW = settings(max_examples=40, derandomize=True, database=None, deadline=None)


@FEW
@given(
    st.from_regex(r"[a-z0-9]{6}\.[a-z0-9]{16}", fullmatch=True),
    st.sampled_from(["", " ", "\n", '"', "token=", "--token ", ": "]),
    st.sampled_from(["", " ", "\n", '"', ",", ". "]),
)
def test_tokens_are_masked(token: str, before: str, after: str) -> None:
    assert mask_output(f"{before}{token}{after}") == f"{before}***{after}"


@FEW
@given(st.text("0123456789abcdef", min_size=64, max_size=64))
def test_keys_are_masked_and_public_pins_are_not(key: str) -> None:
    assert key not in mask_output(f"[upload-certs] Using certificate key:\n{key}\n")
    pin = f"--discovery-token-ca-cert-hash sha256:{key}"
    assert mask_output(pin) == pin


def test_a_transcript_of_init_loses_its_secrets_only() -> None:
    said = """\
[bootstrap-token] Using token: effngh.zj0v2tis3pixw2qi
  kubeadm join 10.90.0.11:6443 --token effngh.zj0v2tis3pixw2qi \\
    --discovery-token-ca-cert-hash sha256:9e7f88a679a9dcf4d4909b2e34a0e524\
44ba9b6d554f8436bf70ad30dc351a25 \\
    --control-plane --certificate-key e90e5d8b7ebf65e0e94cf5a14bda2eb6\
60ac16a3e5138e15bc050d49b87a2416
"""
    assert mask_output(said) == said.replace("effngh.zj0v2tis3pixw2qi", "***").replace(
        "e90e5d8b7ebf65e0e94cf5a14bda2eb660ac16a3e5138e15bc050d49b87a2416", "***"
    )


def test_the_bus_reports_to_every_observer() -> None:
    first: list[Event] = []
    second: list[Event] = []
    bus = Bus(first.append, second.append)

    bus.output("w1", "join", ["a  ", "", "b"])
    bus.note("w1", "join", "waiting")

    assert [event.text for event in first] == ["a", "b", "waiting"]
    assert first == second


# ---- plans


def views(phase: object, node: Node) -> View[object]:
    del phase
    return View(cluster=HA, node=node, facts=Done())


def test_a_plan_has_a_step_for_each_phase_where_it_runs() -> None:
    phases = (toy("one", "a"), toy("two", on=lambda _, node: node.is_control_plane))

    plan = make_plan(HA, phases, HA.nodes[1:], views)

    assert [(step.phase.id, step.node) for step in plan.steps] == [
        *(("one", name) for name in ("cp2", "cp3", "w1")),
        *(("two", name) for name in ("cp2", "cp3")),
    ]
    assert {step.phase.id for step in plan.changes} == {"one"}
    assert plan.step("w1", "two") is None
    step = plan.step("w1", "one")
    assert step is not None
    assert step.keys == {"do a"}


def test_a_plan_is_as_bad_as_its_worst_action() -> None:
    plan = make_plan(HA, (toy("one", "a"),), HA.nodes, views)
    assert plan.risk is Risk.NONE
    (first, *rest) = plan.steps
    worse = PutFile(why="x", path="/x", body="", risk=Risk.DISRUPT)
    assert replace(plan, steps=(*rest, replace(first, actions=(worse,)))).risk is Risk.DISRUPT
    assert replace(plan, steps=()).risk is Risk.NONE


def test_verdicts_say_where() -> None:
    def check(view: View[Done]) -> Iterator[Finding]:
        yield Finding(codes.NOT_ROOT, view.node.name)

    phase = replace(toy("one", on=lambda _, node: node.name == "w1"), check=check)
    (error,) = verdicts(HA, (phase,), HA.nodes, views)
    assert (error.where.node, error.where.phase, error.message) == ("w1", "one", "w1")


# ---- surveys


def test_one_probe_holds_every_phase_that_runs_there() -> None:
    ids = [part.id for part in probe_parts(HA, HA.node("w1"), workflows.up(HA))]
    assert "probe:join-worker" in ids
    assert "probe:init" not in ids
    assert ids[-1] == "read:state"
    parts = probe_parts(HA, HA.first, workflows.up(HA))
    secret = [part.id for part in parts if part.secret]
    assert secret == ["read:kubeconfig", "read:etcd-ca", "read:etcd-pair"]
    known = cluster("external-etcd")
    external = probe_parts(known, known.first, workflows.up(known))
    assert [part.id for part in external if part.secret] == secret
    assert "cat /etc/etcd/client.crt /etc/etcd/client.key" in external[-1].script
    assert {part.kind for part in parts} == {"probe"}


class Gated:
    """A control plane with a record of the lock, which is what a gate closes at."""

    def __init__(self, record: str) -> None:
        self.record, self.trips = record, 0

    def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply:
        """As a node does; every probe prints nothing."""
        del run_id
        self.trips += 1
        lock = next(part for part in parts if part.id == "read:lock")
        closed = bool(self.record) and lock.kind == "step"
        said = f"boot=b\nstamp=1\nnow=2\n{self.record}" if self.record else "boot=b\n"
        return Reply(
            tuple(
                PartResult(
                    part.id,
                    int(closed and part is lock),
                    said if part is lock else "",
                    millis=1,
                    skipped=closed and not part.always,
                    truncated=False,
                )
                for part in parts
            )
        )


def test_a_survey_reads_the_lock_in_the_same_trip() -> None:
    for record in ("", "held"):
        node = Gated(record)
        snapshot = Prober(HA, HA.first, (toy("one"),), node, "run").probe()
        assert (snapshot.lock.text, snapshot.lock.boot, node.trips) == (record, "b", 1)


def test_a_lock_ends_a_survey_before_anything_else_is_asked() -> None:
    class StopError(Exception):
        pass

    def stop(seen: LockState) -> None:
        assert (seen.text, seen.age) == ("held", 1)
        raise StopError

    node = Gated("held")
    prober = Prober(HA, HA.first, (toy("one"),), node, "run")
    with pytest.raises(StopError):
        prober.probe(stop)
    assert node.trips == 1

    snapshot = prober.probe(lambda _: None)  # a dead one: continue
    assert (snapshot.lock.text, set(snapshot.facts), node.trips) == ("held", {"one"}, 3)

    free = Gated("")
    assert Prober(HA, HA.first, (toy("one"),), free, "run").probe(stop).facts
    assert free.trips == 1


def test_workers_keep_no_lock() -> None:
    ids = {part.id for part in first_parts(HA, HA.node("w1"), workflows.up(HA), gate=True)}
    assert "read:lock" not in ids


def reply(**answers: tuple[int, str]) -> Reply:
    known = {"read:state": (0, "{}")} | {f"probe:{key}": value for key, value in answers.items()}
    return Reply(
        tuple(
            PartResult(part, status, output, millis=1, skipped=False, truncated=False)
            for part, (status, output) in known.items()
        )
    )


def test_a_reply_becomes_facts() -> None:
    snapshot = read_reply((toy("one"), toy("two")), reply(one=(0, "done=a\n")))
    assert snapshot.facts == {"one": Done(done=("a",))}
    assert (snapshot.kubeconfig, snapshot.state) == (None, "{}")


def test_keys_are_secret_and_there_or_not() -> None:
    parts = reply(one=(0, "")).results
    ca = replace(parts[0], id="read:etcd-ca", output="CA\n")
    pair = replace(parts[0], id="read:etcd-pair", output="KEY\n")
    login = EtcdLogin("CA\n", Secret("KEY\n"))
    assert read_reply((toy("one"),), Reply((*parts, ca, pair))).etcd == login
    assert read_reply((toy("one"),), Reply((*parts, ca))).etcd is None


@pytest.mark.parametrize("answer", [(1, ""), (0, "nonsense\n")])
def test_a_probe_that_fails_is_an_error_of_the_node(answer: tuple[int, str]) -> None:
    with pytest.raises(PhaseError) as error:
        read_reply((toy("one"),), reply(one=answer))
    assert (error.value.code.id, error.value.where.phase) == ("KB346", "one")


def test_a_probe_on_a_node_that_goes_down_is_a_lost_connection() -> None:
    words = "Failed to get properties: Transport endpoint is not connected\n"
    known = reply(one=(1, "")).results
    dying = replace(known[1], stderr=words)

    with pytest.raises(LostError) as caught:
        read_reply((toy("one"),), Reply((known[0], dying)))

    assert (caught.value.code.id, caught.value.detail) == ("KB207", words)


def test_phases_without_facts_have_no_probe() -> None:
    for phase in workflows.up(HA):
        assert (phase.facts is NoFacts) == (phase.probe is None)


class Changing:
    """A node on which files vanish while a probe reads them, so many times."""

    def __init__(self, times: int, stderr: str) -> None:
        self.times, self.stderr, self.trips = times, stderr, 0

    def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply:
        del run_id
        self.trips += 1
        found = self.trips <= self.times
        return Reply(
            tuple(
                PartResult(
                    id=part.id,
                    rc=2 if found and part.id == "probe:one" else 0,
                    output="",
                    stderr=self.stderr if found else "",
                    millis=1,
                    skipped=False,
                    truncated=False,
                )
                for part in parts
            )
        )


GONE = "awk: cannot open /etc/kubernetes/admin.conf (No such file or directory)"


def test_a_file_that_vanishes_while_it_is_read_is_not_looked_for_again() -> None:
    """A `kubeadm reset` that still runs there removes one after the other."""
    node = Changing(2, GONE)
    assert Prober(HA, HA.node("w1"), (toy("one"),), node, "run").probe().facts
    assert node.trips == 3


@pytest.mark.parametrize(("times", "stderr", "trips"), [(9, GONE, 3), (1, "Permission denied", 1)])
def test_a_probe_that_fails_otherwise_or_for_ever_is_an_error(
    times: int, stderr: str, trips: int
) -> None:
    node = Changing(times, stderr)
    with pytest.raises(PhaseError) as raised:
        Prober(HA, HA.node("w1"), (toy("one"),), node, "run").probe()
    assert (raised.value.code, node.trips) == (codes.PROBE_FAILED, trips)
