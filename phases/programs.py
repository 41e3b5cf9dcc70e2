"""Place kubeadm, kubelet, kubectl, crictl and the CNI plugins, checked by sha256."""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import codes, node_paths
from kbootstrap.action import Action, FetchBinary, PutBinary
from kbootstrap.components import BINARIES, KUBEADM, KUBELET
from kbootstrap.engine import file_diff
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import Phase, Program, View
from kbootstrap.errors import KbError, PhaseError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/programs/probe.sh.j2 prints.

    Attributes:
        arch: ``amd64`` or ``arm64``.
        have: "sha256 path" of each program in the places where ours go. The sum is read
            again unless size, times and inode are those noted when it was last summed.
        version: "name version" of kubeadm and kubelet; only asked when preinstalled.

    """

    arch: str = ""
    have: tuple[str, ...] = ()
    version: tuple[str, ...] = ()


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del node
    return render(
        "programs/probe.sh.j2",
        record=node_paths.BINARY_SUMS,
        folders=(cluster.programs.bin_dir, node_paths.CNI_BINARY_DIR),
        names=(*BINARIES, "crictl"),
        preinstalled=cluster.programs.source == "preinstalled",
    )


def target(cluster: Cluster, program: Program) -> str:
    """Where a program goes on the node."""
    folder = node_paths.CNI_BINARY_DIR if program.cni else cluster.programs.bin_dir
    return f"{folder}/{program.name}"


def plan(view: View[Facts]) -> Iterator[Action]:
    """Place each program whose sum is not the wanted one."""
    programs = (
        (program.sha256, target(view.cluster, program), program)
        for program in view.bits.programs.get(view.facts.arch, ())
    )
    for program, have in file_diff.missing(view.facts.have, programs):
        yield place(program, target(view.cluster, program), have)


def place(program: Program, path: str, have: tuple[str, ...]) -> Action:
    """Bring a program to ``path``; ``have`` is what the node holds then."""
    why = "missing, or not the wanted one"
    if program.url:
        return FetchBinary(
            why=why,
            path=path,
            url=program.url,
            sha256=program.sha256,
            effect={"have": have},
        )
    return PutBinary(
        why=why,
        path=path,
        source=program.source,
        size=program.size,
        sha256=program.sha256,
        effect={"have": have},
    )


def check(view: View[Facts]) -> Iterator[KbError]:
    """Preinstalled programs must be the wanted version (contract, section 8)."""
    if view.cluster.programs.source != "preinstalled":
        return
    found = dict(line.split(" ", 1) for line in view.facts.version)
    for name in (KUBEADM, KUBELET):
        version = found.get(name, "")
        if not version:
            yield PhaseError(codes.PROGRAM_MISSING, f"{name} is not installed")
        elif version != str(view.cluster.version):
            yield PhaseError(
                codes.WRONG_VERSION,
                f"{name} is {version}, the inventory wants {view.cluster.version}",
            )


def leaves(cluster: Cluster, node: Node) -> Leftovers:
    """The plugins' directory, which pod networks add theirs to."""
    del cluster, node
    return Leftovers(directories=(node_paths.CNI_BINARY_DIR, "/opt/cni"))


PHASE = Phase(
    id="programs",
    title="Kubernetes programs",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    leaves=leaves,
)
