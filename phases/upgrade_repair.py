"""What may keep the API from answering: a manifest that was lost half-way.

``kubeadm upgrade`` moves the old manifest to a folder of its own and the new one to its
place (contract, section 8). A machine that died between the two has neither: its pod is
gone, perhaps the API with it, and kubeadm would refuse to start or take it for a worker.
So it gets the old one back. This comes before anything that needs the API.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import codes
from kbootstrap.action import Action, Risk, Run
from kbootstrap.components import CONTROL_PLANE
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import KbError, PhaseError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/upgrade/repair_probe.sh.j2 prints.

    Attributes:
        underway: a kubeadm upgrade runs here; what is missing it will bring.
        missing: "copy name" of each manifest that is not in its place, but kept.
        lost: names of those of which there is no copy.

    """

    underway: bool = False
    missing: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def on_control_planes(cluster: Cluster, node: Node) -> bool:
    """Where static pods are."""
    del cluster
    return node.is_control_plane


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del node
    etcd = () if cluster.etcd.external else ("etcd",)
    return render("upgrade/repair_probe.sh.j2", manifests=(*etcd, *CONTROL_PLANE))


def plan(view: View[Facts]) -> Iterator[Action]:
    """Put back what kubeadm kept, unless it is still at work."""
    facts = view.facts
    if facts.underway or not facts.missing:
        return
    copies = [(line.rpartition(" ")[2], line.rpartition(" ")[0]) for line in facts.missing]
    yield Run(
        why="an upgrade was cut off between two moves of a manifest",
        title="put back from kubeadm's own copies: "
        + ", ".join(f"{name}.yaml ({copy.split('/')[-2]})" for name, copy in copies),
        covers=tuple(f"put back {name}.yaml" for name, _ in copies),
        body=render(
            "upgrade/repair.sh.j2", copies=copies, serving=serving(view.cluster, view.node)
        ),
        risk=Risk.RESTART,
        effect={"missing": ()},
    )


def serving(cluster: Cluster, node: Node) -> str:
    """Shell that waits until the API server of this very node says that it is ready."""
    host = node.advertise_address
    address = f"[{host}]" if ":" in host else host
    return render("upgrade/serving.sh.j2", server=f"https://{address}:{cluster.api.bind_port}")


def check(view: View[Facts]) -> Iterator[KbError]:
    """Without a copy nobody can tell what the manifest was."""
    facts = view.facts
    if facts.lost and not facts.underway:
        yield PhaseError(codes.MANIFEST_LOST, f"missing: {', '.join(facts.lost)}")


PHASE = Phase(
    id="upgrade-repair",
    title="Manifests put back",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    on=on_control_planes,
)
