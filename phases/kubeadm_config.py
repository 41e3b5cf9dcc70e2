"""Writes kubeadm's configuration and patches, and validates them with kubeadm.

``init`` and ``join`` only warn of unknown fields, so ``kubeadm config validate`` checks the file
before it is used. Patches are applied by init, join and upgrade only: on a member, one that
differs is reported and not written.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from kbootstrap import kubeadm
from kbootstrap.action import Action, PutFile, Remove, Run
from kbootstrap.engine import file_diff
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.render import render, sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe prints."""

    file: tuple[str, ...] = ()  # "sha256 path"
    validated: str = ""  # sha256 of the last configuration that kubeadm accepted, and the version


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del cluster, node
    return render("kubeadm/config_probe.sh.j2", config=kubeadm.CONFIG, patches=kubeadm.PATCHES)


def _patches(view: View[Facts]) -> dict[str, str]:
    return {
        f"{kubeadm.PATCHES}/{PurePosixPath(name).name}": text
        for name, text in sorted(view.inputs.patches.items())
    }


def _settled(view: View[Facts]) -> bool:
    """Whether kubeadm has nothing left to do on this node for this version."""
    node = view.api.node(view.node.name)
    return node is not None and node.kubelet_version == str(view.cluster.version)


def plan(view: View[Facts]) -> Iterator[Action]:
    """Write what differs, remove patches that are no longer wanted, and validate."""
    have, settled = view.facts.file, _settled(view)
    bodies = dict(files(view.cluster, view.node))
    bodies |= {} if settled else _patches(view)
    wanted_files = ((sha256(body), path, (path, body)) for path, body in bodies.items())
    for (path, body), placed in file_diff.missing(have, wanted_files):
        have = placed
        yield PutFile(
            why="missing or different", path=path, body=body, mode=0o600, effect={"file": have}
        )
    for path, left in () if settled else file_diff.unwanted(have, bodies):
        yield Remove(
            why="kubeadm would apply a patch that is no longer in the inventory",
            path=path,
            effect={"file": left},
        )
    wanted = f"{sha256(bodies[kubeadm.CONFIG])} {view.cluster.version}"
    if view.facts.validated != wanted:
        yield Run(
            why="kubeadm has not validated this configuration yet",
            title=f"kubeadm config validate ({view.cluster.version})",
            body=render(
                "kubeadm/validate.sh.j2",
                config=kubeadm.CONFIG,
                version=view.cluster.version,
                verdict=wanted,
            ),
            effect={"validated": wanted},
        )


def drift(view: View[Facts]) -> Iterator[Difference]:
    """The patches that the next upgrade of this node will add, change or remove."""
    if not _settled(view):
        return
    patches, have = _patches(view), view.facts.file
    lines = ((sha256(body), path, path) for path, body in patches.items())
    held = {line.partition(" ")[2] for line in have}
    surplus = (path for path, _ in file_diff.unwanted(have, patches))
    gone = {path: "removed" for path in surplus if path != kubeadm.CONFIG}
    absent = (path for path, _ in file_diff.missing(have, lines))
    new = {path: "changed" if path in held else "added" for path in absent}
    for path, what in (new | gone).items():
        name = PurePosixPath(path).name
        yield Difference(
            key=f"kubeadm.patches.{name}",
            live="unset" if what == "added" else "as kubeadm last applied it",
            wanted=what,
            node=view.node.name,
            message=f"kubeadm.patches: {name} was {what} after kubeadm last applied the patches",
            remedy="the next `kbootstrap upgrade` applies them",
        )


def files(cluster: Cluster, node: Node) -> Iterator[tuple[str, str]]:
    """Kubeadm's configuration; the patches are copies of the operator's files."""
    yield kubeadm.CONFIG, kubeadm.init_config(cluster, node)


PHASE = Phase(
    id="kubeadm-config",
    title="kubeadm configuration",
    facts=Facts,
    probe=probe,
    plan=plan,
    drift=drift,
    files=files,
    api=True,
)
