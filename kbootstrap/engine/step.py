"""Applies one step: plan again, act, probe, compare, record.

The runner calls `StepRunner.run` for each phase of a node, in order. Actions on one node go there
in one request, with the probe that follows and the checkpoint. If the connection breaks, the node
is probed again and the rest is planned; a detached command is found running.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from kbootstrap import codes
from kbootstrap.action import Action, ApiAction, HostAction, LocalAction
from kbootstrap.engine import checkpoint, host_probe
from kbootstrap.engine.context import RunContext
from kbootstrap.engine.events import Event
from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.engine.plan import Step
from kbootstrap.engine.printed import changes, refuse_unfit, refuse_unprinted, unprinted
from kbootstrap.engine.probe import ProbeResult, probe_parts, read_reply
from kbootstrap.engine.recovery import once_back
from kbootstrap.engine.request_builder import (
    first_failure,
    groups,
    host_parts,
    longest,
    values_read,
)
from kbootstrap.errors import ChangedError, KbError, LostError, PhaseError, RefusedError
from kbootstrap.masking import OutputLines
from kbootstrap.model.cluster import Node
from kbootstrap.remote.protocol import Part, Reply
from kbootstrap.wait import until

RECOVER_SECONDS = 300  # how long a node may be unreachable during a step, such as for a reboot
UNCHANGED = "unchanged"  # the part that checks whether another run worked there
SETTLE_SECONDS = 30  # for a node that came back to start its services
LOSSES = 5  # interruptions of a step: a node that keeps going away makes no progress


Interruption = LostError | ChangedError


@dataclass
class StepRunner:
    """The phases of one node; owned by one thread.

    Attributes:
        context: the run.
        planned: phase id -> the step as it was printed, in order.

    """

    context: RunContext
    node: Node
    planned: Mapping[str, Step]
    slots: dict[str, str] = field(default_factory=dict)
    _tries: int = 0  # attempts of this run on this node; a detached command belongs to one of them
    _acted: float = 0.0  # when the last action ended; what the API said before is out of date
    _met: bool = False  # a script of this run was sent there

    def run(self, phase: AnyPhase) -> int:
        """Bring the node to the state that the phase wants; returns the number of changes.

        Raises:
            KbError: the caller adds node and phase.

        """
        printed = self.planned[phase.id].keys if phase.id in self.planned else frozenset()
        actions = self._plan(phase)
        refuse_unprinted(actions, printed)
        done = losses = 0
        while actions:
            lost = self._attempt(phase, actions)
            self._tries += 1
            losses += lost is not None
            if lost is not None and losses > LOSSES:
                raise lost
            left = self._left(phase, printed, lost)
            if lost is None and actions == left:
                raise PhaseError(
                    codes.NOT_SETTLED,
                    f"still required after it was applied: {left[0].text}",
                    detail="\n".join(f"{a.text}: {a.why}" for a in left),
                )
            refuse_unprinted(left, printed, resumed=True)
            done += changes(actions, () if lost is None else left)
            actions = left
        return done

    def _attempt(self, phase: AnyPhase, actions: tuple[Action, ...]) -> Interruption | None:
        """Perform them; if that is interrupted, probe the node again once it answers."""
        try:
            self._perform(phase, actions)
        except (LostError, ChangedError) as error:
            self._recover(phase, error)
            return error
        finally:
            self._acted = time.monotonic()
        return None

    def _plan(self, phase: AnyPhase) -> tuple[Action, ...]:
        return tuple(phase.plan(self._view(phase)))

    def _view(self, phase: AnyPhase) -> View[object]:
        return self.context.view_since(phase, self.node, self._acted)

    def _perform(self, phase: AnyPhase, actions: tuple[Action, ...]) -> None:
        """Apply all actions in order; after a failure only those with ``always``."""
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
            except (LostError, ChangedError):
                raise  # commands may still run there, so nothing is cleaned up
            except KbError as error:
                problem = problem or error
        if problem is not None:
            raise problem

    def _group(self, phase: AnyPhase, host: str, group: tuple[Action, ...], changes: int) -> None:
        name, slow = self.node.name, longest(group).text
        for action in group:
            text, bus = action.text, self.context.bus
            bus(Event(kind="action", node=name, phase=phase.id, text=text, longest=slow))
            if action.waits:
                bus.note(name, phase.id, text)
        if host == "api":
            self._api(group)
        elif host == "local":
            for action in group:
                if isinstance(action, LocalAction):
                    self.context.perform_locally(action)
        else:
            hosted = tuple(a for a in group if isinstance(a, HostAction))
            self._host(phase, host, hosted, changes)

    def _api(self, group: tuple[Action, ...]) -> None:
        api = self.context.api_writer()
        if api is None:
            raise RefusedError(codes.NO_CONTROL_PLANE, "there is no API server yet")
        for action in group:
            if isinstance(action, ApiAction):
                api.perform(action, self.slots)

    def _host(
        self, phase: AnyPhase, host: str, actions: tuple[HostAction, ...], changes: int
    ) -> None:
        """One request to one node; on the step's own node the probes and the checkpoint follow."""
        made = host_parts(actions, self.slots)
        parts = [part for _, part in made]
        if changes and phase.recorded:
            parts.append(self._checkpoint(phase, changes))
        watched = self._watched(phase)
        if host == self.node.name:
            parts = [*self._first(), *parts, *probe_parts(self.context.cluster, self.node, watched)]
            if any("host" in action.effect for action in actions):
                parts.append(host_probe.part())

        run_id = f"{self.context.run_id}.{self._tries}"
        with self._output(phase) as on_output:
            reply = self.context.wire(host).perform(parts, run_id=run_id, on_output=on_output)
        if host == self.node.name:
            self._store(read_reply(watched, reply, self.context.probes[host].host))
            _must_be_unchanged(reply)
        failed = first_failure(made, reply)
        if failed is not None:
            raise failed
        self.slots.update(values_read(made, reply))

    @contextmanager
    def _output(self, phase: AnyPhase) -> Iterator[Callable[[str, str], None]]:
        """Passes the output of actions on, line by line; the last line may have no end."""
        name, lines = self.node.name, defaultdict[str, OutputLines](OutputLines)

        def on_output(part: str, text: str) -> None:
            if part.startswith("a"):
                self.context.bus.output(name, phase.id, lines[part].feed(text))

        try:
            yield on_output
        finally:
            for rest in lines.values():
                self.context.bus.output(name, phase.id, rest.end())

    @property
    def _state(self) -> str:
        """The node's checkpoint, as it was read last."""
        return self.context.probes[self.node.name].state

    def _first(self) -> tuple[Part, ...]:
        """The check before the first script on the node; later changes there are this run's own."""
        if self._met:
            return ()
        self._met = True
        return (Part(UNCHANGED, checkpoint.unchanged_script(self._state), seconds=30),)

    def _watched(self, phase: AnyPhase) -> tuple[AnyPhase, ...]:
        """The phases whose facts are still needed: this one, later ones, shared ones."""
        order = list(self.planned)
        coming = order[order.index(phase.id) :] if phase.id in order else order
        return tuple(p for p in self.context.phases if p.shared or p.id in coming or p is phase)

    def _checkpoint(self, phase: AnyPhase, changes: int) -> Part:
        entry = checkpoint.Entry(phase.id, self.context.run_id, changes, time.time())
        record = checkpoint.updated(
            self.context.probes[self.node.name].state, self.context.cluster, self.node, entry
        )
        return Part("checkpoint", checkpoint.write_script(record), seconds=60)

    def _recover(self, phase: AnyPhase, error: Interruption) -> None:
        """Wait for the node to answer and probe it again."""
        name = self.node.name
        note = f"connection lost; waiting for {name} to answer again"
        if isinstance(error, ChangedError):
            note = f"{error}; probing {name} again"
            self._met = False
        self.context.bus.note(name, phase.id, note)
        self._probe_again(error)

    def _left(
        self,
        phase: AnyPhase,
        printed: frozenset[str],
        interrupted: Interruption | None,
    ) -> tuple[Action, ...]:
        """What is still to be done after an attempt."""
        if isinstance(interrupted, LostError):
            self._settle(phase, printed, interrupted)
        elif interrupted is not None:
            self._accept_change(phase, printed)
        return self._plan(phase)

    def _accept_change(self, phase: AnyPhase, printed: frozenset[str]) -> None:
        """Continue where another run worked, such as one that was killed, if it undid nothing.

        Raises:
            RefusedError: KB402, this phase or an earlier one needs more than was printed, or a
                check of the plan fails now.

        """
        order = list(self.planned)
        for other in self.context.phases:
            if other.id in order:
                refuse_unfit(other.check(self._view(other)))
            if other.id in order[: order.index(phase.id)]:
                refuse_unprinted(self._plan(other), frozenset())
        refuse_unprinted(self._plan(phase), printed)

    def _settle(self, phase: AnyPhase, printed: frozenset[str], error: LostError) -> None:
        """Wait for a node that just booted and may still be starting its services."""
        extra = unprinted(self._plan(phase), printed)
        if extra:
            message = f"{self.node.name} answers again, but needs: {extra[0].text}"
            message += f" (not in the plan); probing it for {SETTLE_SECONDS} s"
            self.context.bus.note(self.node.name, phase.id, message)

            def settled() -> bool:
                self._probe_again(error)
                return not unprinted(self._plan(phase), printed)

            until(settled, SETTLE_SECONDS)

    def _probe_again(self, error: Interruption) -> None:
        def probe() -> ProbeResult:
            if self.context.stopping():
                raise error
            parts = probe_parts(self.context.cluster, self.node, self.context.phases)
            parts = (host_probe.part(), *parts)
            reply = self.context.wire(self.node.name).perform(parts, run_id=self.context.run_id)
            return read_reply(self.context.phases, reply)

        self._store(once_back(probe, RECOVER_SECONDS, error))

    def _store(self, found: ProbeResult) -> None:
        """Facts of phases that were not probed this time stay as they were."""
        before = self.context.probes[self.node.name].facts
        result = replace(found, facts={**before, **found.facts})
        self.context.probes.update({self.node.name: result})


def _must_be_unchanged(reply: Reply) -> None:
    if any(result.id == UNCHANGED and not result.ok for result in reply.results):
        raise ChangedError(codes.PLAN_DRIFTED, "another run worked there after the probe")
