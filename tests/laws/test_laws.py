"""The laws of every phase, tried on all its facts without any host.

1. Done is an empty plan. 2. Any prefix resumes. 3. No fact is dead. And what every plan
owes its reader: it is pure, holds no secret, and says how bad it can get.
"""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from kbootstrap import action as act
from kbootstrap.action import Action, HostAction, Risk
from kbootstrap.engine.phase import AnyPhase, View, forward
from kbootstrap.masking import mask_output
from kbootstrap.model.example import example
from kbootstrap.model.host_facts import HostFacts
from kbootstrap.secret import Secret
from phases import fitness, join, workflows
from tests.laws.clusters import FIT_HOST, workstation
from tests.laws.views import PHASES, at, changed, places, views

LAW = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
each_phase = pytest.mark.parametrize("phase", PHASES, ids=[phase.id for phase in PHASES])
each_fact = pytest.mark.parametrize(
    ("phase", "field"),
    [(phase, field.name) for phase in PHASES for field in dataclasses.fields(phase.facts)],
    ids=[f"{p.id}-{f.name}" for p in PHASES for f in dataclasses.fields(p.facts)],
)

OTHER_HOST = HostFacts(
    machine="riscv64",
    kernel="6.12.1",
    hostname="n2",
    machine_id="0",
    boot_id="0",
    os_id="mine",
    os_like=("suse",),
    os_version="1",
    tools=("zypper",),
    cgroup=1,
    selinux="enforcing",
    apparmor=True,
    units=("firewalld", "chronyd"),
    iptables_table="nat",
    memory_mib=1,
    cpus=1,
    swap=("/dev/sda2",),
    swap_fstab=("UUID=17",),
    clock=1,
    routes=("default via 192.0.2.1 dev eth0",),
    mounts=("/ ext4",),
)
# Its effect is a file of the operator's, which `LocalState` shows and no fact or API field does.
ELSEWHERE = {
    *("kubeconfig", "certs-kubeconfig", "etcd-copy", "external-etcd"),
    *("ca-kubeconfig", "ca-new-kubeconfig"),
}
# Facts that other modules look at too still have to matter to their own phase: none is excused.


def planned(phase: AnyPhase, view: View[Any]) -> tuple[Action, ...]:
    return tuple(phase.plan(view))


def deeds(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """The actions without their reasons, which may be worded differently later."""
    return tuple(dataclasses.replace(action, why="", effect={}) for action in actions)


@each_phase
@LAW
@given(data=st.data())
def test_laws(phase: AnyPhase, data: st.DataObject) -> None:
    view = data.draw(views(phase))
    if phase.id not in ELSEWHERE:
        done_is_an_empty_plan(phase, view)
        any_prefix_resumes(phase, view)
    plan_is_plain(phase, view)


def done_is_an_empty_plan(phase: AnyPhase, view: View[Any]) -> None:
    """Law 1."""
    assert planned(phase, forward(view, planned(phase, view))) == ()


def any_prefix_resumes(phase: AnyPhase, view: View[Any]) -> None:
    """Law 2: after the first actions the rest is planned.

    An action without an effect leaves nothing to continue from: a token or a key belongs to
    the action that uses it, so the plan continues behind the last effect. Of clean-up alone
    (``always``) nothing is planned: the phase `cleanup` and the node itself see to it.
    """
    actions = planned(phase, view)
    last = 0
    for count in range(1, len(actions)):
        last = count if actions[count - 1].effect else last
        rest = actions[last:]
        if all(action.always for action in rest):
            rest = ()
        assert deeds(planned(phase, forward(view, actions[:count]))) == deeds(rest)


def verdict(phase: AnyPhase, view: View[Any]) -> object:
    found = [*phase.check(view), *phase.compare(beside(phase, view))]
    errors = [(error.code, error.message, error.detail, error.hint) for error in found]
    return deeds(planned(phase, view)), errors, tuple(phase.drift(view))


def beside(phase: AnyPhase, view: View[Any]) -> tuple[View[Any], ...]:
    """The node's view, and for every other node that of a member."""
    if phase is not fitness.PHASE:
        return (view,)
    member = dataclasses.replace(view, facts=fitness.Facts(member=True), host=FIT_HOST)
    return tuple(
        view if node == view.node else dataclasses.replace(member, node=node)
        for node in view.cluster.nodes
    )


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # certificates are long
@each_fact
def test_no_fact_is_dead(phase: AnyPhase, field: str) -> None:
    """There are two views that differ in this fact only, and in what comes of them."""
    find(
        changed(phase, field),
        lambda pair: verdict(phase, pair[0]) != verdict(phase, pair[1]),
        settings=settings(LAW, max_examples=3000, phases=[Phase.generate]),
    )


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(HostFacts)])
def test_no_fact_about_the_host_is_dead(field: str) -> None:
    """It matters to a phase, or is printed."""
    other = dataclasses.replace(FIT_HOST, **{field: getattr(OTHER_HOST, field)})
    seen = {host.text for host in (FIT_HOST, other)}
    assert len(seen) == 2 or any(
        matters(phase, view, other) for phase in PHASES for view in bare_views(phase)
    )


def bare_views(phase: AnyPhase) -> Iterator[View[Any]]:
    """The phase on every node, with nothing found there and nothing of a cluster."""
    for name, node in places(phase):
        known, at_node = at((name, node))
        facts = phase.facts()
        yield View(cluster=known, node=at_node, facts=facts, host=FIT_HOST, **workstation(known))


def matters(phase: AnyPhase, view: View[Any], other: HostFacts) -> bool:
    return verdict(phase, view) != verdict(phase, dataclasses.replace(view, host=other))


def plan_is_plain(phase: AnyPhase, view: View[Any]) -> None:
    """The same for the same view; each placeholder is filled before it is used."""
    actions = planned(phase, view)
    assert planned(phase, view) == actions
    assert len({action.key for action in actions}) == len(actions)
    filled: set[str] = set()
    for action in actions:
        check_words(action)
        check_risk(phase, action)
        if isinstance(action, act.PutTemplate):
            assert set(action.needs) <= filled
            assert set(re.findall("@@(.*?)@@", action.body)) == set(action.needs)
        filled |= SLOTS.get(type(action), set())


SLOTS: dict[type[Action], set[str]] = {
    act.MakeToken: {"token", "ca_hash"},
    act.MakeCertificateKey: {"certificate_key"},
    act.AwaitPodCidr: {"pod_cidr"},
    act.ReadCaHash: {"ca_hash"},
    act.ReadSecret: {"authorities"},
}


def check_words(action: Action) -> None:
    """One line, a reason, and nothing that is or looks like a secret."""
    assert action.text
    assert action.why
    assert "\n" not in action.text
    assert mask_output(action.text) == action.text
    assert not any(isinstance(part, Secret) for part in parts(action))
    if isinstance(action, HostAction):
        assert not re.search(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b", action.script())


def parts(value: object) -> Iterator[object]:
    """A value and everything inside."""
    yield value
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from parts(getattr(value, field.name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from parts(item)
    elif isinstance(value, tuple | frozenset):
        for item in value:
            yield from parts(item)


RESETS = (*workflows.reset(example()), *workflows.reset_all(example()))


def check_risk(phase: AnyPhase, action: Action) -> None:
    if action.risk is Risk.DESTROY:
        assert phase in (*RESETS, join.CONTROL_PLANE, join.WORKER)
    if isinstance(action, HostAction) and "kubeadm reset" in action.script():
        assert action.risk is Risk.DESTROY
    if isinstance(action, act.Detached):
        assert 0 < action.seconds <= 2 * 60 * 60
    if action.waits:
        assert action.risk is Risk.NONE
