"""What a step needs of the run that it belongs to; `kbootstrap.run.run.Run` has all of it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from kbootstrap.action import ApiAction, LocalAction
from kbootstrap.engine.events import Bus
from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.engine.probe import ProbeResults
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.remote.protocol import Part, Reply


class Wire(Protocol):
    """Runs parts on one node."""

    def perform(
        self,
        parts: Sequence[Part],
        *,
        run_id: str,
        on_output: Callable[[str, str], None] | None = None,
    ) -> Reply: ...


class ApiWriter(Protocol):
    """Changes objects of the cluster's API, or members of its etcd."""

    def perform(self, action: ApiAction, slots: dict[str, str]) -> None: ...


class RunContext(Protocol):
    """The run that a step belongs to; `kbootstrap.run.run.Run` is one."""

    cluster: Cluster
    phases: tuple[AnyPhase, ...]
    run_id: str
    bus: Bus
    probes: ProbeResults

    def view_since(self, phase: AnyPhase, node: Node, since: float) -> View[object]:
        """What a plan of the phase sees now; what the API said before ``since`` is stale."""

    def wire(self, name: str) -> Wire:
        """The connection to a node."""

    def api_writer(self) -> ApiWriter | None:
        """The API through a control plane that is up; None before there is one."""

    def perform_locally(self, action: LocalAction) -> None:
        """Perform an action on the operator's workstation."""

    def stopping(self) -> bool:
        """Whether the user asked to stop, or the lock was lost."""
