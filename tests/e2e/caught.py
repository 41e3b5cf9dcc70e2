"""Catches the secrets of a join while they lie on a node's tmpfs, to look for them afterwards."""

import re
import threading
from types import TracebackType
from typing import Self

from phases.join import CONFIG
from tests.lab.node import Node

EVERY = 0.01  # seconds
FIELDS = re.compile(r"^\s*(token|certificateKey): (\S+)$", re.MULTILINE)


class CaughtSecrets:
    """As a context manager; `values` holds field name -> what was seen in the join file."""

    def __init__(self, node: Node) -> None:
        self._path = f"/proc/{node.pid}/root{CONFIG}"
        self.values: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                with open(self._path) as file:  # noqa: PTH123 - Path resolves /proc/N/root away
                    self.values |= dict(FIELDS.findall(file.read()))
            except OSError:
                continue
