"""What is wrong with an inventory: one `Problem` per location, all in one error.

A problem never shows a value that may be a secret (`is_private`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kbootstrap.codes import INV_BROKEN
from kbootstrap.errors import Code, InventoryError
from kbootstrap.model.validators.base import closest

Path = tuple[str | int, ...]

_PASSWORDS = ("password", "become_password")  # also when misspelt
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PRIVATE = re.compile(r"pass|pwd|secret|token|credential|prompt|content", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something wrong at a path of the inventory; `YamlSource.problem` adds line and column."""

    code: Code
    path: Path
    message: str
    allowed: str = ""
    meant: str = ""
    warning: bool = False
    at_key: bool = False  # about the key, not its value
    mark: tuple[int, int] | None = None  # line and column, if not those of the path


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A violation with file, line and column; ``str`` is the line users see."""

    code: Code
    path: Path
    message: str
    allowed: str = ""
    meant: str = ""
    file: str
    line: int
    column: int

    @property
    def key(self) -> str:
        """The path as users write it: ``nodes[2].ssh.port``."""
        return path_text(self.path)

    @property
    def hint(self) -> str:
        """The next step for this kind of problem."""
        return self.code.hint.format(node="NODE", phase="PHASE")

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: {self.code.id}"
        asides = [f"allowed: {self.allowed}"] if self.allowed else []
        asides += [f'did you mean "{self.meant}"?'] if self.meant else []
        text = self.message + (f" ({'; '.join(asides)})" if asides else "")
        return f"{place} {self.key}: {text}" if self.path else f"{place} {text}"


class InventoryErrors(InventoryError):  # noqa: N818 - it holds many
    """Every problem of one inventory; ``str`` prints them one per line."""

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__(INV_BROKEN, "\n".join(map(str, self.problems)))

    @property
    def hint(self) -> str:
        """The next step; if all problems have the same next step, that one."""
        hints = {problem.hint for problem in self.problems}
        return hints.pop() if len(hints) == 1 else super().hint


def path_text(path: Path) -> str:
    """Writes ``("nodes", 2, "labels", "a/b")`` as ``nodes[2].labels["a/b"]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def is_private(path: Path) -> bool:
    """Whether a value at this path could be a secret, so that no message may show it."""
    keys = (part for part in path if isinstance(part, str))
    return any(_PRIVATE.search(word) or closest(word, _PASSWORDS) for word in keys)
