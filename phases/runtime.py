"""Configure containerd or cri-o: pause image, cgroups, registries; restart only for that.

The probe compares what runs with what is written: `stale` says that the daemon started
before its configuration was last changed, or does not answer, so a connection that dies
between write and restart loses nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, PutFile, Remove, Risk, Run, Unit
from kbootstrap.codes_fitness import UMASK
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import KbError, PhaseError
from kbootstrap.model.cluster import Cluster, Node, RuntimeType
from kbootstrap.render import render, sha256
from kbootstrap.runtime import config_files, config_paths, containerd, daemon_paths
from phases import fitness
from phases.placed import lacking, unwanted

RECORD = "/var/lib/kbootstrap/runtime"


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
    stale: bool = False  # it runs with an older configuration than the one on disk

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
        unit=cluster.runtime.unit,
        socket=cluster.runtime.socket.removeprefix("unix://"),
        paths=config_paths(cluster),
        mirrors="" if cluster.runtime.type is RuntimeType.CRIO else containerd.CERTS,
        ours=containerd.OURS,
        daemon_paths=daemon_paths(cluster),
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """Write what differs; restart when what runs has not seen it."""
    facts, unit = view.facts, view.cluster.runtime.unit
    restart, have = facts.stale or not facts.active, facts.file
    wanted = config_files(view.cluster, facts.major)
    for file, placed in lacking(have, ((sha256(file.body), file.path, file) for file in wanted)):
        restart, have = restart or file.restart, placed
        effect: dict[str, object] = {"file": have}
        yield PutFile(
            why="configuration differs",
            path=file.path,
            body=file.body,
            effect=effect | ({"stale": True} if file.restart else {}),
        )
    for path, left in unwanted(have, {file.path for file in wanted}):
        yield Remove(why="this registry is no longer mirrored", path=path, effect={"file": left})
    if not facts.enabled:
        yield Unit(why="not started at boot", verb="enable", name=unit, effect={"enabled": True})
    if restart:
        yield Unit(
            why="not running with this configuration",
            verb="restart",
            name=unit,
            risk=Risk.RESTART,
            effect={"stale": False, "active": True, "answers": False},
        )
    if restart or not facts.answers:
        yield Run(
            why="the runtime has to answer before anything else",
            waits=True,
            title=f"wait until {view.cluster.runtime.type} answers, and note its version",
            body=render(
                "runtime/wait.sh.j2",
                binary=binary(view.cluster),
                record=RECORD,
                socket=view.cluster.runtime.socket.removeprefix("unix://"),
                unit=unit,
            ),
            effect={"answers": True},
        )


def check(view: View[Facts]) -> Iterator[KbError]:
    """The runtime makes the root directories of containers."""
    if fitness.closes(view.facts.umask):
        yield PhaseError(UMASK, f"{view.cluster.runtime.unit} has UMask={view.facts.umask}")


PHASE = Phase(
    id="runtime",
    title="Container runtime",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
)
