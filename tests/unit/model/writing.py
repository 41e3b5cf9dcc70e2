"""Small inventories for tests: a valid base whose top-level sections a case replaces."""

import re
from collections.abc import Iterable
from pathlib import Path

from kbootstrap.model.load import Loaded, load_with_warnings
from kbootstrap.model.problems import InventoryErrors, Problem

BASE = {
    "cluster": "cluster: {name: demo}\n",
    "kubernetes": "kubernetes: {version: v1.34.2}\n",
    "nodes": """\
nodes:
  - {name: cp1, address: 192.0.2.11, role: control-plane}
  - {name: w1, address: 192.0.2.21, role: worker}
""",
    "cni": "cni: {type: bridge}\n",
}
MARK = "§"  # stands before the place a problem must be reported at


def inventory(text: str = "") -> str:
    """The base with the sections of ``text`` in place of its own; new ones come last."""
    sections = dict(BASE)
    bare = text.replace(MARK, "")
    for key in re.findall(r"^([a-z_]+):", bare, re.MULTILINE):
        sections.pop(key, None)
    return "".join(sections.values()) + text


def place(text: str) -> tuple[int, int]:
    """Line and column of the mark."""
    before = text[: text.index(MARK)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def read(folder: Path, text: str) -> Loaded:
    """Load the text as ``inventory.yaml`` in the directory."""
    path = folder / "inventory.yaml"
    path.write_bytes(text.replace(MARK, "").encode())
    return load_with_warnings(path)


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    """What is wrong with the text; nothing if it loads."""
    try:
        read(folder, text)
    except InventoryErrors as error:
        return error.problems
    return ()


def found(problems: Iterable[Problem]) -> list[tuple[str, str]]:
    """Code and key of each problem, for assertions."""
    return [(problem.code.id, problem.key) for problem in problems]
