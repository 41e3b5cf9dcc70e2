"""The user's own files, put where the inventory says."""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, PutFile
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, ExtraFile, Node
from kbootstrap.render import render, sha256
from phases.placed import lacking


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe prints."""

    file: tuple[str, ...] = ()  # "sha256 octal-mode user:group path" of each that is there


def wanted(cluster: Cluster, node: Node) -> tuple[ExtraFile, ...]:
    """The files meant for this node."""
    return tuple(f for f in cluster.files if not f.on or node.name in f.on)


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return render("host/files.sh.j2", paths=[f.path for f in wanted(cluster, node)])


def plan(view: View[Facts]) -> Iterator[Action]:
    """Write each file that is missing or differs."""
    files = (
        (f"{sha256(file.content)} {file.mode:o} {file.owner}", file.path, file)
        for file in wanted(view.cluster, view.node)
    )
    for file, have in lacking(view.facts.file, files):
        yield PutFile(
            why="file differs from the inventory's",
            path=file.path,
            body=file.content,
            mode=file.mode,
            owner=file.owner,
            effect={"file": have},
        )


PHASE = Phase(
    id="files",
    title="Your own files",
    facts=Facts,
    probe=probe,
    plan=plan,
    on=lambda cluster, node: bool(wanted(cluster, node)),
)
