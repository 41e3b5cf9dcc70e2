"""Reads an inventory: either all problems with file, line and column, or the cluster.

Called by every command before anything else; no node is contacted.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kbootstrap import codes
from kbootstrap.model import pins
from kbootstrap.model.checks import CHECKS, CheckContext
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.merge import members
from kbootstrap.model.problems import InventoryErrors, Problem, Violation
from kbootstrap.model.resolve import resolve
from kbootstrap.model.validate import Validated, validate
from kbootstrap.model.versions import Version
from kbootstrap.model.yaml_source import SyntaxProblem, YamlSource

MOST_BYTES = 16 * 1024 * 1024  # of an inventory; one of 300 nodes has 39 kB


@dataclass(frozen=True, slots=True)
class Loaded:
    """A cluster, and warnings about its inventory."""

    cluster: Cluster
    warnings: tuple[Problem, ...]


def load(path: Path) -> Cluster:
    """The cluster that the inventory describes.

    Raises:
        InventoryErrors: the file cannot be read, or something in it is wrong.
    """
    return load_with_warnings(path).cluster


def load_at(path: Path, version: Version) -> Cluster:
    """The cluster as described, but with another ``kubernetes.version``.

    Raises:
        InventoryErrors: the file cannot be read, or something in it is wrong.
    """
    return load_with_warnings(path, version).cluster


def load_with_warnings(path: Path, version: Version | None = None) -> Loaded:
    """The same as `load`, with the warnings; ``version`` replaces the inventory's.

    Raises:
        InventoryErrors: the file cannot be read, or something in it is wrong.
    """
    found = _loaded(str(path), _read(path), path.absolute().parent, version)
    return replace(found, cluster=replace(found.cluster, pins=pins.read(pins.pins_path(path))))


def load_text(text: str, name: str) -> Cluster:
    """The cluster that a text describes, such as one that `import` made; ``name`` is for errors.

    Raises:
        InventoryErrors: something in it is wrong.
    """
    return _loaded(name, text, Path.cwd(), None).cluster


def _loaded(name: str, text: str, directory: Path, version: Version | None) -> Loaded:
    try:
        source = YamlSource(name, text)
    except SyntaxProblem as problem:
        broken = Problem(
            code=codes.INV_YAML,
            path=(),
            message=problem.message,
            file=name,
            line=problem.line,
            column=problem.column,
        )
        raise InventoryErrors([broken]) from problem
    state = validate(source)
    context = _context(state, directory)
    findings = [*state.findings, *_checked(state, context)]
    problems = _placed(source, [f for f in findings if not f.warning])
    warnings = _placed(source, [f for f in findings if f.warning])
    if problems or context is None:
        raise InventoryErrors(problems, warnings)
    inventory = context.inventory
    if version is not None:
        kubernetes = inventory.kubernetes.model_copy(update={"version": str(version)})
        inventory = inventory.model_copy(update={"kubernetes": kubernetes})
    try:
        cluster = resolve(inventory, context.members, directory)
    except (OSError, UnicodeError) as error:
        raise InventoryErrors([_unreadable(name, error)]) from error
    return Loaded(cluster, warnings)


def _read(path: Path) -> str:
    """The file's text; also of a pipe, such as ``<(command)``.

    Raises:
        InventoryErrors: there is no such file, it is not text, or it is too large.
    """
    try:
        return _content(path).decode("utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise InventoryErrors([_unreadable(str(path), error)]) from error


def _content(path: Path) -> bytes:
    """At most `MOST_BYTES`; a FIFO that nothing writes to is empty, and is not waited for."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(handle, True)
    with os.fdopen(handle, "rb") as file:
        content: bytes = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def _unreadable(name: str, error: OSError | UnicodeError) -> Problem:
    line, message = 1, "is not UTF-8 text"
    if isinstance(error, OSError):
        message = (error.strerror or "cannot be read").lower()
        message += f": {error.filename}" if str(error.filename) not in {"None", name} else ""
    elif isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
    code = codes.INV_UNREADABLE
    return Problem(code=code, path=(), message=message, file=name, line=line, column=1)


def _context(state: Validated, directory: Path) -> CheckContext | None:
    if state.inventory is None:
        return None
    version: Version | None = Version.parse(state.inventory.kubernetes.version)
    if state.is_near_broken(("kubernetes", "version")):
        version = None
    return CheckContext(state.inventory, members(state.inventory), directory, version)


def _checked(state: Validated, context: CheckContext | None) -> Iterator[Violation]:
    """The violations that checks find at paths that are not already broken."""
    if context is None:
        return
    for finding in (finding for check in CHECKS for finding in check(context)):
        path = state.original(finding.path)
        if not state.is_near_broken(path):
            yield replace(finding, path=path)


def _placed(source: YamlSource, findings: Iterable[Violation]) -> tuple[Problem, ...]:
    """The violations with their lines, in the order of the file, without duplicates."""
    problems = dict.fromkeys(source.problem(finding) for finding in findings)
    return tuple(sorted(problems, key=lambda p: (p.line, p.column, p.code.id)))
