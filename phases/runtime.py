"""Configure containerd or cri-o: pause image, cgroups, registries; restart only for that.

Before a file is written, the process that runs with the old one is recorded: `stale` says
that it still runs. So a connection that dies between write and restart loses nothing, and
a daemon that somebody else has restarted meanwhile is left alone; no clock is compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, PutFile, Remove, Risk, Run, Unit
from kbootstrap.codes import UMASK
from kbootstrap.engine import file_diff
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import KbError, PhaseError
from kbootstrap.model.cluster import Cluster, Node, RuntimeType
from kbootstrap.node_paths import STATE_DIR
from kbootstrap.render import render, sha256
from kbootstrap.runtime import config_files, config_paths, containerd, crio
from phases import fitness

RECORD = f"{STATE_DIR}/runtime"
OUTDATED = f"{STATE_DIR}/runtime-outdated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/runtime/probe.sh.j2 prints.

    Attributes:
        version: such as "1.6.20"; the program is asked again unless its size, times and inode
            are those noted when it was last asked.

    """

    version: str = ""
    file: tuple[str, ...] = ()  # "sha256 path" of each configuration file of ours that is there
    active: bool = False
    enabled: bool = False
    answers: bool = False  # its CRI socket accepts connections
    umask: str = ""  # the unit's, as drop-ins leave it
    stale: bool = False  # the process recorded in OUTDATED still runs

    @property
    def major(self) -> int:
        """Major version; 1 when it cannot be read, as on Debian 12."""
        head = self.version.lstrip("v").split(".")[0]
        return int(head) if head.isdigit() else 1


def binary(cluster: Cluster) -> str:
    """The runtime's own program."""
    return cluster.runtime.unit.removesuffix(".service")


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del node
    return render(
        "runtime/probe.sh.j2",
        binary=binary(cluster),
        record=RECORD,
        outdated=OUTDATED,
        unit=cluster.runtime.unit,
        socket=cluster.runtime.socket.removeprefix("unix://"),
        paths=config_paths(cluster),
        mirrors="" if cluster.runtime.type is RuntimeType.CRIO else containerd.CERTS,
        ours=containerd.OURS,
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """Write what differs; restart when what runs has not seen it."""
    facts, unit = view.facts, view.cluster.runtime.unit
    wanted = config_files(view.cluster, facts.major)
    sums = ((sha256(file.body), file.path, file) for file in wanted)
    missing = tuple(file_diff.missing(facts.file, sums))
    outdated = any(file.restart for file, _ in missing)
    if outdated and not facts.stale:
        yield Run(
            why="it has to be restarted, even if this run is cut short",
            title=f"record which process of {unit} has the old configuration",
            body=render("runtime/outdated.sh.j2", outdated=OUTDATED, unit=unit),
            effect={"stale": True},
        )
    have = facts.file
    for file, have in missing:
        yield PutFile(
            why="configuration differs", path=file.path, body=file.body, effect={"file": have}
        )
    for path, left in file_diff.unwanted(have, {file.path for file in wanted}):
        yield Remove(why="this registry is no longer mirrored", path=path, effect={"file": left})
    if not facts.enabled:
        yield Unit(why="not started at boot", verb="enable", name=unit, effect={"enabled": True})
    yield from _running(view, restart=outdated or facts.stale or not facts.active)


def _running(view: View[Facts], *, restart: bool) -> Iterator[Action]:
    """Restart it if that is needed, and wait until it answers."""
    runtime = view.cluster.runtime
    unit = runtime.unit
    if restart:
        yield Unit(
            why="not running with this configuration",
            verb="restart",
            name=unit,
            risk=Risk.RESTART,
            effect={"stale": False, "active": True, "answers": False},
        )
    if restart or not view.facts.answers:
        yield Run(
            why="the runtime has to answer before anything else",
            waits=True,
            title=f"wait until {runtime.type} answers, and note its version",
            body=render(
                "runtime/wait.sh.j2",
                binary=binary(view.cluster),
                record=RECORD,
                socket=runtime.socket.removeprefix("unix://"),
                unit=unit,
            ),
            effect={"answers": True},
        )


def check(view: View[Facts]) -> Iterator[KbError]:
    """The runtime makes the root directories of containers."""
    if fitness.closes(view.facts.umask):
        yield PhaseError(UMASK, f"{view.cluster.runtime.unit} has UMask={view.facts.umask}")


def files(cluster: Cluster, node: Node) -> Iterator[tuple[str, str]]:
    """As for a runtime of major version 2, since the node's own is known only in a run."""
    del node
    yield from ((file.path, file.body) for file in config_files(cluster, major=2))


def leaves(cluster: Cluster, node: Node) -> Leftovers:
    """Of either runtime: the node may have had the other one before."""
    del cluster, node
    return Leftovers(
        directories=("/opt/containerd",), runtime_files=(containerd.CONFIG, crio.DROP_IN)
    )


PHASE = Phase(
    id="runtime",
    title="Container runtime",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    files=files,
    leaves=leaves,
)
