"""A plan made again after a part of it was done, or after a reboot, wants nothing new.

Only actions whose keys were printed are run (`kbootstrap.engine.printed`), so an action that
makes several changes at once has to say so.
"""

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap.engine.phase import AnyPhase, View, forward
from kbootstrap.engine.printed import unprinted
from kbootstrap.model.observed import Observed
from kbootstrap.options import RunOptions
from phases import certs_renew, host, join, reset_clean, upgrade, upgrade_facts, upgrade_repair
from phases.certificates import ADMIN
from tests.laws.clusters import SWAPPING_HOST, cluster, workstation

HA = cluster("ha")
SYSCTLS = tuple(key for key, _ in host.sysctls(HA))
EXPIRED = tuple(f"{path} bm9uZQ==" for path in (ADMIN, "/etc/kubernetes/pki/apiserver.crt"))
PAIR = ("kube-controller-manager", "kube-scheduler")
FLAGS = ("pod-infra-container-image /etc/default/kubelet", "cloud-provider /x/kubeadm-flags.env")


def view(facts: Any, **changes: Any) -> View[Any]:
    return View(cluster=HA, node=HA.first, facts=facts, **workstation(HA), **changes)


def keys(phase: AnyPhase, seen: View[Any]) -> frozenset[str]:
    return frozenset(key for action in phase.plan(seen) for key in action.keys)


@pytest.mark.parametrize(
    ("phase", "facts", "field"),
    [
        (host.PHASE, host.Facts(missing_module=host.MODULES), "missing_module"),
        (host.PHASE, host.Facts(wrong_sysctl=SYSCTLS), "wrong_sysctl"),
        (upgrade.WORKER, upgrade_facts.Facts(flag=FLAGS), "flag"),
        (
            upgrade_repair.PHASE,
            upgrade_repair.Facts(missing=("/a/b/x.yaml etcd", "/a/b/y.yaml kube-apiserver")),
            "missing",
        ),
        (certs_renew.PHASE, certs_renew.Facts(certificate=EXPIRED, ready=True), "certificate"),
        (certs_renew.PHASE, certs_renew.Facts(stale=PAIR), "stale"),
        (reset_clean.CLEAN, reset_clean.Left(was=("sysctl a 0", "sysctl b 0")), "was"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_rest_of_an_action_that_does_several_things_was_printed(
    phase: AnyPhase, facts: Any, field: str
) -> None:
    with_host = RunOptions(restore_host=True)
    before = replace(view(facts), options=with_host)
    rest = replace(facts, **{field: getattr(facts, field)[1:]})
    again = replace(view(rest), options=with_host)

    assert getattr(rest, field)
    assert unprinted(phase.plan(again), keys(phase, before)) == ()
    assert unprinted(phase.plan(before), keys(phase, again)) != ()


def rebooted(before: View[host.Facts]) -> View[host.Facts]:
    """What a boot makes of the host: files are read, what was only set by hand is gone."""
    facts = before.facts
    done_modules = facts.modules_sha != ""
    done_sysctls = facts.sysctl_sha != ""
    facts = replace(
        facts,
        missing_module=() if done_modules else host.MODULES,
        wrong_sysctl=() if done_sysctls else SYSCTLS,
    )
    return replace(before, facts=facts, host=replace(before.host, swap=before.host.swap_fstab))


@pytest.mark.parametrize("done", range(8))
def test_a_host_that_reboots_within_its_phase_continues_as_printed(done: int) -> None:
    before = rebooted(view(host.Facts(), host=SWAPPING_HOST))
    printed = tuple(host.PHASE.plan(before))

    after = forward(before, printed[:done])
    assert unprinted(host.PHASE.plan(rebooted(after)), keys(host.PHASE, before)) == ()


def test_a_join_continues_when_another_control_plane_is_in_use() -> None:
    facts, second = join.Facts(), HA.control_planes[1]
    api = Observed(reachable=True)
    before = View(
        cluster=HA,
        node=HA.control_planes[2],
        facts=facts,
        api=api,
        control_plane=HA.first.name,
        ca="x",
    )
    after = replace(before, control_plane=second.name)

    printed = keys(join.CONTROL_PLANE, before)

    assert unprinted(join.CONTROL_PLANE.plan(after), printed) == ()


def test_clearing_a_half_done_join_is_never_part_of_a_plain_join() -> None:
    node = HA.control_planes[1]
    before = View(cluster=HA, node=node, facts=join.Facts(), control_plane=HA.first.name, ca="x")
    lost = replace(before, facts=join.Facts(run="lost", begun=True))

    extra = unprinted(join.CONTROL_PLANE.plan(lost), keys(join.CONTROL_PLANE, before))

    assert ["clear the half-done join" in action.text for action in extra] == [True]
