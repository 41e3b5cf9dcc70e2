"""The control planes' part of a rotation of the CAs: one after the other, each checked.

Every stage writes the CA files, the kubeconfigs and the controller manager's signing certificate,
and restarts what read them at its start. The controller manager refuses a file with two CAs to sign
with (pkg/controller/certificates/signer/ca_provider.go), so that its flag names a copy meanwhile.
"""

from collections.abc import Iterator
from typing import Any

from kbootstrap import kubeadm
from kbootstrap.action import Action, AwaitEtcd, PutTemplate, ReadCaHash, Risk, Run
from kbootstrap.components import STATIC_PODS
from kbootstrap.engine.phase import Phase, View, Wait
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.node_paths import CLUSTER_NAME
from kbootstrap.render import render
from phases import ca_rotation, upgrade_repair
from phases.ca_rotation import Position, Signed, Stage
from phases.certs_renew import without

TITLES = {
    Stage.BOTH: "trust the old and the new CAs; restart the control plane and the kubelet",
    Stage.SIGNS: "sign with the new CAs: kubeadm certs renew all, the kubelet's client certificate;"
    " restart the control plane and the kubelet",
    Stage.NEW: "trust only the new CAs; restart the control plane and the kubelet",
}
WHY = {
    Stage.BOTH: "nothing may be signed by a CA that is not trusted everywhere",
    Stage.SIGNS: "every certificate has to be of the new CAs before the old ones are dropped",
    Stage.NEW: "nothing uses a certificate of the old CAs any more",
}


def plan(view: View[Any], wanted: Stage) -> Iterator[Action]:
    """Bring the node to a stage."""
    signs = wanted is Stage.SIGNS and not ca_rotation.finished(view)
    old = _by_old_ca(view) if signs else ()
    if not (old or ca_rotation.lacks(view)):
        return
    if view.cluster.etcd.external is None:
        yield AwaitEtcd(why="a member restarts; the others must retain quorum")
    if wanted is Stage.NEW:
        yield from record(view)
    cluster, node = view.cluster, view.node
    left = {"certificate": without(view.facts.certificate, set(old))} if signs else {}
    yield Run(
        why=WHY[wanted],
        title=TITLES[wanted],
        body=render(
            "rotation/plane.sh.j2",
            **ca_rotation.values(cluster, node),
            signs=signs,
            order={Stage.BOTH: ("old", "new"), Stage.SIGNS: ("new", "old")}.get(wanted, ("new",)),
            signer=ca_rotation.signer(wanted),
            config=kubeadm.init_config(cluster, node),
            current="/var/lib/kubelet/pki/kubelet-client-current.pem",
            server=cluster.server_url(node),
            socket=cluster.runtime.socket,
            pods=STATIC_PODS,
            serving=upgrade_repair.serving(cluster, node),
        ),
        risk=Risk.RESTART,
        effect={"begun": True, "open": ()} | left,
    )


def _by_old_ca(view: View[Signed]) -> tuple[str, ...]:
    return ca_rotation.by_old_ca(view.facts.certificate, view.facts.next)


def probe_signed(cluster: Cluster, node: Node) -> str:
    """Read-only; no certificates of a node that is in a later stage."""
    return ca_rotation.probe_next(cluster, node, ca_rotation.probe(cluster, node, Stage.SIGNS))


def record(view: View[Any]) -> Iterator[Action]:
    """The node's record has the hash of the new CA before the node drops the old one."""
    yield ReadCaHash(why="it identifies the cluster")
    yield PutTemplate(
        why="the node is identified by its CA",
        path=CLUSTER_NAME,
        body=f"{view.cluster.name}\n@@ca_hash@@\n",
        needs=("ca_hash",),
        secret=False,
    )


TRUST = Phase(
    id="ca-trust",
    title="Old and new CAs trusted by a control plane",
    facts=Position,
    probe=lambda cluster, node: ca_rotation.probe(cluster, node, Stage.BOTH),
    plan=lambda view: plan(view, Stage.BOTH),
    on=upgrade_repair.on_control_planes,
    waits=(("ca-next", Wait.ALL), ("ca-trust", Wait.EARLIER)),
    api=True,
    recorded=False,
)
SIGN = Phase(
    id="ca-sign",
    title="Certificates of a control plane from the new CAs",
    facts=Signed,
    probe=probe_signed,
    plan=lambda view: plan(view, Stage.SIGNS),
    on=upgrade_repair.on_control_planes,
    waits=(("ca-kubeconfig", Wait.FIRST), ("ca-sign", Wait.EARLIER)),
    api=True,
    recorded=False,
)
DROP = Phase(
    id="ca-drop",
    title="Only the new CAs trusted by a control plane",
    facts=Position,
    probe=lambda cluster, node: ca_rotation.probe(cluster, node, Stage.NEW),
    plan=lambda view: plan(view, Stage.NEW),
    on=upgrade_repair.on_control_planes,
    waits=(("ca-sign", Wait.ALL), ("ca-drop-worker", Wait.ALL), ("ca-drop", Wait.EARLIER)),
    api=True,
    recorded=False,
)
