"""docs/architecture.md names the files between the command line and the first action."""

import dataclasses
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from kbootstrap import cli
from kbootstrap.codes import STEP_FAILED
from kbootstrap.commands import up
from kbootstrap.engine import host_probe
from kbootstrap.errors import ExitCode, PhaseError
from kbootstrap.lock.places import NodeRecord
from kbootstrap.lock.record import NO_RECORD, Claim, LockState
from kbootstrap.remote.hosts import Connection
from kbootstrap.remote.protocol import Part, PartResult, Reply
from kbootstrap.run.run import Run
from phases import workflows
from tests.laws.clusters import cluster, inputs
from tests.laws.test_whole_runs import World

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "architecture.md"
NODE = cluster("single")
MOST = 6  # files, of which the last one sends the request


def printed(facts: Any) -> str:
    """The lines that a probe prints for these facts."""
    values = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}
    return "".join(
        f"{name}={int(one) if isinstance(one, bool) else one}\n"
        for name, value in values.items()
        for one in (value if isinstance(value, tuple) else (value,))
    )


def files(frame: FrameType | None) -> Iterator[str]:
    """The files of this project on a call stack, the outermost first."""
    names = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT / "kbootstrap"):
            names.append(str(path.relative_to(ROOT)))
        frame = frame.f_back
    yield from reversed(names)


class Node:
    """Answers as a node on which everything has yet to be done, until the first action."""

    def __init__(self) -> None:
        self.way: list[str] = []
        self._facts = World(NODE)

    def perform(self, parts: Sequence[Part], **_: object) -> Reply:
        """The reply of `Connection.perform`."""
        if any(part.id == "a0" for part in parts):
            stacks = sys._current_frames()  # noqa: SLF001 - as the documentation of sys names it
            main = threading.main_thread().ident or 0
            found = [*files(stacks[main]), *files(sys._getframe())]  # noqa: SLF001 - as above
            request = str(Path(sys.modules[Connection.__module__].__file__ or "").relative_to(ROOT))
            self.way = self.way or [*dict.fromkeys([*found, request])]
            raise PhaseError(STEP_FAILED, "far enough")
        return Reply(
            tuple(
                PartResult(p.id, 0, self._answer(p), millis=1, skipped=False, truncated=False)
                for p in parts
            )
        )

    def _answer(self, part: Part) -> str:
        if part.id == host_probe.PART:
            return f"clock={int(time.time())}\nsystemd=1\narch=x86_64\nmem=4194304\n"
        kind, _, name = part.id.partition(":")
        if kind != "probe":
            return ""
        phase = next(phase for phase in workflows.every_phase(NODE) if phase.id == name)
        facts: Any = self._facts.view(phase, NODE.first).facts
        return printed(facts)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node()

    def write(record: NodeRecord, claim: Claim, over: LockState) -> LockState:
        del record, over
        return LockState(text=claim.text, stamp="1")

    monkeypatch.setattr(Connection, "perform", lambda _, parts, **k: made.perform(parts, **k))
    monkeypatch.setattr(NodeRecord, "write", write)
    monkeypatch.setattr(NodeRecord, "free", lambda *_: NO_RECORD)
    monkeypatch.setattr(up, "load", lambda _: NODE)
    monkeypatch.setattr(Run, "read_inputs", lambda run, _: setattr(run, "inputs", inputs(NODE)))
    return made


def test_the_files_of_the_page_are_those_on_the_call_stack_of_the_first_action(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    status = cli.main(["up", "-i", str(tmp_path / "inventory.yaml"), "--yes"])

    assert status == ExitCode.FAILED
    assert len(node.way) <= MOST
    section = PAGE.read_text().partition("## The way of `up`")[2].partition("\n## ")[0]
    assert re.findall(r"^\d\. `([\w/.]+)`", section, re.MULTILINE) == node.way
