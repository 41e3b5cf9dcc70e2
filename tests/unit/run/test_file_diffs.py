"""Each file that a plan changes, as a diff; what others may not read is not shown."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap import codes
from kbootstrap.action import Action, PutFile, PutTemplate, Remove
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.errors import LostError
from kbootstrap.remote.protocol import Part, PartResult, Reply
from kbootstrap.run.file_diffs import file_diffs
from kbootstrap.run.run import Run
from tests.unit.engine.toys import toy, word

TOKEN = "abcdef.0123456789abcdef"


class Shell:
    """Runs the parts on this workstation, as a node would; counts the requests."""

    def __init__(self) -> None:
        self.requests = 0

    def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply:
        del run_id
        self.requests += 1
        return Reply(tuple(self._one(part) for part in parts))

    def _one(self, part: Part) -> PartResult:
        assert (part.kind, part.secret) == ("probe", True)
        argv = ["sh", "-euc", part.script]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return PartResult(part.id, done.returncode, done.stdout, 1, skipped=False, truncated=False)


def diffs(shell: Any, *actions: Action) -> list[str]:
    steps = (Step("w1", toy("one"), (word("one", "a"),)), Step("w2", toy("files"), actions))
    run: Any = SimpleNamespace(wire=lambda _: shell, run_id="r")
    found = list(file_diffs(cast("Run", run), Plan(steps)))
    assert {one.node for one in found} <= {"w2"}
    return ["\n".join(one.lines) for one in found]


def put(path: Path, body: str, **fields: Any) -> PutFile:
    return PutFile(why="differs", path=str(path), body=body, **fields)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a file.conf"
    path.write_text("one\ntwo\nthree\n")
    path.chmod(0o644)
    return path


def test_a_file_that_changes(file: Path) -> None:
    (text,) = diffs(Shell(), put(file, "one\n2\nthree\n"))
    assert text.splitlines() == [
        f"--- w2:{file}",
        f"+++ w2:{file}",
        "@@ -1,3 +1,3 @@",
        " one",
        "-two",
        "+2",
        " three",
    ]


def test_a_new_file_and_one_that_is_removed(file: Path, tmp_path: Path) -> None:
    new = PutTemplate(
        why="x", path=str(tmp_path / "n"), body="@@a@@\n", needs=("a",), mode=0o644, secret=False
    )
    added, removed = diffs(Shell(), new, Remove(why="x", path=str(file)))
    assert added.splitlines()[:2] == ["--- /dev/null", f"+++ w2:{new.path}"]
    assert added.endswith("+@@a@@")
    assert removed.splitlines()[1] == "+++ /dev/null"
    assert removed.endswith("-three")


@pytest.mark.parametrize(
    ("mode", "fields"), [(0o640, {}), (0o644, {"mode": 0o600}), (0o644, {"stream": True})]
)
def test_what_others_may_not_read_is_not_shown(
    file: Path, mode: int, fields: dict[str, Any]
) -> None:
    file.chmod(mode)
    (text,) = diffs(Shell(), put(file, "four\n", **fields))
    assert "not shown, because only its owner may read the file" in text
    assert "two" not in text
    assert "four" not in text


def test_a_secret_in_it_is_masked(file: Path) -> None:
    file.write_text(f"token: {TOKEN}\n")
    (text,) = diffs(Shell(), put(file, f"token: {TOKEN}\nmore: 1\n"))
    assert TOKEN not in text
    assert "token: ***" in text


def test_a_file_that_cannot_be_read_as_a_whole(file: Path) -> None:
    class Large(Shell):
        def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply:
            del run_id
            return Reply(
                tuple(PartResult(p.id, 0, "on", 1, skipped=False, truncated=True) for p in parts)
            )

    (text,) = diffs(Large(), put(file, "four\n"))
    assert "cannot be read as a whole" in text


def test_nodes_without_changes_of_files_are_not_asked(file: Path) -> None:
    shell = Shell()
    assert diffs(shell) == []
    assert shell.requests == 0
    diffs(shell, put(file, "1\n"), put(file, "2\n"))
    assert shell.requests == 1


def test_a_node_that_went_away_ends_the_command(file: Path) -> None:
    class Away(Shell):
        def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply:
            del parts, run_id
            raise LostError(codes.LOST, "gone")

    with pytest.raises(LostError):
        diffs(Away(), put(file, "1\n"))
