"""Compares the declared effects of a step's actions with what the next probe found.

Plans trust effects: the laws of tests/laws play whole runs with nothing else. `Compared` takes the
place of the engine's `StepRunner` (tests/e2e/checked.py) and asks nothing more of a node than it.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from kbootstrap.action import Action, PutTemplate
from kbootstrap.drift import config_of, settings
from kbootstrap.drift.stored import KUBELET, USUAL
from kbootstrap.engine.phase import AnyPhase, View, forward
from kbootstrap.engine.step import Interruption, StepRunner

TIMES = {"taken"}  # said when it was planned, seconds since 1970
MINUTE, HOUR = 60, 3600  # between the clocks of two hosts; in which a plan is carried out
NAMED = ("name", "node", "component", "id")  # the fields that identify an item of the API's state
# After a clean-up, files of others are there that no record names any more; what the text of a
# new certificate is, is known on the node only.
OF_OTHERS = {"left", "certificate"}
FLEETING = {"named"}  # whether the endpoint answered within the seconds of the probe
FILES = {"config"}  # lines of a file that kubeadm writes: compared by meaning
SOONER = ("ready", False, True)  # the kubelet decides when; a later phase waits for it
UNSAID = {"pod"}  # which pod of a workload runs on a node, its controller decides


class Compared(StepRunner):
    """Applies steps as its base does, and writes a line for each round of actions to `record`."""

    record: ClassVar[Path]
    _seen: View[Any]
    _done: tuple[Action, ...] = ()

    def _plan(self, phase: AnyPhase) -> tuple[Action, ...]:
        view = self.context.view_since(phase, self.node, self._acted)
        if self._done:
            self._write(phase, [*broken(phase, self._seen, self._done, view)])
        self._seen, self._done = view, ()
        return tuple(phase.plan(view))

    def _attempt(self, phase: AnyPhase, actions: tuple[Action, ...]) -> Interruption | None:
        lost = super()._attempt(phase, actions)
        self._done = () if lost else actions
        return lost

    def _write(self, phase: AnyPhase, wrong: list[str]) -> None:
        names = sorted({type(action).__name__ for action in self._done if action.effect})
        line = {"node": self.node.name, "phase": phase.id, "actions": names, "wrong": wrong}
        with self.record.open("a") as file:
            file.write(json.dumps(line) + "\n")


def broken(
    phase: AnyPhase, before: View[Any], actions: tuple[Action, ...], after: View[Any]
) -> Iterator[str]:
    """Each fact that is not as the effects of ``actions`` say, and whose effect it is.

    A fact that no effect names may change, unless the next plan differs because of it.
    """
    said = forward(before, actions)
    # What a template becomes is known on the node only.
    templates = {n for action in actions if isinstance(action, PutTemplate) for n in action.effect}
    names = [f.name for f in dataclasses.fields(said.facts) if f.name not in templates | FLEETING]
    changed = [name for name in names if _differs(name, said, after)]
    declared = {name for action in actions for name in action.effect} - OF_OTHERS
    for name in declared.intersection(changed):
        want, got = getattr(said.facts, name), getattr(after.facts, name)
        yield f"{name}: {want!r} said, {got!r} found ({_who(actions, name)})"
    silent = {name: getattr(said.facts, name) for name in changed if name not in declared}
    expected = dataclasses.replace(after, facts=dataclasses.replace(after.facts, **silent))
    if silent and [*phase.plan(expected)] != [*phase.plan(after)]:
        yield f"{', '.join(silent)}: changed, which no effect says, and the plan with it"
    for name in _declared_api(actions):
        old, want, got = (getattr(view.api, name) for view in (before, said, after))
        if name == "nodes":  # the kubelet registers its Node after kubeadm join has ended
            want = tuple(
                node for node in want if any(v.api.node(node.name) for v in (before, after))
            )
        for item in _missing(old, want, got):
            yield f"api.{name}: {item} ({_who(actions, 'api')})"


def _differs(name: str, said: View[Any], after: View[Any]) -> bool:
    want, got = (getattr(view.facts, name) for view in (said, after))
    if name in FILES:
        return _documents_differ(want, got)
    if isinstance(want, tuple):  # collected lines have no order of their own
        return sorted(want) != sorted(got)
    return bool(want != got) and not (name in TIMES and -MINUTE < got - want < HOUR)


def _documents_differ(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the lines of two configuration files of the kubelet mean something else."""
    docs = [config_of("\n".join(lines)).data for lines in (one, other)]
    usual = USUAL[KUBELET]
    return any(
        item.key != "kubelet.containerRuntimeEndpoint"
        for first, second in (docs, docs[::-1])
        for item in settings("kubelet", first, second, usual)
    )


def _declared_api(actions: tuple[Action, ...]) -> set[str]:
    found: set[str] = set()
    for action in actions:
        api: Any = action.effect.get("api", {})
        found |= set(api)
    return found


def _who(actions: tuple[Action, ...], field: str) -> str:
    return "; ".join(action.text for action in actions if field in action.effect) or "nobody"


def _missing(old: object, want: object, got: object) -> Iterator[str]:
    """What changed from ``old`` to ``want`` but is not in ``got``; others may change the rest."""
    if not isinstance(want, tuple | frozenset) or not isinstance(got, tuple | frozenset):
        if want not in (got, old):
            yield f"{want!r} said, {got!r} found"
        return
    before = {_name(item): item for item in old} if isinstance(old, tuple | frozenset) else {}
    now = {_name(item): item for item in got}
    for item in want:
        name = _name(item)
        if isinstance(old, tuple | frozenset) and item in old:  # two may have the same name
            continue
        if name not in now:
            yield f"{item!r} said, not found"
        else:
            yield from _fields(before.get(name), item, now[name])
    for name in before.keys() - {_name(item) for item in want}:
        if name in now:
            yield f"{now[name]!r} found, said to be gone"


def _name(item: object) -> object:
    return tuple(getattr(item, name) for name in NAMED if hasattr(item, name)) or item


def _fields(old: object, want: Any, got: Any) -> Iterator[str]:
    for field in dataclasses.fields(want) if dataclasses.is_dataclass(want) else ():
        first, said, found = (getattr(item, field.name, None) for item in (old, want, got))
        default = field.default if old is None else first
        if field.name in UNSAID or (field.name, said, found) == SOONER:
            continue
        if isinstance(said, tuple):
            yield from _missing(first or (), said, found)
        elif said not in (found, default):
            yield f"{_name(want)}.{field.name}: {said!r} said, {found!r} found"


def wrong_effects(record: Path, kind: str) -> list[str]:
    """Every difference in a record, with node and phase.

    Not those of what kubelets and controllers report, each at its own time: nodes and pods, and on
    a real cluster everything in the API.
    """
    late = ("api.",) if kind == "real" else ("api.nodes", "api.own_pods")
    lines = record.read_text().splitlines() if record.exists() else []
    return [
        f"{entry['node']} [{entry['phase']}] {one}"
        for entry in map(json.loads, lines)
        for one in entry["wrong"]
        if not one.startswith(late)
    ]
