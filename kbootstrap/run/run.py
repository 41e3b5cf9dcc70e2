"""One run of a command that contacts nodes: connect, probe, plan, lock, apply.

The commands make a `Run` and call its methods in that order; the report goes to
`kbootstrap.run.report`. Everything a step needs of its run is here, too (`RunContext`).
"""

import contextlib
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from kbootstrap import codes
from kbootstrap.action import LocalAction
from kbootstrap.codes import LOCKED
from kbootstrap.engine.events import Bus, Event
from kbootstrap.engine.inputs import LocalInputs, LocalState
from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.planner import differences, make_plan
from kbootstrap.engine.probe import Prober, ProbeResult, ProbeResults
from kbootstrap.engine.runner import Outcome
from kbootstrap.engine.watch import Watch
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.fanout import as_completed
from kbootstrap.lock.run_lock import RunLock
from kbootstrap.lock.this_process import this_run
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.etcd import EtcdMember
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.options import RunOptions
from kbootstrap.remote.external_etcd import ExternalEtcd
from kbootstrap.remote.hosts import Connection
from kbootstrap.remote.kube import NOTHING_MORE, Asks
from kbootstrap.run import local_actions, local_inputs
from kbootstrap.run.api_connection import ApiConnection
from kbootstrap.run.api_route import damaged_files
from kbootstrap.run.cluster_api import ClusterApi
from kbootstrap.run.connections import Connections
from kbootstrap.run.lock import ClusterLock
from kbootstrap.run.selection import kubeconfig_path

_NO_ANSWER = "no answer for {} s (check its login shell)".format
_NO_API = "the API server has not answered for {} s".format
_NOT_GATHERED = "binaries and manifests are not downloaded after {} s".format
# Commands that stop at the lock of another run.
MUTATING = frozenset(
    {"up", "join", "replace", "reset", "upgrade"}
    | {"etcd snapshot", "etcd restore", "certs renew", "certs rotate-ca"}
)


class Run:
    """One run of one command.

    Attributes:
        probes: node name -> what its probes printed last.
        errors: why nodes could not be probed.
        lost: why the run gave up, if it lost its lock.
        outcomes: how the steps of the last plan ended.

    """

    def __init__(
        self,
        options: RunOptions,
        cluster: Cluster,
        phases: tuple[AnyPhase, ...],
        bus: Bus,
        leaving: tuple[Node, ...] = (),
        *,
        asks: Asks = NOTHING_MORE,
    ) -> None:
        self.options, self.cluster, self.phases, self.bus = options, cluster, phases, bus
        self.run_id = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(3)
        self.probes = ProbeResults(cluster)
        self.errors: list[KbError] = []
        self.outcomes: tuple[Outcome, ...] = ()
        self.inputs = LocalInputs()
        self.local = local_inputs.kubeconfig(LocalState(), kubeconfig_path(options, cluster))
        self.lost: KbError | None = None
        self._external: ExternalEtcd | None = None
        self._connect(frozenset(node.name for node in leaving), asks)
        self.watch = Watch(bus)
        self.watch.start()

    def _connect(self, leaving: frozenset[str], asks: Asks) -> None:
        """Nothing is contacted before the first request."""
        self.connections = Connections(self.options, self.cluster, self._note)
        self.api_connection = ApiConnection(
            self.cluster,
            self.connections.hosts,
            self.probes,
            without=leaving,
            asks=asks,
            note=self._note,
        )
        rules = RunLock(
            this_run(self.run_id),
            stops=self.options.command in MUTATING and not self.options.dry_run,
            warns=self.options.dry_run,
            notify=self._note,
        )
        self.lock = ClusterLock(
            self.cluster,
            rules,
            run_id=self.run_id,
            probes=self.probes,
            connections=self.connections,
            api=self.api_connection,
            leaving=leaving,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; commands that run on nodes continue there."""
        self.watch.close()
        self.api_connection.close()
        self.connections.close()

    def _note(self, text: str) -> None:
        self.bus.note("", "", text)

    # ---- probe

    def probe(self, nodes: Iterable[Node]) -> None:
        """Probe all ``nodes`` at once; those that cannot be reached go to `errors`.

        Raises:
            RefusedError: KB410, a control plane says that another run is at work.

        """
        chosen = tuple(nodes)
        failed: dict[Node, KbError] = {}
        for node, found in as_completed(chosen, self._probe):
            if isinstance(found, KbError) and found.code is not LOCKED:
                failed[node] = found.at(node.name, "connect")
            elif isinstance(found, Exception):
                raise found
            else:
                self.probes.update({node.name: found})
                self.bus(Event(kind="surveyed", node=node.name, text=found.host.text))
                self.lock.warn(node.name, found.lock)
        self.errors += [failed[node] for node in chosen if node in failed]

    def _probe(self, node: Node) -> ProbeResult:
        wire = self.connections.to(node)
        prober = Prober(self.cluster, node, self.phases, wire, self.run_id)
        with self.watch.during(node.name, "connect", _NO_ANSWER):
            found = prober.probe(self.lock.gate(node.name))
            self.connections.check_forwarding(node, found)
        return found

    def read_inputs(self, kubeconfig: Path | None) -> None:
        """Read the operator's files, for the architectures found."""
        with self.watch.during("", "", _NOT_GATHERED):
            self.inputs = local_inputs.read(self.cluster, self.arches, kubeconfig)

    @property
    def arches(self) -> list[str]:
        """The architectures of the nodes that were probed."""
        return sorted({s.host.arch for s in self.probes.values()} - {""})

    # ---- the API

    def has_api(self) -> bool:
        """Whether a control plane that is up was found."""
        with self._through_the_api():
            return self.api_connection.api() is not None

    def observe(self) -> Observed:
        """The cluster through its API; `NOTHING` while there is none."""
        with self._through_the_api():
            api = self.api_connection.api()
            return api.observe() if api else NOTHING

    def members(self) -> tuple[EtcdMember, ...]:
        """Of the cluster's own etcd; none while there is no API."""
        with self._through_the_api():
            api = self.api_connection.api()
            return api.members() if api else ()

    def kubeconfig(self) -> str:
        """The operator's kubeconfig, with the login of the control plane in use.

        Raises:
            RefusedError: KB404, there is no control plane.
            TrustError: KB503, its login does not belong to the cluster's CA.

        """
        if not self.has_api():
            raise RefusedError(codes.NO_CONTROL_PLANE, "there is no control plane yet")
        return self.api_connection.operator_kubeconfig()

    @contextlib.contextmanager
    def _through_the_api(self) -> Iterator[None]:
        """Errors name the control plane in use, and its files that are damaged."""
        through = self.api_connection.through
        try:
            with self.watch.during(through, "connect", _NO_API):
                yield
        except KbError as error:
            if error.code is codes.API_DOWN and (words := damaged_files(self.probes)):
                error.detail = "\n".join(filter(None, [error.detail, words]))
            error.at(self.api_connection.through, "connect")
            raise

    # ---- plan

    def view_since(self, phase: AnyPhase, node: Node, since: float) -> View[object]:
        """What a plan of the phase sees now; what the API said before ``since`` is stale.

        Only a phase that uses the API connects to it: others must work with a dead API.
        """
        api = self.api_connection.api() if phase.api else None
        manifests = phase.observed_manifests(self.inputs) if api else ()
        observed = api.observe(manifests, since) if api else NOTHING
        result = self.probes[node.name]
        return View(
            cluster=self.cluster,
            node=node,
            facts=result.facts.get(phase.id) or phase.facts(),
            host=result.host,
            api=observed,
            control_plane=self.api_connection.through,
            ca=self.api_connection.ca_pem,
            options=self.options,
            inputs=self.inputs,
            local=self.local,
            now=result.at,
        )

    def view(self, phase: AnyPhase, node: Node) -> View[object]:
        """What a plan or a check of the phase sees."""
        with self._through_the_api():
            return self.view_since(phase, node, 0.0)

    def differences(self, nodes: Iterable[Node]) -> tuple[Difference, ...]:
        """Where the live cluster differs from the inventory, whatever phases are chosen."""
        return differences(self.cluster, self.phases, nodes, self.view, self.observe())

    def plan(self, nodes: Iterable[Node], phases: Iterable[AnyPhase]) -> Plan:
        """The least change, in these of the run's phases."""
        return make_plan(self.cluster, phases, nodes, self.view)

    # ---- apply

    def begin_apply(self) -> None:
        """Read what a plan may remove while it is applied."""
        self._external = self.api_connection.external_etcd()  # kubeadm reset deletes the login

    def wire(self, name: str) -> Connection:
        """The connection to a node."""
        return self.connections.to(self.cluster.node(name))

    def api_writer(self) -> ClusterApi | None:
        """The API through a control plane that is up; None before there is one."""
        return self.api_connection.api()

    def perform_locally(self, action: LocalAction) -> None:
        """Perform an action on the operator's workstation, and read what it changed."""
        self.local = local_actions.perform(
            action,
            self.local,
            api=self.api_connection,
            external=self._external,
            kubeconfig=self.kubeconfig,
        )

    def stopping(self) -> bool:
        """Whether the user asked to stop, or the lock was lost."""
        return self.connections.released

    def give_up(self, error: KbError) -> None:
        """Release the nodes, as a signal does: the lock was lost.

        A run that a signal has stopped no longer renews its lock, and loses nothing by that.
        """
        if not self.stopping():
            self.lost = error
            self._release()

    def interrupt(self, signal: str) -> None:
        """Release the nodes at a signal."""
        self.connections.mark_released()
        self._note(f"{signal}: the run stops; commands that run on nodes continue there")
        self._release()

    def _release(self) -> None:
        self.connections.mark_released()
        self.api_connection.give_up()
        self.connections.close()
