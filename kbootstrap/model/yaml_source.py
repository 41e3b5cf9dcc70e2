"""Reads YAML into plain data and records the line and column of every key and value.

Stricter than YAML 1.1: a value that does not mean what it looks like (``yes``, ``0644``,
``1:30``, dates), a duplicate key, a tag or a merge key is a violation. The rest of the file is
still read, so that all violations are reported at once.

PyYAML's C parser marks each node with its position. ruamel.yaml 0.19 has no C parser, and takes
200 ms to compose an inventory of 300 nodes (39 kB), for which this module takes 9 ms, 7 of them
`yaml.compose`. Its node tree would need all of the code below, too.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import Node, ScalarNode, SequenceNode

from kbootstrap.codes import INV_DUPLICATE_KEY, INV_TYPE, INV_YAML, INV_YAML_TRAP
from kbootstrap.errors import Code
from kbootstrap.model.problems import Path, Problem, Violation, is_private

_PREFIX = "tag:yaml.org,2002:"
_MAX_VALUES = 100_000  # aliases can make a small file huge
_MAX_DEPTH = 50
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SKIP = object()
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]+([eE][-+]?[0-9]+)?")


class Items(tuple[Any, ...]):  # noqa: SLOT001 - tuples of any length cannot have slots
    """A YAML list that records the index each item had before broken items were left out."""

    places: tuple[int, ...]

    @classmethod
    def of(cls, placed: Iterable[tuple[int, Any]]) -> "Items":
        pairs = list(placed)
        items = cls(value for _, value in pairs)
        items.places = tuple(place for place, _ in pairs)
        return items


@dataclass(frozen=True, slots=True)
class SyntaxProblem(Exception):  # noqa: N818 - caught by load only, which makes the error
    """The text is not YAML, so nothing else in it is checked."""

    message: str
    line: int
    column: int


class YamlSource:
    """One YAML text: its data, the location of each value, and its violations."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.findings: list[Violation] = []
        self._places: dict[Path, tuple[Node, Node]] = {}
        root = _compose(text)
        self._active: set[int] = set()
        self.data: Any = None if root is None else self._build(root, root, ())
        if self.data is _SKIP:
            self.data = None

    def problem(self, finding: Violation) -> Problem:
        """The violation with the line and column of its value, or of the nearest parent's key."""
        path = known = self._written_part(finding.path)
        while known and known not in self._places:
            known = known[:-1]
        key, value = self._places.get(known, (None, None))
        node = key if finding.at_key or known != path else value
        mark = finding.mark or (_mark(node) if node is not None else (1, 1))
        return Problem(
            code=finding.code,
            path=path,
            message=finding.message,
            allowed=finding.allowed,
            meant=finding.meant,
            file=self.name,
            line=mark[0],
            column=mark[1],
        )

    def _written_part(self, path: Path) -> Path:
        """The path without indexes into a list that is not written as a list (``a,b``)."""
        while path and isinstance(path[-1], int) and path not in self._places:
            path = path[:-1]
        return path

    def knows(self, path: Path) -> bool:
        """Whether the file has something at this path."""
        return path in self._places

    def value(self, path: Path) -> Any:
        """The value at this path; None if there is none or it is unusable."""
        here = self.data
        for part in path:
            if isinstance(here, Items):
                here = dict(zip(here.places, here, strict=True))
            here = here.get(part) if isinstance(here, dict) else None
        return here

    def written(self, path: Path) -> str:
        """The scalar as the user typed it, or an empty string."""
        _, node = self._places.get(path, (None, None))
        return str(node.value) if isinstance(node, ScalarNode) else ""

    def _report(self, code: Code, path: Path, message: str, allowed: str = "") -> object:
        self.findings.append(Violation(code=code, path=path, message=message, allowed=allowed))
        return _SKIP

    def _build(self, key: Node, node: Node, path: Path) -> Any:
        self._places[path] = (key, node)
        if id(node) in self._active:
            return self._report(INV_YAML, path, "this alias contains itself")
        if len(self._places) > _MAX_VALUES:
            raise SyntaxProblem("the file has too many values", 1, 1)
        if len(path) > _MAX_DEPTH:
            raise SyntaxProblem("the file is nested too deeply", *_mark(node))
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._active.add(id(node))
        build = self._sequence if isinstance(node, SequenceNode) else self._mapping
        result = build(node, path)
        self._active.discard(id(node))
        return result

    def _sequence(self, node: Node, path: Path) -> Any:
        if node.tag != f"{_PREFIX}seq":
            return self._report(INV_YAML, path, "YAML tags are not used here")
        built = ((i, self._build(n, n, (*path, i))) for i, n in enumerate(node.value))
        return Items.of((i, value) for i, value in built if value is not _SKIP)

    def _mapping(self, node: Node, path: Path) -> Any:
        if node.tag != f"{_PREFIX}map":
            return self._report(INV_YAML, path, "YAML tags are not used here")
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if here in self._places:
                self._duplicate(key_node, here)
                continue
            value = self._build(key_node, value_node, here)
            if value is not _SKIP:
                result[key] = value
        return result

    def _duplicate(self, key_node: Node, path: Path) -> None:
        message = f"the key is already there in line {_mark(self._places[path][0])[0]}"
        self.findings.append(
            Violation(code=INV_DUPLICATE_KEY, path=path, message=message, mark=_mark(key_node))
        )

    def _key(self, node: Node, path: Path) -> str | None:
        """The key's text; None if it is unusable, which is then reported."""
        if isinstance(node, ScalarNode) and node.tag == f"{_PREFIX}str":
            return str(node.value)
        text = node.value if isinstance(node, ScalarNode) else "?"
        here = (*path, str(text))
        self._places.setdefault(here, (node, node))
        if node.tag == f"{_PREFIX}merge":
            message = "merge keys are not used here"
            self._report(INV_YAML_TRAP, here, message, allowed="defaults, groups and node keys")
        elif isinstance(node, ScalarNode):
            kind = node.tag.removeprefix(_PREFIX)
            message = f"a key must be text, and YAML reads this as {_KINDS.get(kind, kind)}"
            self._report(INV_YAML_TRAP, here, message, allowed=f'"{text}" in quotes')
        else:
            self._report(INV_TYPE, here, "a key must be text")
        return None

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        kind, text = node.tag.removeprefix(_PREFIX), str(node.value)
        if kind in {"str", "value"}:
            return text
        if kind == "null":
            return None
        value = _PLAIN[kind](text) if kind in _PLAIN else _SKIP
        if value is not _SKIP:
            return value
        if kind not in _KINDS:
            return self._report(INV_YAML, path, "YAML tags are not used here")
        return self._trap(kind, text, path)

    def _trap(self, kind: str, text: str, path: Path) -> object:
        shown = "this" if is_private(path) else f"unquoted {text}"
        allowed = "the text in quotes" if is_private(path) else f'"{text}" in quotes for text'
        if kind == "bool":
            truth = "true" if text.lower() in {"yes", "on", "y"} else "false"
            allowed += f", or {truth}"
        message = f"YAML reads {shown} as {_KINDS[kind]}"
        return self._report(INV_YAML_TRAP, path, message, allowed=allowed)


def _mark(node: Node) -> tuple[int, int]:
    """Line and column as editors count them."""
    return node.start_mark.line + 1, node.start_mark.column + 1


_KINDS = {
    "bool": "true or false",
    "int": "a number in another base",
    "float": "a number",
    "timestamp": "a date",
    "null": "nothing",
}


def _plain_bool(text: str) -> Any:
    return {"true": True, "false": False}.get(text.lower(), _SKIP)


def _plain_int(text: str) -> Any:
    return int(text) if _INT.fullmatch(text) else _SKIP


def _plain_float(text: str) -> Any:
    value = float(text) if _FLOAT.fullmatch(text) else math.nan
    return value if math.isfinite(value) else _SKIP


_PLAIN: dict[str, Callable[[str], Any]] = {
    "bool": _plain_bool,
    "int": _plain_int,
    "float": _plain_float,
}


def _compose(text: str) -> Node | None:
    """The node tree of the one document in the text.

    Raises:
        SyntaxProblem: there is none.
    """
    try:
        node: Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        column = error.position - before.rfind("\n")
        message = "a control character that YAML does not allow"
        raise SyntaxProblem(message, before.count("\n") + 1, column) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise SyntaxProblem(_reason(error, text, place[0]), *place) from error
    except RecursionError as error:
        raise SyntaxProblem("the file is nested too deeply", 1, 1) from error
    return node


def _reason(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    """The parser's message without quotes from the file, plus the usual cause."""
    problem = re.sub(r"'[^']*' ?", "", error.problem or "not YAML").strip()
    if "document" in (error.context or "") + problem:
        return "more than one YAML document (---); an inventory is one"
    lines = text.splitlines()
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return f"{problem}; indent with spaces, not tabs"
    if "mapping values" in problem:
        return f'{problem}; put text with ": " in quotes, and check the indentation'
    if "alias" in problem or "anchor" in problem:
        return f"{problem or 'alias'}; put text that starts with * or & in quotes"
    return problem
