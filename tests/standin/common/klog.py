"""Log lines as klog prints them, and the error that ends a binary."""

from __future__ import annotations

import os
import sys
import time


class FatalError(Exception):
    """The binary cannot continue; the text is what the real binary prints."""


class Unreachable(Exception):  # noqa: N818  # a state, not a mistake
    """No answer came; the text resembles the one of a Go client."""


class KubeError(Exception):
    """The server refused; the text is the Status message."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason


def _header(level: str, where: str) -> str:
    now = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now))
    return f"{level}{stamp}.{int(now % 1 * 1e6):06d} {os.getpid():7d} {where}]"


def log(level: str, text: str, where: str = "standin.py:1") -> None:
    """Write one klog line to stderr."""
    sys.stderr.write(f"{_header(level, where)} {text}\n")
    sys.stderr.flush()


def warning(text: str, where: str = "standin.py:1") -> None:
    log("W", text, where)


def info(text: str, where: str = "standin.py:1") -> None:
    log("I", text, where)


def error(text: str, where: str = "standin.py:1") -> None:
    log("E", text, where)
