"""Renders templates: strict, quoted, deterministic.

The only module that imports jinja2. Undefined names are errors, a `Secret` cannot be rendered at
all, and each value passes a filter: ``| sh`` quotes it for the shell, ``| json`` for JSON, and
``| plain`` refuses what would need quotes.
"""

import hashlib
import json
import re
import shlex
from functools import cache
from typing import Any

import jinja2

from kbootstrap import node_paths
from kbootstrap.resources import data_path
from kbootstrap.secret import Secret

_PLAIN = re.compile(r"[A-Za-z0-9_./:-]*")


def _finalize(value: object) -> object:
    if isinstance(value, Secret):
        raise TypeError("a secret must not be rendered; use a placeholder")
    return value


def _quote(value: object) -> str:
    return shlex.quote(str(_finalize(value)))


def _plain(value: object, more: str = "") -> str:
    """A value without a character that the shell, systemd, JSON or YAML gives a meaning.

    Of these, the characters in ``more`` are allowed: the template wants their meaning.
    """
    text = str(_finalize(value))
    if not _PLAIN.fullmatch(text.translate(dict.fromkeys(map(ord, more)))):
        raise ValueError(f"{text!r} would need quotes in this place of a template")
    return text


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(data_path("templates")),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - shell and configuration files, not HTML
    )
    environment.filters["sh"] = _quote
    environment.filters["plain"] = _plain
    environment.globals["state_dir"] = node_paths.STATE_DIR
    environment.globals["runtime_dir"] = node_paths.RUNTIME_DIR
    environment.filters["json"] = lambda value: json.dumps(value, sort_keys=True)
    return environment


def render(template: str, **values: Any) -> str:
    """The text of ``templates/<template>`` with ``values`` filled in.

    Raises:
        jinja2.UndefinedError: the template uses a name that is not in ``values``.
        TypeError: a value is a `Secret`.
        ValueError: a value of ``| plain`` would need quotes.

    """
    return _environment().get_template(template).render(**values)


def sha256(text: str) -> str:
    """Hex SHA-256 of a text, as ``sha256sum`` prints it."""
    return hashlib.sha256(text.encode()).hexdigest()
