"""The lock of one run: the places it reaches, over its own connections and over spare ones."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

from kbootstrap.codes import INTERRUPTED, LOST
from kbootstrap.engine.probe import ProbeResults
from kbootstrap.errors import InterruptedRunError, KbError, LostError
from kbootstrap.lock.places import Lease, LockPlace, NodeRecord
from kbootstrap.lock.record import LockState
from kbootstrap.lock.run_lock import LockPlaces, RunLock, lock_text
from kbootstrap.lock.two_connections import TwoConnections, Wire
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.remote.hosts import Hosts
from kbootstrap.remote.protocol import Reply
from kbootstrap.run.api_connection import ApiConnection
from kbootstrap.run.connections import Connections


class ClusterLock:
    """Takes the lock of a cluster for one run.

    Args:
        cluster: whose control planes store it.
        rules: when the run stops at the lock of another one.
        run_id: of the run.
        probes: what is known of the nodes.
        connections: of the run.
        api: leads to the Lease.
        leaving: names of nodes that the run removes from the cluster.

    """

    def __init__(  # noqa: PLR0913 - all of a run that the lock needs
        self,
        cluster: Cluster,
        rules: RunLock,
        *,
        run_id: str,
        probes: ProbeResults,
        connections: Connections,
        api: ApiConnection,
        leaving: frozenset[str],
    ) -> None:
        self._cluster, self._rules, self._run_id = cluster, rules, run_id
        self._probes, self._connections, self._api = probes, connections, api
        self._leaving = leaving

    @property
    def text(self) -> str:
        """For the plan: where the lock is held while the plan is applied."""
        return lock_text((node.name for node in self._nodes()), lease=self._api.possible)

    def gate(self, place: str) -> Callable[[LockState], None] | None:
        """What stops the probe of a node at another run's lock (KB410)."""
        return self._rules.gate(place)

    def warn(self, place: str, state: LockState) -> None:
        """Report that another run is at work, in a dry run."""
        self._rules.warn(place, state)

    def check_lease(self) -> None:
        """Stop if the Lease says that another run is at work.

        Raises:
            RefusedError: KB410.

        """
        self._rules.check(_lease(self._api))

    def found(self, *, lease: bool = True) -> list[tuple[LockPlace, LockState]]:
        """Every record, whoever wrote it, on the nodes probed and, with ``lease``, in the API.

        Raises:
            KbError: the API does not answer.

        """
        places = self._places(self._connections.hosts, lambda: _lease(self._api) if lease else None)
        return places.found(self._probed())

    @contextmanager
    def held(self, on_lost: Callable[[KbError], None]) -> Iterator[None]:
        """Hold it; ``on_lost`` is called in another thread if the run no longer does.

        Raises:
            RefusedError: KB410, another run holds it.
            InterruptedRunError: the user stopped the run meanwhile.

        """
        held = self._rules.held(
            self._places(self._connections.hosts, lambda: _lease(self._api)),
            self._probed(),
            planes=tuple(node.name for node in self._cluster.control_planes),
            on_lost=on_lost,
            to_free=self._to_free,
        )
        with ExitStack() as stack:
            try:
                stack.enter_context(held)
            except KbError as error:
                if self._connections.released:
                    message = "stopped before it started"
                    raise InterruptedRunError(INTERRUPTED, message) from error
                raise
            yield

    @contextmanager
    def _to_free(self) -> Iterator[LockPlaces]:
        """The places at the end, over new connections if those of the run are closed."""
        if not self._connections.released:
            yield self._places(self._connections.hosts, lambda: _lease(self._api))
            return
        had = self._api.current() is not None
        with (
            closing(self._connections.new_hosts()) as hosts,
            closing(self._api.anew(hosts)) as api,
        ):
            yield self._places(hosts, lambda: _lease(api, connect=True) if had else None)

    def _nodes(self) -> Iterable[Node]:
        """The control planes that answered; the probe of one that is gone has no facts."""
        planes = self._cluster.control_planes
        return [n for n in planes if n.name in self._probes and self._probes[n.name].facts]

    def _probed(self) -> dict[str, LockState]:
        return {name: result.lock for name, result in self._probes.items()}

    def _places(self, hosts: Hosts, lease: Callable[[], LockPlace | None]) -> LockPlaces:
        return LockPlaces(tuple(self._record(hosts, node) for node in self._nodes()), lease)

    def _record(self, hosts: Hosts, node: Node) -> NodeRecord:
        def spare(use: Callable[[Wire], Reply]) -> Reply:
            if self._connections.released:
                raise LostError(LOST, "the connection was closed by this run")
            with closing(self._connections.new_hosts()) as anew:
                return use(anew.connection(node.ssh, node.name))

        wire = TwoConnections(hosts.connection(node.ssh, node.name), spare)
        return NodeRecord(wire, node.name, self._run_id, leaving=node.name in self._leaving)


def _lease(api: ApiConnection, *, connect: bool = False) -> Lease | None:
    """The Lease, through the API that the run has found; ``connect``: find it first."""
    found = api.api() if connect else api.current()
    return Lease(found.kube) if found else None
