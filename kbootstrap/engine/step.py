"""Carries out one step: probe, plan again, do, probe, compare, note.

The runner calls `StepRunner.run` for each phase of a node, in order. A step's actions are
grouped: what runs on one host goes there as one script, together with the probe that
follows and the checkpoint; API and local actions run here. If the connection breaks, the
node is probed again and what is left is planned; a detached command is found running.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from kbootstrap import codes
from kbootstrap.action import Action, ApiAction, HostAction, LocalAction
from kbootstrap.engine import checkpoint
from kbootstrap.engine.drift import (
    changes,
    refuse_unprinted,
    unprinted,
)
from kbootstrap.engine.events import Bus, Event
from kbootstrap.engine.parts import first_failure, groups, host_parts, longest
from kbootstrap.engine.phase import AnyPhase, Bits, View
from kbootstrap.engine.plan import Step
from kbootstrap.engine.recovery import once_back
from kbootstrap.engine.survey import Snapshot, probe_parts, read_reply
from kbootstrap.errors import (
    KbError,
    LostError,
    PhaseError,
    RefusedError,
)
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import Document
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.remote.protocol import Part, Reply
from kbootstrap.wait import until

RECOVER_SECONDS = 300  # how long a node may be away in the middle of a step, as when it reboots
UNCHANGED = "unchanged"  # the part that looks whether another run was there
SETTLE_SECONDS = 30  # how long a node that came back may still be starting its services
LOSSES = 5  # connections a step may lose, since a node that keeps going away gets nowhere


class Wire(Protocol):
    """Runs parts on one host."""

    def perform(
        self,
        parts: Sequence[Part],
        *,
        run_id: str,
        on_output: Callable[[str, str], None] | None = None,
    ) -> Reply: ...


class Api(Protocol):
    """The cluster's API, once there is one."""

    def observe(self, manifests: tuple[Document, ...] = (), since: float = 0.0) -> Observed: ...

    def perform(self, action: ApiAction, slots: dict[str, str]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class World:
    """What steps share: the wires, the API, the operator's files.

    Attributes:
        wire: node name -> its connection.
        api: the API through a control plane that is up; None before there is one.
        local: carries out actions at the operator's machine.
        stopping: true once the user asked to stop.

    """

    cluster: Cluster
    phases: tuple[AnyPhase, ...]
    run_id: str
    bits: Callable[[], Bits]
    wire: Callable[[str], Wire]
    api: Callable[[], Api | None]
    seed: Callable[[], tuple[str, str]]  # name of a control plane that is up, and its CA
    learn: Callable[[str, Snapshot], None]  # a node was probed again
    local: Callable[[LocalAction], None]
    bus: Bus
    stopping: Callable[[], bool]


@dataclass
class StepRunner:
    """The phases of one node; owned by one thread.

    Attributes:
        snapshot: what the node's probes said last.
        planned: phase id -> the step as it was printed, in order.

    """

    world: World
    node: Node
    snapshot: Snapshot
    planned: Mapping[str, Step]
    slots: dict[str, str] = field(default_factory=dict)
    _tries: int = 0  # of this run on this node; a detached command belongs to one of them
    _acted: float = 0.0  # when our last action ended; what the API said before is out of date
    _met: bool = False  # a script of ours was sent there

    def run(self, phase: AnyPhase) -> int:
        """Bring the node where the phase wants it; returns the number of changes made.

        Raises:
            KbError: stamped with node and phase by the caller.

        """
        printed = self.planned[phase.id].keys if phase.id in self.planned else frozenset()
        actions = self._plan(phase)
        refuse_unprinted(actions, printed)
        done = losses = 0
        while actions:
            lost = self._attempt(phase, actions)
            self._tries += 1
            left = self._plan(phase) if lost is None else self._settled(phase, printed, lost)
            losses += lost is not None
            if lost is not None and losses > LOSSES:
                raise lost
            if lost is None and actions == left:
                raise PhaseError(
                    codes.NOT_SETTLED,
                    f"still wanted after it was done: {left[0].text}",
                    detail="\n".join(f"{a.text}: {a.why}" for a in left),
                )
            refuse_unprinted(left, printed, resumed=True)
            done += changes(actions, () if lost is None else left)
            actions = left
        return done

    def _attempt(self, phase: AnyPhase, actions: tuple[Action, ...]) -> LostError | None:
        """Perform them; if the connection breaks, look at the node again once it is back."""
        try:
            self._perform(phase, actions)
        except LostError as error:
            self._recover(phase, error)
            return error
        finally:
            self._acted = time.monotonic()
        return None

    def view(self, phase: AnyPhase) -> View[object]:
        """What a plan of the phase looks at now."""
        api = self.world.api() if phase.api else None
        seed, ca = self.world.seed()
        manifests = phase.observed_manifests(self.world.bits()) if api else ()
        return View(
            cluster=self.world.cluster,
            node=self.node,
            facts=self.snapshot.facts.get(phase.id) or phase.facts(),
            api=api.observe(manifests, self._acted) if api else NOTHING,
            seed=seed,
            ca=ca,
            bits=self.world.bits(),
            now=self.snapshot.at,
        )

    def _plan(self, phase: AnyPhase) -> tuple[Action, ...]:
        return tuple(phase.plan(self.view(phase)))

    def _perform(self, phase: AnyPhase, actions: tuple[Action, ...]) -> None:
        """All actions in order; after a failure only those meant for it."""
        placed = list(groups(actions, self.node.name))
        problem: KbError | None = None
        for index, (host, group) in enumerate(placed):
            todo = tuple(a for a in group if problem is None or a.always)
            if not todo:
                continue
            last_here = host == self.node.name and not any(
                later == host for later, _ in placed[index + 1 :]
            )
            try:
                self._group(phase, host, todo, len(actions) if last_here else 0)
            except LostError:
                raise  # what was begun may go on there: nothing is cleaned up under its feet
            except KbError as error:
                problem = problem or error
        if problem is not None:
            raise problem

    def _group(self, phase: AnyPhase, host: str, group: tuple[Action, ...], changes: int) -> None:
        name, slow = self.node.name, longest(group).text
        for action in group:
            text = action.text
            self.world.bus(Event(kind="action", node=name, phase=phase.id, text=text, longest=slow))
            if action.waits:
                self.world.bus.note(self.node.name, phase.id, action.text)
        if host == "api":
            self._api(group)
        elif host == "local":
            for action in group:
                if isinstance(action, LocalAction):
                    self.world.local(action)
        else:
            hosted = tuple(a for a in group if isinstance(a, HostAction))
            self._host(phase, host, hosted, changes)

    def _api(self, group: tuple[Action, ...]) -> None:
        api = self.world.api()
        if api is None:
            raise RefusedError(codes.NO_CONTROL_PLANE, "there is no API server yet")
        for action in group:
            if isinstance(action, ApiAction):
                api.perform(action, self.slots)

    def _host(
        self, phase: AnyPhase, host: str, actions: tuple[HostAction, ...], changes: int
    ) -> None:
        """One script for one host; on our own node the probes and the checkpoint follow."""
        made = host_parts(actions, self.slots)
        parts = [part for _, part in made]
        if changes and phase.noted:
            parts.append(self._checkpoint(phase, changes))
        watched = self._watched(phase)
        if host == self.node.name:
            parts = [*self._first(), *parts, *probe_parts(self.world.cluster, self.node, watched)]

        def on_output(part: str, text: str) -> None:
            if part.startswith("a"):
                self.world.bus.output(self.node.name, phase.id, text)

        run_id = f"{self.world.run_id}.{self._tries}"
        reply = self.world.wire(host).perform(parts, run_id=run_id, on_output=on_output)
        if host == self.node.name:
            self._learn(read_reply(watched, reply))
            _must_be_unchanged(reply)
        failed = first_failure(made, reply)
        if failed is not None:
            raise failed

    def _first(self) -> tuple[Part, ...]:
        """Before our first script on the node; what changes there from then on is our doing."""
        if self._met:
            return ()
        self._met = True
        return (Part(UNCHANGED, checkpoint.unchanged_script(self.snapshot.state)),)

    def _watched(self, phase: AnyPhase) -> tuple[AnyPhase, ...]:
        """The phases whose facts somebody will still read: this one, later ones, shared ones."""
        order = list(self.planned)
        coming = order[order.index(phase.id) :] if phase.id in order else order
        return tuple(p for p in self.world.phases if p.shared or p.id in coming or p is phase)

    def _checkpoint(self, phase: AnyPhase, changes: int) -> Part:
        entry = checkpoint.Entry(phase.id, self.world.run_id, changes, time.time())
        record = checkpoint.updated(self.snapshot.state, self.world.cluster, self.node, entry)
        return Part("checkpoint", checkpoint.write_script(record))

    def _recover(self, phase: AnyPhase, error: LostError) -> None:
        """Wait for the node to come back and look at it again."""
        name = self.node.name
        self.world.bus.note(name, phase.id, f"connection lost; waiting for {name} to answer again")
        self._probe_again(error)

    def _settled(
        self, phase: AnyPhase, printed: frozenset[str], error: LostError
    ) -> tuple[Action, ...]:
        """What is left after a loss; a node that just booted may still start what it needs."""
        extra = unprinted(self._plan(phase), printed)
        if extra:
            words = f"{self.node.name} answers again, but needs: {extra[0].text}"
            words += f" (not in the plan); probing it for {SETTLE_SECONDS} s"
            self.world.bus.note(self.node.name, phase.id, words)

            def settled() -> bool:
                self._probe_again(error)
                return not unprinted(self._plan(phase), printed)

            until(settled, SETTLE_SECONDS)
        return self._plan(phase)

    def _probe_again(self, error: LostError) -> None:
        def probe() -> Snapshot:
            if self.world.stopping():
                raise error
            parts = probe_parts(self.world.cluster, self.node, self.world.phases)
            reply = self.world.wire(self.node.name).perform(parts, run_id=self.world.run_id)
            return read_reply(self.world.phases, reply)

        self._learn(once_back(probe, RECOVER_SECONDS, error))

    def _learn(self, seen: Snapshot) -> None:
        snapshot = replace(seen, facts={**self.snapshot.facts, **seen.facts})
        self.snapshot = snapshot
        self.world.learn(self.node.name, snapshot)


def _must_be_unchanged(reply: Reply) -> None:
    if any(result.id == UNCHANGED and not result.ok for result in reply.results):
        raise RefusedError(codes.PLAN_DRIFTED, "another run worked there after our look")
