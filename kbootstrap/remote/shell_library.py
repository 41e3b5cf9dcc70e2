"""The shell text that runs on machines, as `kbootstrap.remote.protocol` sends it.

The files are templates/remote/*.sh: real scripts that shellcheck reads. On the wire they
lose their comments, their indentation and the functions that nothing calls.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from kbootstrap.resources import data_path

_WORD = re.compile(r"\bkb_\w+")
# A function, whose end is the first brace that is not indented, or a quoted text.
_DEFINITION = re.compile(r"(?ms)^(?P<name>kb_\w+)(\(\).*?^\}|='.*?')$")


@cache
def stage0() -> str:
    """The constant program of every session; fits between single quotes of any shell."""
    return _bare(_text("stage0")).replace("\n", " ")


def library(scripts: Iterable[str]) -> str:
    """What is sent with the scripts of a request: the driver, and all that they call."""
    known = definitions()
    return _library(frozenset(w for s in scripts for w in _WORD.findall(s) if w in known))


@cache
def definitions() -> Mapping[str, str]:
    """Name -> text of each function, or text, that a script can name."""
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
    """Without comment lines, indentation and empty lines.

    None of the scripts has a here-document or a quoted line starting with ``#``.
    """
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))
