"""A world to run plans in: nodes in memory, whose whole state is a set of items.

A toy phase wants some tasks done on its nodes and plans one action for each that its probe
does not print. A `Machine` does tasks, or fails, or goes away, as the test says.
"""

import shlex
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kbootstrap import codes
from kbootstrap.action import Action, ApiAction, LocalAction, Run
from kbootstrap.engine import host_probe
from kbootstrap.engine.events import Bus, Event, Observer
from kbootstrap.engine.phase import AnyPhase, Phase, View, Wait, everywhere
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.planner import make_plan
from kbootstrap.engine.probe import Prober, ProbeResult, ProbeResults
from kbootstrap.engine.runner import Outcome, Runner
from kbootstrap.errors import LostError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import Document
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.remote.protocol import Part, PartResult, Reply
from tests.laws.clusters import cluster

HA = cluster("ha")  # cp1, cp2, cp3, w1


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The tasks of a phase that were done."""

    done: tuple[str, ...] = ()


Plans = Callable[[View[Done]], Iterator[Action]]


def word(phase: str, name: str, *, always: bool = False) -> Run:
    """An action that does one task."""
    return Run(why="not done", title=f"do {name}", body=f"{phase} {name}", always=always)


def toy(
    phase: str,
    *tasks: str,
    waits: tuple[tuple[str, Wait], ...] = (),
    plan: Plans | None = None,
    on: Callable[[Cluster, Node], bool] = everywhere,
) -> AnyPhase:
    """A phase that wants the tasks done; with ``plan`` it plans what that says."""

    def plan_tasks(view: View[Done]) -> Iterator[Action]:
        yield from (word(phase, name) for name in tasks if name not in view.facts.done)

    return Phase(
        id=phase,
        title=f"Toy {phase}",
        facts=Done,
        probe=lambda *_: phase,
        plan=plan or plan_tasks,
        waits=waits,
        on=on,
        api=True,
    )


@dataclass
class Machine:
    """One node.

    Attributes:
        says: word -> exit status and output, if not 0 and none.
        loses: word -> whether it is done before the connection is lost, once.
        deaf: tasks that are never done, though they seem to be.
        log: what was done everywhere, in order.
        records: what was recorded of phases that ended.
        record: what it says when asked for them.
        swap: its swap is on until task ``swapoff`` is done.
        hosts: how often its host was probed.

    """

    name: str
    log: list[str]
    says: dict[str, tuple[int, str]] = field(default_factory=dict)
    loses: dict[str, bool] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    record: str = ""
    files: list[bytes] = field(default_factory=list)
    swap: bool = False
    hosts: int = 0

    def perform(
        self,
        parts: Sequence[Part],
        *,
        run_id: str,
        on_output: Callable[[str, str], None] | None = None,
    ) -> Reply:
        """The parts in order; after a failure only those that always run."""
        del run_id
        results: list[PartResult] = []
        failed = False
        for part in parts:
            if part.kind == "probe":
                results.append(_result(part.id, 0, self._probe(part)))
            elif failed and not part.always:
                results.append(_result(part.id, 0, "", skipped=True))
            else:
                status, output = self._do(part)
                failed = failed or status != 0
                results.append(_result(part.id, status, output))
                if on_output:
                    on_output(part.id, output)
        return Reply(tuple(results))

    def _probe(self, part: Part) -> str:
        if part.id == host_probe.PART:
            self.hosts += 1
            on = self.swap and not any(done.endswith(" swapoff") for done in self.done)
            return "swap=/dev/sda2\n" if on else ""
        kind, _, phase = part.id.partition(":")
        if kind == "read":
            return self.record
        words = (done.split() for done in self.done)
        return "".join(f"done={name}\n" for owner, name in words if owner == phase)

    def _do(self, part: Part) -> tuple[int, str]:
        if part.id == "unchanged":
            same = part.script.endswith(f"= {shlex.quote(self.record)} ]")
            return int(not same), ""
        if part.id == "checkpoint":
            self.records.append(part.script)
            return 0, ""
        if part.blobs:
            self.log.append(f"{self.name}: put")
            self.files += [blob.source for blob in part.blobs if isinstance(blob.source, bytes)]
            return 0, ""
        name = part.script.split()[-1]
        status, output = self.says.get(name, (0, ""))
        lost = self.loses.pop(name, None)
        if lost is not False:
            self.log.append(f"{self.name}: {part.script}")
            if status == 0 and name not in self.deaf:
                self.done.append(part.script)
        if lost is not None:
            raise LostError(codes.LOST, "the connection broke")
        return status, output


def _result(part: str, status: int, output: str, *, skipped: bool = False) -> PartResult:
    return PartResult(part, status, output, millis=1, skipped=skipped, truncated=False)


class FakeApi:
    """An API that records what it is asked for, and fills the placeholders a test names."""

    def __init__(self, log: list[str], slots: Mapping[str, str]) -> None:
        self._log, self._slots = log, slots
        self.since: list[float] = []  # of each observation

    def observe(self, manifests: tuple[Document, ...] = (), since: float = 0.0) -> Observed:
        """An empty cluster."""
        del manifests
        self.since.append(since)
        return NOTHING

    def perform(self, action: ApiAction, slots: dict[str, str]) -> None:
        """Note it."""
        self._log.append(f"api: {action.text}")
        slots.update(self._slots)


class Context:
    """What steps need of a run, from a `Site`."""

    def __init__(self, site: "Site") -> None:
        self._site = site
        self.cluster, self.phases, self.run_id = HA, site.phases, "run"
        self.bus = Bus(site.events.append, *([site.watch] if site.watch else []))
        self.probes = ProbeResults(HA)
        self.probes.update(site.snapshots())

    def view_since(self, phase: AnyPhase, node: Node, since: float) -> View[object]:
        """The facts, and an API that is asked if the phase reads it."""
        api = self._site.api if phase.api else None
        observed = api.observe((), since) if api else NOTHING
        probed = self.probes[node.name]
        facts = probed.facts.get(phase.id) or phase.facts()
        return View(cluster=HA, node=node, facts=facts, host=probed.host, api=observed)

    def wire(self, name: str) -> Machine:
        """The node itself."""
        return self._site.machines[name]

    def api_writer(self) -> FakeApi | None:
        """The API of the site."""
        return self._site.api

    def perform_locally(self, action: LocalAction) -> None:
        """Note it."""
        self._site.log.append(f"here: {action.text}")

    def stopping(self) -> bool:
        """Whether the test stops the run."""
        return self._site.stop.is_set()


class Site:
    """A `Machine` for every node of the cluster, and one run on them."""

    def __init__(self, *phases: AnyPhase, slots: Mapping[str, str] | None = None) -> None:
        self.phases = phases
        self.log: list[str] = []
        self.machines = {node.name: Machine(node.name, self.log) for node in HA.nodes}
        self.events: list[Event] = []
        self.watch: Observer | None = None
        self.stop = threading.Event()
        self.api: FakeApi | None = FakeApi(self.log, slots or {})
        self.outcomes: Mapping[tuple[str, str], Outcome] = {}

    def snapshots(self) -> dict[str, ProbeResult]:
        """What all probes say now."""
        return {
            node.name: Prober(HA, node, self.phases, self.machines[node.name], "run").probe()
            for node in HA.nodes
        }

    def plan(self) -> Plan:
        """The plan for what is now."""
        seen = self.snapshots()

        def view(phase: AnyPhase, node: Node) -> View[object]:
            probed = seen[node.name]
            return View(cluster=HA, node=node, facts=probed.facts[phase.id], host=probed.host)

        return make_plan(HA, self.phases, HA.nodes, view)

    def run(self, plan: Plan | None = None, *, forks: int = 8) -> dict[tuple[str, str], Outcome]:
        """Carry a plan out, by default the one for what is now."""
        plan = plan or self.plan()
        outcomes = Runner(Context(self), plan, forks).run()
        self.outcomes = {(outcome.node, outcome.phase): outcome for outcome in outcomes}
        return dict(self.outcomes)

    def states(self, node: str) -> list[str]:
        """How the steps of a node ended, as observers saw it."""
        ends = {"changed", "unchanged", "failed", "blocked"}
        return [
            f"{event.phase} {event.state}"
            for event in self.events
            if event.kind == "step" and event.node == node and event.state in ends
        ]


def code(outcome: Outcome) -> str:
    """The code a step ended with; empty if all is well."""
    return outcome.error.code.id if outcome.error else ""
