"""The faults: what each is called, and what a run may do when it meets it.

A fault either passes by itself while the run continues (`lasts` seconds), or stays until the run
has ended and the operator has taken the next step that the message names (`heal`).
"""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from tests.faults import accidents as act
from tests.faults.accidents import Scene, anywhere, nothing
from tests.faults.bench import Bench


class Run(Enum):
    """What a run may do when it meets a fault."""

    DIES = "it is gone"
    LETS_GO = "it ends with KB601 and status 130"
    GOES_ON = "it ends well, or with one of the fault's codes"
    REFUSES = "it ends with one of the fault's codes"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind of accident.

    Attributes:
        codes: of the errors that may be reported.
        lasts: seconds until it passes by itself; None: until it is healed.
        strict: it makes no detached command fail, so that each must be started only once.
        stays: it is still there when the same command is said again, which must refuse.
        mild: another one may be made before its effect can be reported.
        applies: whether it can be made now.

    """

    name: str
    title: str
    run: Run
    make: Callable[[Scene], None]
    heal: Callable[[Scene], None] = nothing
    codes: frozenset[str] = frozenset()
    lasts: Callable[[Bench], float] | None = None
    strict: bool = False
    stays: frozenset[str] = frozenset()
    mild: bool = False
    applies: Callable[[Scene], bool] = anywhere

    @property
    def remains(self) -> bool:
        """Whether it is still there when the next phase begins."""
        return self.lasts is not None or self.heal is not nothing


AWAY = frozenset({"KB201", "KB207"})  # not there, or gone in the middle
# What stands on the node may have changed meanwhile, or kubeadm have given up.
# Two control planes: while one is away, etcd on the other has no quorum. What resuming needs
# may not have been printed (KB403), such as clearing a half-done join. The lock may not have
# been renewed in time (KB412), and other nodes cannot reach the ports of the one (KB316).
AFTERWARDS = frozenset(
    {"KB300", "KB316", "KB322", "KB323", "KB324", "KB330", "KB331", "KB350", "KB360", "KB402"}
    | {"KB403", "KB412"}
)

ALL: tuple[Fault, ...] = (
    Fault(name="kill9", title="kill -9 of kbootstrap", run=Run.DIES, make=act.kill9, strict=True),
    Fault(
        name="sigint",
        title="SIGINT",
        run=Run.LETS_GO,
        make=act.send(signal.SIGINT),
        strict=True,
    ),
    Fault(
        name="sigterm",
        title="SIGTERM",
        run=Run.LETS_GO,
        make=act.send(signal.SIGTERM),
        strict=True,
    ),
    Fault(
        name="ssh-reset",
        title="SSH connections reset",
        run=Run.GOES_ON,
        make=act.reset_connections,
        codes=AWAY,
        strict=True,
    ),
    Fault(
        name="sshd-restart",
        title="sshd restarted",
        run=Run.GOES_ON,
        make=act.restart_sshd,
        codes=AWAY,
        strict=True,
        mild=True,
    ),
    Fault(
        name="link-down",
        title="link down for a while",
        run=Run.GOES_ON,
        make=lambda scene: scene.node.cut(),
        heal=lambda scene: scene.node.reconnect(),
        codes=AWAY | AFTERWARDS,
        lasts=lambda bench: bench.patience.link,
    ),
    Fault(
        name="link-gone",
        title="link down for good",
        run=Run.GOES_ON,
        make=lambda scene: scene.node.cut(),
        heal=lambda scene: scene.node.reconnect(),
        codes=AWAY | AFTERWARDS,
    ),
    Fault(
        name="node-reboot",
        title="node rebooted",
        run=Run.GOES_ON,
        make=act.reboot,
        heal=act.join_job,
        codes=AWAY | AFTERWARDS,
        applies=act.starts_again,  # two members of etcd have no quorum without one
    ),
    Fault(
        name="node-killed",
        title="node killed for good",
        run=Run.GOES_ON,
        make=act.kill_node,
        heal=lambda scene: scene.node.start(),
        codes=AWAY | AFTERWARDS,
        applies=act.starts_again,  # two members of etcd have no quorum without one
    ),
    Fault(
        name="disk-var",
        title="disk full on /var",
        run=Run.GOES_ON,
        make=act.full("/var"),
        heal=act.free("/var"),
        codes=frozenset({"KB303"}),
    ),
    Fault(
        name="disk-etc",
        title="disk full on /etc",
        run=Run.GOES_ON,
        make=act.full("/etc"),
        heal=act.free("/etc"),
        codes=frozenset({"KB303"}),
    ),
    Fault(
        name="disk-operator",
        title="disk full at the operator",
        run=Run.GOES_ON,
        make=lambda scene: scene.bench.fill_desk(),
        heal=lambda scene: scene.bench.free_desk(),
        codes=frozenset({"KB195", "KB345"}),
        strict=True,
    ),
    Fault(
        name="runtime-stopped",
        title="container runtime stopped",
        run=Run.GOES_ON,
        make=act.stop_runtime,
        heal=act.start_runtime,
        codes=frozenset({"KB305", "KB321", "KB322", "KB323", "KB324", "KB331", "KB402", "KB403"}),
    ),
    Fault(
        name="api-gone",
        title="API server gone for a while",
        run=Run.GOES_ON,
        make=act.stop_api,
        heal=act.go_on_api,
        codes=frozenset({"KB330", "KB331", "KB323", "KB322", "KB300", "KB350", "KB402", "KB403"}),
        lasts=lambda bench: bench.patience.api,
        applies=act.has_api,
    ),
    Fault(
        name="clock-node",
        title="the node's clock ten minutes ahead",
        run=Run.DIES,
        make=act.wrong_node_clock,
        heal=act.right_node_clock,
        stays=frozenset({"KB307"}),
        strict=True,
    ),
    Fault(
        name="clock-operator",
        title="the operator's clock ten minutes behind",
        run=Run.DIES,
        make=act.wrong_desk_clock,
        heal=act.right_desk_clock,
        stays=frozenset({"KB307"}),
        strict=True,
    ),
    Fault(
        name="clock-jump",
        title="the operator's clock jumps ten minutes ahead",
        run=Run.GOES_ON,
        make=act.jump_desk_clock,
        heal=act.right_desk_clock,
        codes=frozenset({"KB307"}),
        strict=True,
        mild=True,
    ),
    Fault(
        name="two-operators",
        title="two operators at once",
        run=Run.GOES_ON,
        make=act.second_operator,
        codes=frozenset({"KB402", "KB410"}),
        strict=True,
        mild=True,
    ),
)
NAMED: Mapping[str, Fault] = {fault.name: fault for fault in ALL}
