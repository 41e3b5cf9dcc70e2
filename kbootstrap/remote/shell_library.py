"""The shell functions that `kbootstrap.remote.protocol` sends with each request.

They are the files templates/remote/*.sh, which shellcheck checks. Comments, indentation and
functions that no part of the request mentions are not sent. Measured for the worker of
inventory/ha.yaml, scripts only:

| sent                         | a run without changes, one request | a first `up`, 8 requests |
|------------------------------|------------------------------------|--------------------------|
| functions that are mentioned | 19.1 kB                            | 77.4 kB                  |
| all, once for each session   | 32.4 kB                            | 43.2 kB                  |
| all, with each request       | 32.4 kB                            | 169.4 kB                 |

The run without changes is the most frequent one and may not grow by more than 5 %.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from kbootstrap.resources import data_path

_NAME = re.compile(r"\bkb_\w+")


@cache
def stage0() -> str:
    """The script that starts every session; contains no single quote."""
    return _bare(_text("stage0")).replace("\n", " ")


def library(scripts: Iterable[str]) -> str:
    """The driver and all functions that the scripts of a request, or those functions, mention."""
    mentioned = {name for script in scripts for name in _NAME.findall(script)}
    return _library(frozenset(mentioned & definitions().keys()))


@cache
def definitions() -> Mapping[str, str]:
    """Name -> text of each function or constant that a script can use; one is one paragraph."""
    texts = (_text(file) for file in ("prelude", "detach"))
    paragraphs = (_bare(paragraph) for text in texts for paragraph in text.split("\n\n"))
    return {_NAME.findall(text)[0]: text for text in paragraphs if text}


@cache
def _library(mentioned: frozenset[str]) -> str:
    known, needed, left = definitions(), set[str](), [*mentioned]
    while left:
        name = left.pop()
        if name in known and name not in needed:
            needed.add(name)
            left += _NAME.findall(known[name])
    return "\n".join((_bare(_text("driver")), *(known[name] for name in known if name in needed)))


def _text(name: str) -> str:
    return (data_path("templates") / "remote" / f"{name}.sh").read_text(encoding="ascii")


def _bare(text: str) -> str:
    """The text without comment lines, indentation and empty lines.

    None of the scripts has a here-document or a quoted line starting with ``#``.
    """
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))
