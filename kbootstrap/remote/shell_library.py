"""The shell functions that `kbootstrap.remote.protocol` sends with each request.

They are the files templates/remote/*.sh, which shellcheck checks. Comments, indentation and
unused functions are not sent.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from kbootstrap.resources import data_path

_WORD = re.compile(r"\bkb_\w+")
# A function, which ends with the first brace that is not indented, or a quoted text.
_DEFINITION = re.compile(r"(?ms)^(?P<name>kb_\w+)(\(\).*?^\}|='.*?')$")


@cache
def stage0() -> str:
    """The script that starts every session; contains no single quote."""
    return _bare(_text("stage0")).replace("\n", " ")


def library(scripts: Iterable[str]) -> str:
    """The driver and all functions that the scripts of a request call."""
    known = definitions()
    return _library(frozenset(w for s in scripts for w in _WORD.findall(s) if w in known))


@cache
def definitions() -> Mapping[str, str]:
    """Name -> text of each function or constant that a script can use."""
    return {
        match["name"]: _bare(match[0])
        for file in ("prelude", "detach")
        for match in _DEFINITION.finditer(_text(file))
    }


@cache
def _library(named: frozenset[str]) -> str:
    known, needed, left = definitions(), set[str](), [*named]
    while left:
        name = left.pop()
        if name in known and name not in needed:
            needed.add(name)
            left += _WORD.findall(known[name])
    return "\n".join((_bare(_text("driver")), *(known[name] for name in known if name in needed)))


def _text(name: str) -> str:
    return (data_path("templates") / "remote" / f"{name}.sh").read_text(encoding="ascii")


def _bare(text: str) -> str:
    """The text without comment lines, indentation and empty lines.

    None of the scripts has a here-document or a quoted line starting with ``#``.
    """
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))
