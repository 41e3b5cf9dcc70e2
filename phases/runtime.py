"""Configures containerd or cri-o: pause image, cgroups, registries; restarts it only if needed.

Before a file is written, the process with the old configuration is recorded; `stale` is true
while it still runs. A connection lost between write and restart is thus repaired by the next run,
and a daemon that was restarted by others is not restarted again.

On a node whose kubelet runs, the first node goes alone, then some at once. The old files are copied
first, and put back if the runtime does not work with the new ones; the copies exist until it does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, Detached, PutFile, Remove, Risk, Run, Unit
from kbootstrap.codes import UMASK
from kbootstrap.engine import file_diff
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import Phase, View, Window, forward
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node, RuntimeType
from kbootstrap.node_paths import STATE_DIR
from kbootstrap.render import render, sha256
from kbootstrap.runtime import ConfigFile, config_files, config_paths, containerd, crio
from phases import fitness

RECORD = f"{STATE_DIR}/runtime"
OUTDATED = f"{STATE_DIR}/runtime-outdated"
RUN = "runtime-settings"
KEPT = f"{STATE_DIR}/runtime-settings"  # the files before an unfinished change
PULL_SECONDS = 300  # for the pause image, which is small
TRIAL_SECONDS = 900  # that, and two restarts
AT_ONCE = 10  # nodes whose runtimes restart at the same time, after the first node
MAJORS = frozenset(str(number) for number in range(100))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/runtime/probe.sh.j2 prints.

    Attributes:
        version: such as "1.6.20"; cached until size, times or inode of the binary change.

    """

    version: str = ""
    file: tuple[str, ...] = ()  # "sha256 path" of each existing configuration file of kbootstrap
    active: bool = False
    enabled: bool = False
    answers: bool = False  # its CRI socket accepts connections
    umask: str = ""  # of the unit, with all drop-ins
    stale: bool = False  # the process recorded in OUTDATED still runs
    used: bool = False  # the kubelet runs
    unfinished: bool = False  # a change has begun, and the runtime was not found to work with it
    trial: str = "none"  # state of the detached restart of an unfinished change

    @property
    def major(self) -> int:
        """Major version; 1 if it cannot be read, as on Debian 12."""
        head = self.version.lstrip("v").split(".")[0]
        return int(head) if head in MAJORS else 1


def binary(cluster: Cluster) -> str:
    """The runtime's binary."""
    return cluster.runtime.unit.removesuffix(".service")


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del node
    return render(
        "runtime/probe.sh.j2",
        binary=binary(cluster),
        record=RECORD,
        outdated=OUTDATED,
        run=RUN,
        kept=KEPT,
        kubelet=fitness.KUBELET_CONFIG,
        unit=cluster.runtime.unit,
        socket=cluster.runtime.socket.removeprefix("unix://"),
        paths=config_paths(cluster),
        mirrors="" if cluster.runtime.type is RuntimeType.CRIO else containerd.CERTS,
        ours=containerd.OURS,
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """Write what differs; restart if the running process has an older configuration."""
    wanted = config_files(view.cluster, view.facts.major)
    missing = _missing(view, wanted)
    paths = {file.path for file in wanted}
    if view.facts.trial == "running":
        differs = missing or [*file_diff.unwanted(view.facts.file, paths)]
        action = _await_trial() if differs else _trial(view)
        yield action
        view = forward(view, (action,))
    facts, unit = view.facts, view.cluster.runtime.unit
    outdated = any(file.restart for file, _ in missing)
    tried = facts.unfinished or (outdated and facts.used and facts.answers)
    if tried and not facts.unfinished:
        yield _keep(wanted)
    if outdated and not facts.stale:
        yield Run(
            why="it has to be restarted, even if this run is interrupted",
            title=f"record which process of {unit} has the old configuration",
            body=render("runtime/outdated.sh.j2", outdated=OUTDATED, unit=unit),
            effect={"stale": True},
        )
    have = facts.file
    for file, have in missing:
        yield PutFile(
            why="configuration differs", path=file.path, body=file.body, effect={"file": have}
        )
    for path, left in file_diff.unwanted(have, paths):
        yield Remove(why="this registry is no longer mirrored", path=path, effect={"file": left})
    if not facts.enabled:
        yield Unit(why="not started at boot", command="enable", name=unit, effect={"enabled": True})
    if tried:
        yield _trial(view)
    else:
        yield from _running(view, restart=outdated or facts.stale or not facts.active)


def _missing(
    view: View[Facts], wanted: tuple[ConfigFile, ...]
) -> tuple[tuple[ConfigFile, tuple[str, ...]], ...]:
    """Each file to write, and fact `file` afterwards."""
    sums = ((sha256(file.body), file.path, file) for file in wanted)
    return tuple(file_diff.missing(view.facts.file, sums))


def _keep(wanted: tuple[ConfigFile, ...]) -> Action:
    paths = tuple(file.path for file in wanted if file.restart)
    return Run(
        why="they are put back if the runtime does not work with the new ones",
        title=f"copy {', '.join(paths)} to {KEPT}",
        body=render("runtime/keep.sh.j2", kept=KEPT, paths=paths),
        effect={"unfinished": True},
    )


def _await_trial() -> Action:
    """Its files are not those of the inventory any more, so its result does not count."""
    return Run(
        why="an earlier change is still tried on the node",
        title="wait until the runtime has its old configuration again, or works with the new one",
        body=render("runtime/await.sh.j2", run=RUN, seconds=TRIAL_SECONDS),
        effect={"trial": "none", "unfinished": False},
    )


def _trial(view: View[Facts]) -> Action:
    """Restart it where pods depend on it, and undo the change if it does not work."""
    running, runtime = view.facts.trial == "running", view.cluster.runtime
    return Detached(
        why="it is still running on the node" if running else "not tried with this configuration",
        name=RUN,
        title=f"restart {runtime.unit}; if it does not work, put its old configuration back",
        body=render(
            "runtime/settings.sh.j2",
            kept=KEPT,
            unit=runtime.unit,
            socket=runtime.socket,
            pause=view.cluster.images.pause,
            pull_seconds=PULL_SECONDS,
        ),
        seconds=TRIAL_SECONDS,
        attach=running,
        risk=Risk.RESTART,
        effect={
            "trial": "none",
            "unfinished": False,
            "stale": False,
            "active": True,
            "answers": True,
        },
    )


def _running(view: View[Facts], *, restart: bool) -> Iterator[Action]:
    """Restart the runtime if needed, and wait until it answers."""
    runtime = view.cluster.runtime
    unit = runtime.unit
    if restart:
        yield Unit(
            why="not running with this configuration",
            command="restart",
            name=unit,
            risk=Risk.RESTART,
            effect={"stale": False, "active": True, "answers": False},
        )
    if restart or not view.facts.answers:
        yield Run(
            why="the next steps need the runtime",
            waits=True,
            title=f"wait until {runtime.type} answers, and record its version",
            body=render(
                "runtime/wait.sh.j2",
                binary=binary(view.cluster),
                record=RECORD,
                socket=runtime.socket.removeprefix("unix://"),
                unit=unit,
            ),
            effect={"answers": True},
        )


def check(view: View[Facts]) -> Iterator[Finding]:
    """Refuse a umask with which containers cannot read their root directory."""
    if fitness.closes(view.facts.umask):
        yield Finding(UMASK, f"{view.cluster.runtime.unit} has UMask={view.facts.umask}")


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


def _is_tried(actions: tuple[Action, ...]) -> bool:
    """Whether pods depend on the runtime."""
    return any(isinstance(action, Detached) for action in actions)


PHASE = Phase(
    id="runtime",
    title="Container runtime",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    files=files,
    leaves=leaves,
    window=Window(size=AT_ONCE, limits=_is_tried),
)
