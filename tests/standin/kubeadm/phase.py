"""Running phases: skipping, failing on demand, and the record of what ran."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from tests.standin import switches
from tests.standin.common.klog import FatalError, KubeError, Unreachable
from tests.standin.etcd.peers import EtcdError

D = TypeVar("D")


@dataclasses.dataclass(frozen=True)
class Phase(Generic[D]):
    """A step of a command, or a group of steps."""

    name: str
    run: Callable[[D], None] | None = None
    children: tuple[Phase[D], ...] = ()


class Runner(Generic[D]):
    """The phases of one command."""

    def __init__(self, command: str, phases: list[Phase[D]]) -> None:
        self.command, self.phases = command, phases

    def names(self) -> set[str]:
        return {n for p in self.phases for n in _names(p, "")}

    def check(self, skip: list[str]) -> None:
        for name in skip:
            if name not in self.names():
                raise FatalError(f"invalid phase name: {name}")

    def all(self, data: D, skip: list[str], *, dry: bool = False) -> bool:
        """Run everything; a dry run ends after the preflight checks. True when all was done."""
        self.check(skip)
        for phase in self.phases[: 1 if dry else None]:
            self._run(phase, "", data, set(skip))
        if dry:
            say("[dryrun] Finished dry-running the command; nothing but preflight was done.")
        return not dry

    def check_single(self, words: list[str]) -> None:
        """Refuse an unknown phase before anything is read."""
        if not words:
            raise FatalError("\nerror: subcommand is required")
        path = "/".join(w for w in words if w != "all")
        if path not in self.names():
            last = words[-1] if words[0] in self.names() else words[0]
            raise FatalError(f'unknown command "{last}" for "kubeadm {self.command} phase"')

    def single(self, words: list[str], data: D) -> None:
        """Kubeadm init phase NAME [CHILD|all]."""
        phases, path = tuple(self.phases), ""
        found: Phase[D] | None = None
        for word in words:
            if word == "all" and found:
                break
            found = next((p for p in phases if p.name == word), None)
            if found is None:
                raise FatalError(f'unknown command "{word}" for "kubeadm {self.command} phase"')
            path, phases = (f"{path}/{word}" if path else word), found.children
        if found is None:
            return
        self._run(found, path.rpartition("/")[0], data, set())

    def _run(self, phase: Phase[D], parent: str, data: D, skip: set[str]) -> None:
        full = f"{parent}/{phase.name}" if parent else phase.name
        if full in skip:
            return
        if phase.run is not None:
            self._guarded(phase.run, full, data)
        for child in phase.children:
            self._run(child, full, data, skip)

    def _guarded(self, run: Callable[[D], None], full: str, data: D) -> None:
        try:
            self._switches(full)
            run(data)
            _fail_as_told("fail_after", f"{self.command}/{full}")
        except (FatalError, KubeError, Unreachable, EtcdError, OSError) as err:
            record(f"{self.command}/{full}", f"failed: {err}")
            raise FatalError(f"error execution phase {full}: {err}") from err
        record(f"{self.command}/{full}", "ok")

    def _switches(self, full: str) -> None:
        name = f"{self.command}/{full}"
        sys.stdout.flush()
        slow = switches.for_phase("slow", name)
        if slow:
            time.sleep(float(slow))
        hang = switches.for_phase("hang", name)
        if hang:
            record(name, "hang")
            time.sleep(10**8 if hang == "forever" else float(hang))
        _fail_as_told("fail", name)


def _fail_as_told(switch: str, name: str) -> None:
    text = switches.for_phase(switch, name)
    if text:
        raise FatalError(str(text))


def _names(phase: Phase[D], parent: str) -> set[str]:
    full = f"{parent}/{phase.name}" if parent else phase.name
    return {full} | {n for c in phase.children for n in _names(c, full)}


def record(phase: str, outcome: str) -> None:
    switches.record(program="kubeadm", argv=sys.argv, phase=phase, outcome=outcome)


def say(text: str) -> None:
    """One progress line; it appears at once, whatever stdout is."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
