"""Which stage of a rotation of the CAs a node needs, and how its CA identifies it meanwhile."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kbootstrap import codes
from kbootstrap.action import (
    HostAction,
    PutTemplate,
    ReadSecret,
    Remove,
    RestartWorkloads,
    Run,
    WriteKubeconfig,
)
from kbootstrap.drift import rotation
from kbootstrap.drift.rotation import AGAIN
from kbootstrap.engine.inputs import LocalInputs, LocalState
from kbootstrap.engine.phase import AnyPhase, NoFacts, View, forward
from kbootstrap.model.observed import Observed, ObservedNode
from kbootstrap.render import render
from phases import (
    ca_rotation_ends,
    ca_rotation_planes,
    ca_rotation_workers,
    certificates,
    identity,
    workflows,
)
from phases.ca_rotation import Signed
from phases.ca_rotation_workers import Client
from phases.ownership import ca_hash, ca_hashes, carries_record, foreign, is_ours
from tests.laws.certificates import signed
from tests.laws.clusters import CA, OTHER_CA, cluster
from tests.standin.common.pki import authority

HA = cluster("ha")
NOW = 1_800_000_000
BOTH = CA + OTHER_CA  # the old one signs
LATER = OTHER_CA + CA  # the new one signs
OLD, NEW = ca_hash(CA), ca_hash(OTHER_CA)
NEXT_CA, OTHER, LEAF = signed()
KUBELET = certificates.KUBELET_CLIENT


def view(facts: Any, node: str = "cp1", ca: str = CA, **fields: Any) -> View[Any]:
    nodes = tuple(ObservedNode(name=one.name, ready=True) for one in HA.nodes)
    api = fields.pop("api", Observed(reachable=True, ready=True, nodes=nodes))
    return View(cluster=HA, node=HA.node(node), facts=facts, ca=ca, api=api, now=NOW, **fields)


def ended(at: int = NOW, ca: str = OTHER_CA) -> Observed:
    return Observed(reachable=True, last_applied=rotation.end(ca_hash(ca), at))


def planned(phase: AnyPhase, seen: View[Any]) -> tuple[Any, ...]:
    return tuple(phase.plan(seen))


STAGES = (
    ca_rotation_planes.TRUST,
    ca_rotation_planes.SIGN,
    ca_rotation_planes.DROP,
    ca_rotation_workers.TRUST,
    ca_rotation_workers.DROP,
)


def at(phase: AnyPhase) -> str:
    return "w1" if phase.id.endswith("worker") else "cp1"


@pytest.mark.parametrize("phase", STAGES, ids=lambda phase: phase.id)
def test_a_stage_is_planned_until_nothing_of_it_is_open(phase: AnyPhase) -> None:
    def needs(**facts: Any) -> bool:
        return any(
            isinstance(a, Run) for a in planned(phase, view(phase.facts(**facts), at(phase)))
        )

    assert needs()  # the new CAs are not made yet
    assert needs(begun=True, open=("ca",))
    assert needs(begun=True, open=("kube-apiserver",))
    assert not needs(begun=True)


@pytest.mark.parametrize("phase", STAGES, ids=lambda phase: phase.id)
def test_a_rotation_that_has_ended_starts_again_only_a_day_later(phase: AnyPhase) -> None:
    facts = phase.facts()
    assert planned(phase, view(facts, at(phase), OTHER_CA, api=ended())) == ()
    assert planned(phase, view(facts, at(phase), OTHER_CA, api=ended(NOW - AGAIN)))
    assert planned(phase, view(facts, at(phase), CA, api=ended()))  # it was another CA's


def test_a_control_plane_signs_again_until_every_certificate_is_of_the_new_ca() -> None:
    def needs(leaf: str, new: str) -> bool:
        facts = Signed(begun=True, certificate=(f"{KUBELET} {leaf}",), next=(f"ca {new}",))
        return bool(planned(ca_rotation_planes.SIGN, view(facts)))

    assert needs(LEAF, OTHER)
    assert not needs(LEAF, NEXT_CA)
    assert not needs(OTHER, NEXT_CA)  # a CA among the files is no certificate that it issued


@pytest.mark.parametrize(
    ("facts", "needs"),
    [
        (Client(certificate=(f"{KUBELET} {LEAF}",), next=(f"ca {OTHER}",)), True),
        (Client(certificate=(f"{KUBELET} {LEAF}",), next=(f"ca {NEXT_CA}",)), False),
        (Client(certificate=(f"{KUBELET} {LEAF}",)), True),
        (Client(none=True, next=(f"ca {NEXT_CA}",)), True),
    ],
    ids=("old", "new", "not begun", "a request was interrupted"),
)
def test_a_kubelet_requests_a_certificate_of_the_new_ca(facts: Client, *, needs: bool) -> None:
    seen = view(facts, "w1")
    actions = planned(ca_rotation_workers.SIGN, seen)
    assert bool(actions) == needs
    assert planned(ca_rotation_workers.SIGN, forward(seen, actions)) == ()


def test_the_keys_travel_in_memory_and_to_control_planes_only() -> None:
    first, other, worker = (
        planned(ca_rotation_ends.NEXT, view(ca_rotation_ends.Begun(), name))
        for name in ("cp1", "cp2", "w1")
    )
    assert [type(action) for action in first] == [Run]
    for actions, keys in ((other, True), (worker, False)):
        read, put, _, remove = actions
        assert isinstance(read, ReadSecret)
        assert isinstance(put, PutTemplate)
        assert isinstance(remove, Remove)
        assert (read.host, ".key" in read.script()) == ("cp1", keys)
        assert put.path.startswith("/run/")
        assert (put.mode, put.secret, remove.path, remove.always) == (0o600, True, put.path, True)


def test_other_cas_are_not_made_if_a_node_has_some() -> None:
    missing = view(ca_rotation_ends.Begun())
    begun = view(ca_rotation_ends.Begun(begun=True), "cp2")
    (finding,) = ca_rotation_ends.compare((missing, begun))
    assert (finding.code, finding.where.node) == (codes.DAMAGED, "cp1")
    assert not list(ca_rotation_ends.compare((missing, view(ca_rotation_ends.Begun(), "cp2"))))


def test_a_ca_without_its_key_is_refused() -> None:
    (finding,) = ca_rotation_ends.check(view(ca_rotation_ends.Begun(key=("ca",))))
    assert finding.code is codes.EXTERNAL_CA
    assert "/etc/kubernetes/pki/front-proxy-ca.key" in finding.message
    assert not list(ca_rotation_ends.check(view(ca_rotation_ends.Begun(), "w1")))


def test_pods_restart_once_in_a_rotation() -> None:
    seen = view(NoFacts())
    (action,) = planned(ca_rotation_ends.WORKLOADS, seen)
    assert isinstance(action, RestartWorkloads)
    both = Observed(reachable=True, last_applied=rotation.pods(ca_hashes(BOTH)))
    for ca in (BOTH, LATER, OTHER_CA):
        assert planned(ca_rotation_ends.WORKLOADS, view(NoFacts(), ca=ca, api=both)) == ()


def kubeconfigs(ca: str, local: str, api: Observed) -> list[bool]:
    seen = view(
        NoFacts(),
        ca=ca,
        api=api,
        inputs=LocalInputs(kubeconfig="/k"),
        local=LocalState(kubeconfig_ca=local),
    )
    both = (ca_rotation_ends.KUBECONFIG, ca_rotation_ends.NEW_KUBECONFIG)
    return [any(isinstance(a, WriteKubeconfig) for a in planned(p, seen)) for p in both]


def test_the_operators_kubeconfig_is_written_when_both_are_trusted_and_at_the_end() -> None:
    begins = Observed(reachable=True)
    restarted = Observed(reachable=True, last_applied=rotation.pods(ca_hashes(BOTH)))
    assert kubeconfigs(CA, CA, begins) == [True, True]
    assert kubeconfigs(BOTH, CA, restarted) == [True, True]
    assert kubeconfigs(BOTH, BOTH, restarted) == [False, True]
    assert kubeconfigs(OTHER_CA, LATER, restarted) == [False, True]
    assert kubeconfigs(OTHER_CA, LATER, ended()) == [False, True]
    assert kubeconfigs(OTHER_CA, OTHER_CA, ended()) == [False, False]
    assert kubeconfigs(CA, "", begins) == [False, False]  # there is none


def test_the_old_ca_is_dropped_only_after_every_node_has_a_certificate_of_the_new_one() -> None:
    order = [phase.id for phase in workflows.rotate_ca(HA)]
    waits = {phase.id: {name for name, _ in phase.waits} for phase in workflows.rotate_ca(HA)}
    assert order.index("ca-workloads") < order.index("ca-sign")
    assert {"ca-sign", "ca-sign-worker"} <= waits["ca-drop-worker"]
    assert {"ca-sign", "ca-drop-worker"} <= waits["ca-drop"]
    assert "ca-pods" in waits["ca-workloads"]


# What identifies the cluster: of every state that a node and the control plane in use may have.


def ours(node: str, record: str, pinned: str, used: str, local: str = "") -> bool:
    """Whether the node with these CAs is taken for one of the cluster."""
    known = replace(HA, ca_hash=pinned)
    facts = identity.Facts(marker="demo", marker_ca=record, ca=tuple(node.splitlines()))
    seen: View[Any] = View(
        cluster=known,
        node=known.first,
        facts=facts,
        ca=used,
        control_plane="cp1",
        local=LocalState(kubeconfig_ca=local),
    )
    assert is_ours(seen) is not any(foreign(seen))
    return is_ours(seen)


@pytest.mark.parametrize(
    ("node", "record", "used"),
    [
        (CA, OLD, CA),
        (CA, OLD, BOTH),
        (BOTH, OLD, CA),
        (BOTH, OLD, LATER),
        (LATER, OLD, LATER),
        (LATER, NEW, LATER),
        (OTHER_CA, NEW, LATER),
        (LATER, NEW, OTHER_CA),
        (OTHER_CA, NEW, OTHER_CA),
    ],
    ids=map(str, range(9)),  # the CAs are other ones in each test process
)
@pytest.mark.parametrize("local", [CA, BOTH, ""], ids=("old", "both", "none"))
def test_a_node_is_ours_at_every_point_of_a_rotation(
    node: str, record: str, used: str, local: str
) -> None:
    """The inventory, and a kubeconfig, may name what the node or a control plane trusts."""
    known = ca_hashes(node) | ca_hashes(used)
    assert ours(node, record, "", used, local) is (not local or bool(ca_hashes(local) & known))
    assert ours(node, record, OLD, used) is (OLD in known)
    assert ours(node, record, NEW, used) is (NEW in known)


def test_a_foreign_ca_is_refused_during_a_rotation() -> None:
    foreign_ca = authority("kubernetes", algorithm="ECDSA-P256").cert_pem()
    assert not ours(foreign_ca, OLD, "", BOTH)
    assert not ours(foreign_ca, "", "", BOTH)
    assert not ours(BOTH, OLD, ca_hash(foreign_ca), BOTH)


def test_a_control_plane_that_trusts_the_ca_of_the_inventory_is_asked() -> None:
    known = replace(HA, ca_hash=OLD)
    for pem, asked in ((CA, True), (BOTH, True), (LATER, True), (OTHER_CA, False)):
        facts = identity.Facts(marker="demo", ca=tuple(pem.splitlines()))
        assert carries_record(known, facts) is asked


def test_the_controller_manager_signs_with_one_certificate() -> None:
    """It ends with an error if the file has two (newCAProvider in ca_provider.go)."""
    for phase, file in (
        (ca_rotation_planes.TRUST, "/etc/kubernetes/pki/rotation/old/ca.crt"),
        (ca_rotation_planes.SIGN, "/etc/kubernetes/pki/rotation/new/ca.crt"),
        (ca_rotation_planes.DROP, "/etc/kubernetes/pki/ca.crt"),
    ):
        scripts = [
            a.script() for a in planned(phase, view(phase.facts())) if isinstance(a, HostAction)
        ]
        assert any(f"\\1{file}," in script for script in scripts)


def test_the_keys_leave_the_tmpfs_before_the_node_counts_as_begun(tmp_path: Path) -> None:
    """Afterwards no run would remove them, if this one were interrupted there."""
    file, made, pki = (tmp_path / name for name in ("authorities", "rotation", "pki"))
    file.write_text("ca Q0VSVA== S0VZ\n")
    pki.mkdir()
    (pki / "ca.crt").write_text("OLD")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mv").write_text(f'#!/bin/sh\n[ ! -e {file} ] && exec /bin/mv "$@"\n')
    (tmp_path / "bin/mv").chmod(0o755)
    script = render("rotation/take.sh.j2", rotation=str(made), names=("ca",), file=str(file))
    script = script.replace("/etc/kubernetes/pki", str(pki))

    path = f"{tmp_path}/bin:/usr/bin:/bin"
    subprocess.run(["sh", "-euc", script], check=True, env={"PATH": path})

    found = {name: (made / name).read_text() for name in ("new/ca.crt", "new/ca.key")}
    assert found == {"new/ca.crt": "CERT", "new/ca.key": "KEY"}
    assert (made / "old/ca.crt").read_text() == "OLD"
    assert not file.exists()
