"""Install kubeadm, kubelet, kubectl, crictl and the CNI plugins, as their source does it."""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import codes, node_paths
from kbootstrap.action import Action
from kbootstrap.artifacts import source_of
from kbootstrap.components import KUBEADM, KUBELET
from kbootstrap.engine import file_diff
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import Phase, View, fact, like
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe of the source prints.

    Attributes:
        have: "identity place" of each artifact on the node. A file's identity is its sha256,
            which is read again only if its size, times or inode are not those recorded.
        version: "name version" of kubeadm and kubelet, if kbootstrap does not place them.

    """

    have: tuple[str, ...] = ()
    version: tuple[str, ...] = fact(like(r"\S+ .*"))


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del node
    return source_of(cluster).probe()


def plan(view: View[Facts]) -> Iterator[Action]:
    """Install each artifact that is missing or not the wanted one."""
    source = source_of(view.cluster)
    wanted = (
        (artifact.identity, source.place(artifact), artifact)
        for artifact in view.inputs.programs.get(view.host.arch, ())
    )
    for artifact, have in file_diff.missing(view.facts.have, wanted):
        yield source.install(artifact, source.place(artifact), have)


def check(view: View[Facts]) -> Iterator[Finding]:
    """Refuse binaries that kbootstrap did not place and that have another version."""
    if source_of(view.cluster).places:
        return
    found = dict(line.split(" ", 1) for line in view.facts.version)
    for name in (KUBEADM, KUBELET):
        version = found.get(name, "")
        if not version:
            yield Finding(codes.PROGRAM_MISSING, f"{name} is not installed")
        elif version != str(view.cluster.version):
            yield Finding(
                codes.WRONG_VERSION,
                f"{name} is {version}, the inventory has {view.cluster.version}",
            )


def leaves(cluster: Cluster, node: Node) -> Leftovers:
    """The plugins' directory, which pod networks add theirs to."""
    del cluster, node
    return Leftovers(directories=(node_paths.CNI_BINARY_DIR, "/opt/cni"))


PHASE = Phase(
    id="programs",
    title="Kubernetes binaries",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    leaves=leaves,
)
