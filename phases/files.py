"""Places the user's files on nodes, and reverts those that are no longer in the inventory.

The node records the paths of placed files, so that a file that is removed from the inventory is
reverted: it is removed, or the original restored.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, PutFile, Run
from kbootstrap.engine import file_diff
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, ExtraFile, Node
from kbootstrap.node_paths import STATE_DIR
from kbootstrap.render import render, sha256

RECORD = f"{STATE_DIR}/files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe prints."""

    file: tuple[str, ...] = ()  # "sha256 octal-mode user:group path" of each existing file
    recorded: tuple[str, ...] = ()  # paths of files that kbootstrap placed


def wanted(cluster: Cluster, node: Node) -> tuple[ExtraFile, ...]:
    """The files of this node."""
    return tuple(f for f in cluster.files if not f.on or node.name in f.on)


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return render("host/files.sh.j2", paths=[f.path for f in wanted(cluster, node)], record=RECORD)


def plan(view: View[Facts]) -> Iterator[Action]:
    """Revert what is no longer wanted, write what is missing or differs, record it."""
    to_write = wanted(view.cluster, view.node)
    paths = tuple(file.path for file in to_write)
    recorded = view.facts.recorded
    for old in [path for path in recorded if path not in paths]:
        recorded = tuple(path for path in recorded if path != old)
        yield Run(
            why="the inventory no longer has it",
            title=f"restore {old} as it was before",
            body=render("host/put_back.sh.j2", path=old, record=RECORD, recorded=recorded),
            effect={"recorded": recorded},
        )
    lines = ((_identity(file), file.path, file) for file in to_write)
    for file, have in file_diff.missing(view.facts.file, lines):
        yield PutFile(
            why="file differs from the inventory's",
            path=file.path,
            body=file.content,
            mode=file.mode,
            owner=file.owner,
            effect={"file": have},
        )
    if set(recorded) != set(paths):
        yield PutFile(
            why="so that a file removed from the inventory is reverted",
            path=RECORD,
            body="".join(f"{path}\n" for path in paths),
            mode=0o600,
            effect={"recorded": paths},
        )


def _identity(file: ExtraFile) -> str:
    return f"{sha256(file.content)} {file.mode:o} {file.owner}"


def files(cluster: Cluster, node: Node) -> Iterator[tuple[str, str]]:
    """Path and content of each."""
    yield from ((file.path, file.content) for file in wanted(cluster, node))


PHASE = Phase(id="files", title="Your own files", facts=Facts, probe=probe, plan=plan, files=files)
