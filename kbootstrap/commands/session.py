"""What every verb that contacts nodes shares: connections, survey, checks, plan, run."""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from kbootstrap import codes
from kbootstrap.action import LocalAction
from kbootstrap.codes import LOCKED
from kbootstrap.commands import local_inputs
from kbootstrap.commands.access import Access
from kbootstrap.commands.drift import damaged
from kbootstrap.commands.local_actions import carry_out
from kbootstrap.commands.lock import RunLock
from kbootstrap.commands.options import Options
from kbootstrap.commands.parallel import as_they_come
from kbootstrap.commands.signals import letting_go
from kbootstrap.engine.events import Bus, Event
from kbootstrap.engine.phase import AnyPhase, Bits, View
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.planner import comparisons, differences, make_plan, verdicts
from kbootstrap.engine.runner import Outcome, Runner
from kbootstrap.engine.step import World
from kbootstrap.engine.survey import Prober, Snapshot
from kbootstrap.engine.watch import Watch
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.document import Document
from kbootstrap.model.etcd import EtcdMember
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.remote.external_etcd import ExternalEtcd
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.hosts import Connection, Hosts
from kbootstrap.remote.kube import NOTHING_MORE, Asks
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.secret_source import Secrets
from phases import identity


def _no_answer(seconds: int) -> str:
    return f"no answer for {seconds} s (what does its login shell do?)"


def _no_api(seconds: int) -> str:
    return f"the API server has not answered for {seconds} s"


def _not_gathered(seconds: int) -> str:
    return f"binaries and manifests are not downloaded after {seconds} s"


def _not_locked(seconds: int) -> str:
    return f"the lock is not taken after {seconds} s"


class Session:
    """One run of one verb.

    Attributes:
        snapshots: node name -> what its probes said.
        errors: what kept nodes from being surveyed.
        leaving: names of nodes this run takes out of the cluster.
        lost: why this run gave up, if it lost its lock.
        outcomes: how the steps of the last `run` ended.

    """

    def __init__(
        self,
        options: Options,
        cluster: Cluster,
        phases: tuple[AnyPhase, ...],
        bus: Bus,
        leaving: tuple[Node, ...] = (),
        *,
        asks: Asks = NOTHING_MORE,
    ) -> None:
        self.options, self.cluster, self.phases, self.bus = options, cluster, phases, bus
        self.run_id = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(3)
        self.meter = Meter()
        self.snapshots: dict[str, Snapshot] = {}
        self.errors: list[KbError] = []
        self.outcomes: tuple[Outcome, ...] = ()
        self.bits = Bits()
        self._trust = HostKeys(
            [options.known_hosts] if options.known_hosts else None, accept_new=options.accept_new
        )
        self._secrets = Secrets()
        self.hosts = self.new_hosts()
        self.leaving = frozenset(node.name for node in leaving)
        self.access = Access(
            cluster,
            self.hosts,
            without=self.leaving,
            asks=asks,
            note=lambda text: bus.note("", "", text),
        )
        self.lock = RunLock(self)
        self.lost: KbError | None = None
        self.external: ExternalEtcd | None = None
        self._stop = threading.Event()
        self.watch = Watch(bus)
        self.watch.start()

    def new_hosts(self) -> Hosts:
        """Connections of their own, with the same trust and logins."""
        bin_dir = self.cluster.programs.bin_dir
        return Hosts(self._trust, self._secrets, self.meter, bin_dir=bin_dir)

    def close(self) -> None:
        """Close every connection; what runs on nodes goes on there."""
        self.watch.close()
        self.access.close()
        self.hosts.close()

    def survey(self, nodes: Iterable[Node]) -> None:
        """Probe all ``nodes`` at once; those that cannot be reached go to `errors`.

        Raises:
            RefusedError: KB410, the first control plane to answer says that somebody works.

        """
        chosen = tuple(nodes)
        failed: dict[Node, KbError] = {}
        for node, found in as_they_come(chosen, self._survey):
            if isinstance(found, KbError) and found.code is not LOCKED:
                failed[node] = found.at(node.name, "connect")
            elif isinstance(found, Exception):
                raise found
            else:
                self.snapshots[node.name] = found
                self.bus(Event(kind="surveyed", node=node.name))
                self.lock.tell(node.name, found.lock)
        self.errors += [failed[node] for node in chosen if node in failed]
        self.access.learn(self.snapshots)

    def _survey(self, node: Node) -> Snapshot:
        wire = self.hosts.connection(node.ssh, node.name)
        prober = Prober(self.cluster, node, self.phases, wire, self.run_id)
        with self.watch.during(node.name, "connect", _no_answer):
            return prober.survey(self.lock.gate(node.name))

    def gather(self, kubeconfig: Path | None) -> None:
        """Look at the operator's own files, for the architectures found."""
        with self.watch.during("", "", _not_gathered):
            self.bits = local_inputs.gather(self.cluster, self.arches, kubeconfig)

    @property
    def arches(self) -> list[str]:
        """The architectures of the nodes surveyed."""
        names = {s.facts[identity.PHASE.id].arch for s in self.snapshots.values()}
        return sorted(identity.ARCHES[name] for name in names if name in identity.ARCHES)

    def view(self, phase: AnyPhase, node: Node) -> View[object]:
        """What a plan of ``phase`` on ``node`` looks at."""
        api = self.observe(phase.observed_manifests(self.bits)) if phase.api else NOTHING
        with self._on_the_way():
            seed, ca = self.access.seed()
        snapshot = self.snapshots[node.name]
        return View(
            cluster=self.cluster,
            node=node,
            facts=snapshot.facts.get(phase.id) or phase.facts(),
            api=api,
            seed=seed,
            ca=ca,
            bits=self.bits,
            now=snapshot.at,
        )

    def has_api(self) -> bool:
        """Whether a control plane that is up was found."""
        with self._on_the_way():
            return self.access.api() is not None

    def observe(self, manifests: tuple[Document, ...] = ()) -> Observed:
        """The cluster and these objects through its API; `NOTHING` while there is none."""
        with self._on_the_way():
            api = self.access.api()
            return api.observe(manifests) if api else NOTHING

    def members(self) -> tuple[EtcdMember, ...]:
        """Of the cluster's own etcd; none while there is no API."""
        with self._on_the_way():
            api = self.access.api()
            return api.members() if api else ()

    @contextlib.contextmanager
    def _on_the_way(self) -> Iterator[None]:
        """What goes wrong here goes wrong at the control plane that leads to the API."""
        try:
            with self.watch.during(self.access.through, "connect", _no_api):
                yield
        except KbError as error:
            if error.code is codes.API_DOWN and (words := damaged(self.snapshots)):
                error.detail = "\n".join(filter(None, [error.detail, words]))
            error.at(self.access.through, "connect")
            raise

    def kubeconfig(self) -> str:
        """The admin kubeconfig of the control plane in use.

        Raises:
            RefusedError: KB404, there is no control plane.

        """
        if not self.has_api() or self.access.kubeconfig is None:
            raise RefusedError(codes.NO_CONTROL_PLANE, "there is no control plane yet")
        return self.access.kubeconfig.reveal()

    def check(self, nodes: Iterable[Node], phases: Iterable[AnyPhase]) -> tuple[KbError, ...]:
        """Every reason not to begin, and what is worth knowing before."""
        chosen = tuple(phases)
        found = verdicts(self.cluster, chosen, nodes, self.view)
        probed = {name: snapshot.facts for name, snapshot in self.snapshots.items()}
        return (*found, *comparisons(self.cluster, chosen, probed))

    def differences(self, nodes: Iterable[Node]) -> tuple[Difference, ...]:
        """Where the live cluster is not as the inventory says, whatever phases are chosen."""
        return differences(self.cluster, self.phases, nodes, self.view, self.observe())

    def plan(self, nodes: Iterable[Node], phases: Iterable[AnyPhase]) -> Plan:
        """What is to be done, in these of the session's phases."""
        return make_plan(self.cluster, phases, nodes, self.view)

    def run(self, plan: Plan) -> tuple[Outcome, ...]:
        """Carry ``plan`` out, holding the lock.

        Raises:
            RefusedError: KB410, somebody else holds it.

        """
        self.external = self.access.external_etcd()  # kubeadm reset may take the certificate
        world = World(
            cluster=self.cluster,
            phases=self.phases,
            run_id=self.run_id,
            bits=lambda: self.bits,
            wire=self._wire,
            api=self.access.api,
            seed=self.access.seed,
            learn=self._learn,
            local=self._local,
            bus=self.bus,
            stopping=self._stop.is_set,
        )
        with self._signals(), contextlib.ExitStack() as held:
            with self.watch.during("", "", _not_locked):
                held.enter_context(self.lock.held())
            self.outcomes = Runner(world, plan, self.options.forks).run(self.snapshots)
        return self.outcomes

    def _learn(self, name: str, snapshot: Snapshot) -> None:
        """A node was probed again, by the thread that works on it."""
        self.snapshots[name] = snapshot
        self.access.learn({name: snapshot})

    @property
    def interrupted(self) -> bool:
        """Whether the user asked to stop."""
        return self._stop.is_set()

    def give_up(self, error: KbError) -> None:
        """Let go of the nodes, as a signal does: the lock was lost."""
        self.lost = error
        self._let_go()

    def _let_go(self) -> None:
        self._stop.set()
        self.access.give_up()
        self.hosts.close()

    def _wire(self, name: str) -> Connection:
        return self.hosts.connection(self.cluster.node(name).ssh, name)

    def _local(self, action: LocalAction) -> None:
        carry_out(self, action)

    def _signals(self) -> contextlib.AbstractContextManager[None]:
        """SIGINT and SIGTERM let go of the nodes; a second one ends at once."""

        def let_go(name: str) -> None:
            self._stop.set()
            self.bus.note("", "", f"{name}: letting go; what runs on nodes goes on there")
            self._let_go()

        return letting_go(let_go)
