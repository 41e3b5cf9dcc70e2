"""The beginning and the end of a rotation of the CAs, and what happens once in between.

The new CAs are made once, on the first control plane, and copied over SSH in memory. Both CAs of a
kind are in one directory on every node until the end, and every node is judged by them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes, kubeadm
from kbootstrap.action import (
    Action,
    FinishRotation,
    PutTemplate,
    ReadSecret,
    Remove,
    RestartWorkloads,
    Risk,
    Run,
    WriteKubeconfig,
)
from kbootstrap.drift import rotation
from kbootstrap.engine.phase import NoFacts, Phase, View, Wait, on_first
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.node_paths import CA_ROTATION, RUNTIME_DIR
from kbootstrap.render import render
from phases import ca_rotation
from phases.ownership import ca_hash, ca_hashes

FILE = f"{RUNTIME_DIR}/authorities"
POD_SECONDS = 300  # for a kubelet to renew the copies of the CA that pods have mounted
_RESTARTS, _EACH = 1800, 60  # seconds for all pods to be replaced, and more for each node


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What templates/rotation/begun_probe.sh.j2 prints: the node has the old and the new CAs."""

    begun: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(Left):
    """Also what templates/rotation/keys_probe.sh.j2 prints: the CAs whose key is on the node."""

    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """What templates/rotation/pods_probe.sh.j2 prints.

    Attributes:
        trusts: the node itself trusts the new CA.
        behind: the copy that a pod has mounted lacks it.

    """

    trusts: bool = False
    behind: bool = False


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    keys = render("rotation/keys_probe.sh.j2", **ca_rotation.values(cluster, node))
    return f"{probe_left(cluster, node)}\n{keys}"


def probe_left(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return render("rotation/begun_probe.sh.j2", **ca_rotation.values(cluster, node))


def plan(view: View[Begun]) -> Iterator[Action]:
    """Make the new CAs on the first control plane; copy them to the others."""
    if view.facts.begun or ca_rotation.finished(view):
        return
    values = ca_rotation.values(view.cluster, view.node)
    if view.node == view.cluster.first:
        yield _make(view, values)
        return
    first = view.cluster.first.name
    yield ReadSecret(
        why=f"they were made on {first}",
        title=f"read the new CAs{' and their keys' if view.node.is_control_plane else ''}"
        f" from {first}",
        body=render("rotation/read.sh.j2", **values),
        placeholder="authorities",
        host=first,
    )
    yield PutTemplate(
        why="the node gets them from it; on a tmpfs, removed at once",
        path=FILE,
        body="@@authorities@@\n",
        needs=("authorities",),
    )
    yield Run(
        why="every node has to trust them, and every control plane to sign with them",
        title=f"place the new CAs, and copies of the old ones, in {CA_ROTATION}",
        body=render("rotation/take.sh.j2", **values, file=FILE),
        effect={"begun": True},
    )
    yield Remove(why="it holds the keys", path=FILE, always=True)


def _make(view: View[Begun], values: dict[str, object]) -> Action:
    configuration = kubeadm.cluster_configuration(view.cluster)
    configuration["certificatesDir"] = f"{CA_ROTATION}.made/new"
    return Run(
        why="they are made once, here",
        title=f"make new CAs in {CA_ROTATION} (kubeadm init phase certs)",
        body=render(
            "rotation/make.sh.j2",
            **values,
            config=kubeadm.control_plane_config(view.cluster, view.node, configuration),
        ),
        effect={"begun": True},
    )


def check(view: View[Begun]) -> Iterator[Finding]:
    """Refuse if the CA of the cluster is somewhere else."""
    missing = set(ca_rotation.names(view.cluster, view.node)) - set(view.facts.key)
    if view.node.is_control_plane and missing:
        keys = ", ".join(f"{kubeadm.PKI}/{name}.key" for name in sorted(missing))
        yield Finding(codes.EXTERNAL_CA, f"there is no {keys}")


def compare(views: tuple[View[Begun], ...]) -> Iterator[Finding]:
    """Refuse to make other CAs than those that nodes have already."""
    for first in views:
        if first.node != first.cluster.first or first.facts.begun or ca_rotation.finished(first):
            continue
        for other in views:
            if other.facts.begun:
                message = f"{CA_ROTATION} is on {other.node.name}, and not on the node"
                detail = "copy it from another control plane"
                finding = Finding(codes.DAMAGED, message, detail=detail)
                yield finding.at(first.node.name, "ca-next")
                return


def probe_pods(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return render("rotation/pods_probe.sh.j2", **ca_rotation.values(cluster, node))


def plan_pods(view: View[Pods]) -> Iterator[Action]:
    """Wait until every pod on the node has the new CA beside the old one."""
    if ca_rotation.finished(view) or (view.facts.trusts and not view.facts.behind):
        return
    yield Run(
        why="a pod that reads it again must find the CA of the API server's next certificate",
        title="wait until the new CA is in the copies that pods have mounted",
        body=render(
            "rotation/pods.sh.j2",
            **ca_rotation.values(view.cluster, view.node),
            seconds=POD_SECONDS,
        ),
        effect={"trusts": True, "behind": False},
    )


def plan_workloads(view: View[NoFacts]) -> Iterator[Action]:
    """Restart the pods before the API server has a certificate of the new CA."""
    known = ca_hash(view.ca)
    if not known or ca_rotation.finished(view) or rotation.restarted(view.api, known):
        return
    entry = rotation.pods(ca_hashes(view.ca))
    yield RestartWorkloads(
        why="most clients of the API read its CA once, when they start",
        nodes=len(view.cluster.nodes),
        seconds=_RESTARTS + _EACH * len(view.cluster.nodes),
        risk=Risk.DISRUPT,
        effect={"api": {"last_applied": rotation.recorded(view.api, entry)}},
    )


def plan_both(view: View[NoFacts]) -> Iterator[Action]:
    """The operator's kubeconfig trusts both CAs."""
    path, trusted = view.inputs.kubeconfig, ca_hashes(view.local.kubeconfig_ca)
    begins = not rotation.restarted(view.api, ca_hash(view.ca))
    if not path or len(trusted) != 1 or ca_rotation.finished(view):
        return
    if begins or trusted != ca_hashes(view.ca):
        yield WriteKubeconfig(why="it has to trust both CAs", path=path)


def plan_end(view: View[NoFacts]) -> Iterator[Action]:
    """Finish what the API hands out."""
    if view.ca and not ca_rotation.finished(view):
        entry = rotation.end(ca_hash(view.ca), view.now)
        yield FinishRotation(
            why="no node trusts the old CAs",
            at=view.now,
            effect={"api": {"last_applied": rotation.recorded(view.api, entry)}},
        )


def plan_clean(view: View[Left]) -> Iterator[Action]:
    """Remove both kinds of CAs from the node; its own files have the new ones."""
    if view.ca and (view.facts.begun or not ca_rotation.finished(view)):
        entry = rotation.end(ca_hash(view.ca), view.now)
        effect: dict[str, object] = {"begun": False}
        if not ca_rotation.finished(view):
            effect["api"] = {"last_applied": rotation.recorded(view.api, entry)}
        yield Remove(why="the rotation has ended, and it has keys", path=CA_ROTATION, effect=effect)


def plan_new(view: View[NoFacts]) -> Iterator[Action]:
    """The operator's kubeconfig trusts only the new CA."""
    path, trusted = view.inputs.kubeconfig, view.local.kubeconfig_ca
    if path and trusted and (trusted != view.ca or not ca_rotation.finished(view)):
        yield WriteKubeconfig(why="it has to trust only the new CA", path=path)


def _once(name: str, title: str, plan: Any, waits: tuple[tuple[str, Wait], ...] = ()) -> Phase[Any]:
    """A phase of the first control plane that reads no node."""
    return Phase(
        id=name,
        title=title,
        facts=NoFacts,
        plan=plan,
        on=on_first,
        waits=waits,
        api=True,
        recorded=False,
    )


NEXT = Phase(
    id="ca-next",
    title="New CAs",
    facts=Begun,
    probe=probe,
    plan=plan,
    check=check,
    compare=compare,
    waits=(("ca-next", Wait.FIRST),),
    api=True,
    recorded=False,
)
PODS = Phase(
    id="ca-pods",
    title="New CA in the pods",
    facts=Pods,
    probe=probe_pods,
    plan=plan_pods,
    waits=(("ca-trust", Wait.CONTROL_PLANES),),
    api=True,
    recorded=False,
)
WORKLOADS = _once("ca-workloads", "Pods restarted", plan_workloads, (("ca-pods", Wait.ALL),))
KUBECONFIG = _once("ca-kubeconfig", "Old and new CA in the operator's kubeconfig", plan_both)
END = _once("ca-end", "Old CAs no longer handed out", plan_end, (("ca-drop", Wait.CONTROL_PLANES),))
CLEAN = Phase(
    id="ca-clean",
    title="Files of the rotation removed",
    facts=Left,
    probe=probe_left,
    plan=plan_clean,
    waits=(("ca-end", Wait.FIRST),),
    api=True,
    recorded=False,
)
NEW_KUBECONFIG = _once("ca-new-kubeconfig", "New CA in the operator's kubeconfig", plan_new)
