"""The shell text that runs on machines, as `kbootstrap.remote.wire` sends it.

The files are templates/remote/*.sh: real scripts that shellcheck reads. On the wire they
lose their comments and indentation.
"""

import re
from functools import cache

from kbootstrap.data import data_path


@cache
def shell(name: str) -> str:
    """A script without comment lines, indentation and empty lines.

    None of the scripts has a here-document or a quoted line starting with ``#``.
    """
    text = (data_path("templates") / "remote" / f"{name}.sh").read_text(encoding="ascii")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


@cache
def stage0() -> str:
    """The constant program of every exec request; fits between single quotes of any shell."""
    return shell("stage0").replace("\n", " ")


@cache
def functions(name: str) -> frozenset[str]:
    """The functions a script defines."""
    return frozenset(re.findall(r"(?m)^(kb_\w+)\(\)", shell(name)))


@cache
def library(*, detach: bool = True) -> str:
    """Driver and functions, sent with every request; those of detach.sh only if needed."""
    names = ("driver", "prelude", *(["detach"] if detach else []))
    return "\n".join(map(shell, names))
