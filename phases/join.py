"""Runs ``kubeadm join``: control planes one at a time, workers in parallel.

Each join has its own token, valid for minutes and deleted also if the join fails. Token and CA
hash are in a 0600 file on a tmpfs, which the detached script removes when kubeadm ends. A join
that is proven half done is cleared and repeated; a finished member is never cleared: missing
files or another role are refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import codes, kubeadm
from kbootstrap.action import (
    Action,
    AwaitVoters,
    DeleteCerts,
    DeleteTokens,
    Detached,
    ExpireCerts,
    MakeCertificateKey,
    MakeToken,
    PutTemplate,
    Remove,
    Risk,
    Run,
)
from kbootstrap.components import API_SERVER, ETCD, STATIC_PODS
from kbootstrap.drift import other_role
from kbootstrap.engine.phase import Phase, View, Wait
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.observed import CONTROL_PLANE_LABEL
from kbootstrap.node_paths import RUNTIME_DIR
from kbootstrap.render import render
from phases import init

RUN = "join"
CONFIG = f"{RUNTIME_DIR}/join.yaml"
UPLOAD = f"{RUNTIME_DIR}/upload-certs.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe prints."""

    run: str = "none"  # none, running, ok, failed or lost
    joined: bool = False  # has kubelet.conf, and a control plane its static pods
    begun: bool = False  # leftovers of a join that did not finish
    plane: bool = False  # files that only a control plane has


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    manifests = [API_SERVER, *([] if cluster.etcd.external else [ETCD])]
    return render(
        "kubeadm/join_probe.sh.j2",
        run=RUN,
        manifests=manifests if node.is_control_plane else [],
    )


def _member(view: View[Facts]) -> bool:
    """Whether the join has finished.

    The kubelet registers the Node shortly after kubeadm ends, so the API is used only if the
    result of kubeadm is not known.
    """
    if not view.facts.joined or view.facts.run in {"ok", "none"}:
        return view.facts.joined
    node = view.api.node(view.node.name)
    plane = (
        view.node.is_control_plane or view.facts.plane
    )  # it was started as a control plane, whatever its role is now
    return node is not None and (not plane or _labelled(view))


def _labelled(view: View[Facts]) -> bool:
    node = view.api.node(view.node.name)
    return node is not None and CONTROL_PLANE_LABEL in dict(node.labels)


def half_done(view: View[Facts]) -> bool:
    """Whether the files on the node are proven to be those of an unfinished join.

    Proofs are a Node that was never registered; kbootstrap's record of a failed join, unless the
    Node is Ready; for a control plane, a Ready node without its label.
    """
    node = view.api.node(view.node.name)
    if node is None:
        return True
    if view.facts.run not in {"failed", "lost"}:
        return False
    return not node.ready or (view.facts.plane and not _labelled(view))


def plan(view: View[Facts]) -> Iterator[Action]:
    """Nothing for a member; else clear an unfinished join, and join."""
    facts, name = view.facts, view.node.name
    if _member(view) or _is_made_by_init(view):
        return
    if facts.run == "running":
        yield _kubeadm_join(view, "it is still running on the node")
        yield from _drop(view)
        return
    if facts.begun or facts.joined:
        if not half_done(view):
            return  # refused by `check`
        yield _clear(view)
    if view.node.is_control_plane and view.cluster.etcd.external is None:
        yield AwaitVoters(
            why="etcd allows one learner at a time",
            but=view.node.advertise_address,
            nodes=tuple((n.advertise_address, n.name) for n in view.cluster.control_planes),
        )
    yield MakeToken(why="kubeadm join needs one", node=name, ttl=view.cluster.token_ttl)
    if view.node.is_control_plane:
        yield from _upload_certs(view)
    yield PutTemplate(
        why="kubeadm join reads it; on a tmpfs, removed when the join ends",
        path=CONFIG,
        body=kubeadm.join_config(view.cluster, view.node),
        needs=kubeadm.join_placeholders(view.node),
    )
    yield _kubeadm_join(view, "the node is not a member")
    yield from _drop(view)


def _is_made_by_init(view: View[Facts]) -> bool:
    """Whether init makes this node; it joins only if another control plane has the cluster."""
    return view.node == view.cluster.first and view.control_plane in {"", view.node.name}


def _drop(view: View[Facts]) -> Iterator[Action]:
    yield Remove(why="it holds the token", path=CONFIG, always=True)
    yield DeleteTokens(why="a token is for one join", node=view.node.name, always=True)
    if view.node.is_control_plane:
        yield DeleteCerts(why="uploaded certificates are for one join", always=True)


def _upload_certs(view: View[Facts]) -> Iterator[Action]:
    seed = view.cluster.node(view.control_plane or view.cluster.first.name)
    yield MakeCertificateKey(why="the uploaded certificates are encrypted")
    yield PutTemplate(
        why="kubeadm reads the certificate key from it; on a tmpfs, removed at once",
        path=UPLOAD,
        body=kubeadm.init_config(view.cluster, seed, certificate_key="@@certificate_key@@"),
        needs=("certificate_key",),
        host=seed.name,
    )
    yield Run(
        why="the new control plane needs the cluster's CAs",
        title=f"kubeadm init phase upload-certs, on {seed.name}",
        covers=("kubeadm init phase upload-certs",),  # on whichever control plane is in use
        body=render("kubeadm/upload_certs.sh.j2", config=UPLOAD),
        host=seed.name,
    )
    yield ExpireCerts(why="a killed run does not delete them", ttl=view.cluster.token_ttl)


def _kubeadm_join(view: View[Facts], why: str) -> Action:
    node, waits = view.node, view.cluster.kubeadm.timeouts
    nodes = view.api.with_node(node.name, **_registered(view))
    kind = "as control plane" if node.is_control_plane else "as worker"
    return Detached(
        why=why,
        name=RUN,
        title=f"kubeadm join {kind} ({view.cluster.api.endpoint})",
        body=render(
            "kubeadm/join.sh.j2", config=CONFIG, plane=node.is_control_plane, pods=STATIC_PODS
        ),
        attach=view.facts.run == "running",
        seconds=waits.discovery + waits.kubelet + waits.tls_bootstrap + waits.control_plane + 600,
        effect={"run": "ok", "joined": True, "begun": False, "api": {"nodes": nodes}},
    )


def _registered(view: View[Facts]) -> dict[str, object]:
    """Labels and taints of the Node; a join that still runs may have registered it already."""
    seen, node = view.api.node(view.node.name), view.node
    ours = {CONTROL_PLANE_LABEL: ""} if node.is_control_plane else {}
    labels = {**dict(seen.labels), **ours} if seen else ours
    taints = dict.fromkeys((*(seen.taints if seen else ()), *(node.taints or ())))
    return {"labels": tuple(labels.items()), "taints": tuple(taints)}


def _clear(view: View[Facts]) -> Action:
    """Clear the files of both roles."""
    return Run(
        why=f"an earlier join did not finish ({view.facts.run})",
        title="clear the half-done join (kubeadm reset"
        + ("; removes its etcd member)" if view.node.is_control_plane else ")"),
        body=render(
            "kubeadm/clear_join.sh.j2",
            socket=view.cluster.runtime.socket,
            member=view.node.is_control_plane and view.cluster.etcd.external is None,
        ),
        risk=Risk.DESTROY,
        effect={"begun": False, "joined": False, "plane": False, "run": "none"},
    )


def check(view: View[Facts]) -> Iterator[Finding]:
    """Refuse a member with missing files, and another version than the cluster's."""
    if _is_damaged(view):
        name = view.node.name
        yield Finding(
            codes.DAMAGED,
            "the node is a member of the cluster, but files of its join are missing",
            detail="needed: /etc/kubernetes/kubelet.conf"
            + (", the manifests of the control plane" if view.node.is_control_plane else "")
            + f"\nto join it again: kbootstrap replace {name}",
        )
    yield from init.same_version(view)


def drift(view: View[Facts]) -> Iterator[Difference]:
    """A worker that is a control plane in the inventory, unless its join is unfinished."""
    node = view.api.node(view.node.name)
    if node is None or _labelled(view) or view.facts.plane or view.facts.run == "running":
        return
    if view.node.is_control_plane:
        yield other_role(view.node, "worker")


def _is_damaged(view: View[Facts]) -> bool:
    facts = view.facts
    if _member(view) or _is_made_by_init(view) or facts.run == "running" or any(drift(view)):
        return False
    return (facts.begun or facts.joined) and not half_done(view)


def files(cluster: Cluster, node: Node) -> Iterator[tuple[str, str]]:
    """Kubeadm's configuration for the join, with placeholders for its secrets."""
    if node != cluster.first:
        yield CONFIG, kubeadm.join_config(cluster, node)


def _joins_as_control_plane(cluster: Cluster, node: Node) -> bool:
    del cluster
    return node.is_control_plane


def _joins_as_worker(cluster: Cluster, node: Node) -> bool:
    del cluster
    return not node.is_control_plane


CONTROL_PLANE = Phase(
    id="join-control-plane",
    title="Join as control plane",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    files=files,
    drift=drift,
    on=_joins_as_control_plane,
    waits=(
        ("init", Wait.FIRST),
        ("control-plane-config", Wait.FIRST),
        ("cluster-config", Wait.FIRST),
        ("join-control-plane", Wait.EARLIER),
    ),
    api=True,
    shared=True,
)

WORKER = Phase(
    id="join-worker",
    title="Join as worker",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    files=files,
    on=_joins_as_worker,
    waits=(("init", Wait.FIRST), ("cluster-config", Wait.FIRST)),
    api=True,
)
