"""Which certificates are renewed, what is restarted because of it, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap.action import HostAction
from kbootstrap.engine.inputs import LocalInputs, LocalState
from kbootstrap.engine.phase import NoFacts, View, Wait, forward
from kbootstrap.options import RunOptions
from phases import certs_renew, certs_worker, kubeconfig
from phases.certificates import ADMIN, CA, KUBELET_CLIENT
from phases.certs_renew import AUTHORITIES, Facts, Running
from tests.laws.certificates import encoded
from tests.laws.clusters import cluster

HA = cluster("ha")
NOW, HOUR, DAY = 1_800_000_000, 3600, 24 * 3600
FRESH = NOW + 365 * DAY - 60
API, SCHEDULER = "/etc/kubernetes/pki/apiserver.crt", "/etc/kubernetes/scheduler.conf"
READY = Facts(key=AUTHORITIES, ready=True)


def line(path: str, ends: int, *, authority: bool = False) -> str:
    return f"{path} {encoded(ends, authority=authority)}"


def view(*lines: str, within: int | None = None, **facts: Any) -> View[Facts]:
    return View(
        cluster=HA,
        node=HA.first,
        facts=replace(READY, certificate=lines, **facts),
        options=RunOptions(within=within),
        now=NOW,
    )


def running(**facts: Any) -> View[Running]:
    return View(cluster=HA, node=HA.first, facts=Running(**facts), now=NOW)


def titles(seen: View[Facts]) -> list[str]:
    return [action.text for action in certs_renew.plan(seen)]


def test_all_are_renewed_but_those_that_were_just_made() -> None:
    lines = (line(API, NOW + 300 * DAY), line(ADMIN, FRESH))
    assert titles(view(*lines))[0] == "kubeadm certs renew: apiserver"
    assert titles(view(line(API, FRESH), line(ADMIN, FRESH))) == []


def test_when_each_is_due_kubeadm_renews_all_with_one_command() -> None:
    action, *_ = certs_renew.plan(view(line(API, NOW), line(ADMIN, NOW)))
    assert action.text == "kubeadm certs renew all"
    assert action.keys == {"renew admin.conf", "renew apiserver"}


@pytest.mark.parametrize(("days", "due"), [(29, True), (31, False)])
def test_within_renews_what_expires_then(days: int, *, due: bool) -> None:
    seen = view(line(API, NOW + days * DAY), within=30 * DAY)
    assert bool(titles(seen)) == due


def test_a_longer_time_than_a_new_one_lasts_renews_once() -> None:
    assert titles(view(line(API, FRESH), within=9999 * DAY)) == []


def test_what_reads_its_certificate_once_is_restarted() -> None:
    assert titles(view(line(API, NOW))) == ["kubeadm certs renew all"]
    assert "restart kube-scheduler" in titles(view(line(SCHEDULER, NOW)))


def test_a_component_that_was_not_restarted_after_a_renewal_is_restarted() -> None:
    seen = view(line(SCHEDULER, FRESH), stale=("kube-scheduler",), ready=True)
    assert titles(seen) == ["restart kube-scheduler"]


@pytest.mark.parametrize("ready", [True, False])
def test_a_dead_api_is_waited_for_once_all_are_renewed(*, ready: bool) -> None:
    """Without a quorum of valid certificates the API of the first would never be ready."""
    (renew,) = certs_renew.plan(view(line(API, NOW), ready=ready))
    assert isinstance(renew, HostAction)
    assert ("/readyz" in renew.script()) == ready
    assert bool(tuple(certs_renew.plan_running(running(ready=ready)))) != ready
    assert ("certs-control-plane", Wait.CONTROL_PLANES) in certs_renew.READY.waits


def test_a_static_pod_that_does_not_run_is_waited_for() -> None:
    (action,) = certs_renew.plan_running(running(ready=True, stopped=("kube-scheduler",)))
    assert action.why == "not running: kube-scheduler"


def test_the_wait_is_printed_wherever_something_is_renewed() -> None:
    """What was restarted may end once more, and the kubelet starts that later and later."""
    seen = replace(running(ready=True), facts=Running(ready=True, certificate=(line(API, NOW),)))
    (action,) = certs_renew.plan_running(seen)
    assert "wait for the control plane" in action.text
    assert not list(certs_renew.plan_running(forward(seen, (action,))))


def test_an_expired_certificate_of_a_kubelet_is_made_again() -> None:
    expired = view(line(KUBELET_CLIENT, NOW - 1), line(API, FRESH))
    assert "make the kubelet's client certificate again" in titles(expired)[0]
    assert titles(view(line(KUBELET_CLIENT, NOW + 60))) == []
    worker: View[Any] = replace(expired, node=HA.node("w1"))
    actions = tuple(certs_worker.plan(worker))
    assert [type(action).__name__ for action in actions] == [
        "MakeToken",
        "PutTemplate",
        "Run",
        "Remove",
        "DeleteTokens",
    ]
    assert tuple(certs_worker.plan(forward(worker, actions))) == ()


def test_a_due_certificate_needs_the_key_of_its_ca() -> None:
    due = view(line(API, NOW), key=("etcd/ca",))
    (finding,) = certs_renew.check(due)
    assert finding.code.id == "KB445"
    assert "/etc/kubernetes/pki/ca.key" in finding.message
    assert not list(certs_renew.check(view(line(API, FRESH), key=())))
    assert list(certs_renew.check(view(line(KUBELET_CLIENT, NOW), key=())))


def test_a_ca_that_has_expired_is_refused() -> None:
    (finding,) = certs_renew.check(view(line(API, NOW), line(CA, NOW, authority=True)))
    assert finding.code.id == "KB352"
    assert finding.message.startswith(CA)


@pytest.mark.parametrize(
    ("ends", "up", "renewed"),
    [(0, False, False), (NOW, True, True), (NOW + DAY, False, True), (FRESH, False, False)],
)
def test_the_operators_kubeconfig_is_written_again(ends: int, *, up: bool, renewed: bool) -> None:
    seen = View(
        cluster=HA,
        node=HA.first,
        facts=NoFacts(),
        ca="ca",
        inputs=LocalInputs(kubeconfig="/x/demo.kubeconfig"),
        local=LocalState(kubeconfig_ca="ca", kubeconfig_ends=ends),
        now=NOW,
    )
    assert bool(tuple(kubeconfig.plan(seen))) == up
    assert bool(tuple(kubeconfig.plan_renewed(seen))) == renewed
