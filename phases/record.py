"""Records the hash of the cluster's CA on each node, beside the cluster's name.

Runs when the node has joined: the CA is made by ``kubeadm init``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, PutTemplate, ReadCaHash
from kbootstrap.engine.phase import Phase, View, Wait
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.node_paths import CLUSTER_NAME
from kbootstrap.render import render
from phases.ownership import ca_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The lines of the record."""

    marker: str = ""
    marker_ca: str = ""


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del cluster, node
    return render("identity/record.sh.j2", marker=CLUSTER_NAME, ca="")


def plan(view: View[Facts]) -> Iterator[Action]:
    """Write name and hash if one of them is missing or different."""
    facts, name, known = view.facts, view.cluster.name, ca_hash(view.ca)
    if facts.marker == name and facts.marker_ca and known in {"", facts.marker_ca}:
        return
    yield ReadCaHash(why="it identifies the cluster")
    yield PutTemplate(
        why="a node of another cluster of this name is refused by it",
        path=CLUSTER_NAME,
        body=f"{name}\n@@ca_hash@@\n",
        needs=("ca_hash",),
        secret=False,
        effect={"marker": name, "marker_ca": known or "@@ca_hash@@"},
    )


PHASE = Phase(
    id="record",
    title="Cluster's CA recorded",
    facts=Facts,
    probe=probe,
    plan=plan,
    waits=(("kubeconfig", Wait.FIRST),),
    api=True,
)
