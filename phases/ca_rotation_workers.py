"""The workers' part of a rotation of the CAs: the kubelet's CAs and its client certificate.

The kubelet renews its certificate by itself only near the end of it, so it is made to request
another one, as in a join.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap.action import Action, AwaitReady, Risk, Run
from kbootstrap.engine.phase import Phase, View, Wait, Window, fact, forward, like
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases import ca_rotation, certificates, certs_worker, ready
from phases.ca_rotation import Position, Stage
from phases.ca_rotation_planes import WHY, record
from phases.certificates import KUBELET_CLIENT
from phases.certs_renew import without

TITLES = {
    Stage.BOTH: "trust the old and the new CA; restart the kubelet",
    Stage.NEW: "trust only the new CA; restart the kubelet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(certificates.Facts):
    """The certificates of a worker, and templates/rotation/next_probe.sh.j2.

    Attributes:
        next: the new CAs, as in `ca_rotation.Signed`.
        none: the kubelet has no client certificate: a request for one was interrupted.

    """

    next: tuple[str, ...] = fact(like(r"[a-z/-]+ \S+"))
    none: bool = False


def plan(view: View[Any], wanted: Stage) -> Iterator[Action]:
    """Bring the node to a stage, and wait until it is Ready again."""
    if ca_rotation.lacks(view):
        for action in _change(view, wanted):
            yield action
            view = forward(view, (action,))
    if view.facts.begun and not ca_rotation.finished(view):
        yield from (one for one in ready.plan(view) if isinstance(one, AwaitReady))


def _change(view: View[Position], wanted: Stage) -> Iterator[Action]:
    if wanted is Stage.NEW:
        yield from record(view)
    nodes = view.api.with_node(view.node.name, ready=False)
    yield Run(
        why=WHY[wanted],
        title=TITLES[wanted],
        body=render(
            "rotation/worker.sh.j2",
            **ca_rotation.values(view.cluster, view.node),
            order=("old", "new") if wanted is Stage.BOTH else ("new",),
        ),
        risk=Risk.RESTART,
        effect={"begun": True, "open": (), "api": {"nodes": nodes}},
    )


def probe_client(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return ca_rotation.probe_next(cluster, node)


def plan_client(view: View[Client]) -> Iterator[Action]:
    """Have the kubelet request a certificate, if its own is of an old CA."""
    facts = view.facts
    old = KUBELET_CLIENT in ca_rotation.by_old_ca(facts.certificate, facts.next)
    if ca_rotation.finished(view) or not (facts.none or old or not facts.next):
        return
    effect = {
        "certificate": without(facts.certificate, {KUBELET_CLIENT}),
        "none": False,
        "next": facts.next or ("ca new",),
    }
    yield from certs_worker.request(
        view, why="its certificate is from the old CA", effect=effect, valid=True
    )


def _on_workers(cluster: Cluster, node: Node) -> bool:
    del cluster
    return not node.is_control_plane


TRUST = Phase(
    id="ca-trust-worker",
    title="Old and new CA trusted by a worker",
    facts=Position,
    probe=lambda cluster, node: ca_rotation.probe(cluster, node, Stage.BOTH),
    plan=lambda view: plan(view, Stage.BOTH),
    on=_on_workers,
    waits=(("ca-trust", Wait.CONTROL_PLANES),),
    window=Window(ca_rotation.AT_ONCE),
    api=True,
    recorded=False,
)
SIGN = Phase(
    id="ca-sign-worker",
    title="Certificate of a kubelet from the new CA",
    facts=Client,
    probe=probe_client,
    plan=plan_client,
    on=_on_workers,
    waits=(("ca-sign", Wait.CONTROL_PLANES),),
    window=Window(ca_rotation.AT_ONCE),
    api=True,
    recorded=False,
)
DROP = Phase(
    id="ca-drop-worker",
    title="Only the new CA trusted by a worker",
    facts=Position,
    probe=lambda cluster, node: ca_rotation.probe(cluster, node, Stage.NEW),
    plan=lambda view: plan(view, Stage.NEW),
    on=_on_workers,
    waits=(("ca-sign", Wait.CONTROL_PLANES), ("ca-sign-worker", Wait.ALL)),
    window=Window(ca_rotation.AT_ONCE),
    api=True,
    recorded=False,
)
