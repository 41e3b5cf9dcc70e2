"""Resolves the secrets that an inventory refers to: environment, file, or prompt.

A secret is resolved when a connection first needs it.
"""

import getpass
import os
import sys
import threading
from pathlib import Path
from typing import Protocol

from kbootstrap.codes import SECRET_MISSING
from kbootstrap.errors import InventoryError
from kbootstrap.secret import Secret, SecretRef

_MOST = 64 * 1024  # characters of a secret


class SecretSource(Protocol):
    """Turns references into secrets; called from many threads."""

    def resolve(self, ref: SecretRef) -> Secret:
        """The secret; raises `InventoryError` (KB213) if there is none."""


class Secrets:
    """The default source: every reference is resolved once, every prompt shown once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # also serializes prompts on the terminal
        self._known: dict[SecretRef, Secret] = {}

    def resolve(self, ref: SecretRef) -> Secret:
        """The secret; cached after the first time."""
        with self._lock:
            if ref not in self._known:
                self._known[ref] = Secret(_checked(ref, _find(ref)))
            return self._known[ref]


def _find(ref: SecretRef) -> str:
    if ref.kind == "env":
        if ref.name not in os.environ:
            raise InventoryError(SECRET_MISSING, f"the variable {ref.name} is not set")
        return os.environ[ref.name]
    if ref.kind == "file":
        try:
            with Path(ref.name).expanduser().open(encoding="utf-8") as file:  # it may be a pipe
                value = file.read(_MOST + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise InventoryError(SECRET_MISSING, f"cannot read {ref.name}: {error}") from error
        if len(value) > _MOST:
            raise InventoryError(SECRET_MISSING, f"{ref.name} is longer than {_MOST} characters")
        return value.removesuffix("\n")
    if not sys.stdin.isatty():
        raise InventoryError(SECRET_MISSING, f"no terminal to ask for: {ref.name}")
    try:
        return getpass.getpass(f"{ref.name}: ")
    except EOFError as error:  # Ctrl-D
        raise InventoryError(SECRET_MISSING, f"no answer to: {ref.name}") from error


def _checked(ref: SecretRef, value: str) -> str:
    """Reject a secret that is empty or has more than one line."""
    if not value or "\n" in value or "\0" in value:
        raise InventoryError(
            SECRET_MISSING, f"the {ref.kind} {ref.name} is empty or more than one line"
        )
    return value
