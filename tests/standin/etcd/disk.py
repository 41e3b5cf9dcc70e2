"""A member's data folder: member/snap/db, member/wal/log and member/meta."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from .state import Entry, State

COMPACT_AFTER = 3000


class Disk:
    """Every entry is a line in the log until a snapshot replaces it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = folder / "member/snap/db"
        self.wal = folder / "member/wal/0.wal"
        self.meta_file = folder / "member/meta.json"
        self.log: IO[str] | None = None
        self.lines = 0

    def exists(self) -> bool:
        return self.meta_file.exists()

    def create(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (self.db, self.wal):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def load(self, state: State) -> list[Entry]:
        """Fill the state; the entries after the snapshot come back."""
        if self.db.exists():
            state.load(json.loads(self.db.read_text()))
        entries = []
        if self.wal.exists():
            for line in self.wal.read_text().splitlines():
                try:
                    index, term, op = json.loads(line)
                except ValueError:
                    break  # the last line of a killed process
                if index == state.index + 1:
                    entries.append(Entry(index, term, op))
                    state.apply(entries[-1])
        return entries

    def meta(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.meta_file.read_text())
        return loaded

    def save_meta(self, meta: dict[str, Any]) -> None:
        _replace(self.meta_file, json.dumps(meta))

    def append(self, entry: Entry, state: State) -> None:
        """Write one entry that the state already has."""
        if self.log is None:
            self.log = self.wal.open("a")
        self.log.write(json.dumps([entry.index, entry.term, entry.op]) + "\n")
        self.log.flush()
        self.lines += 1
        if self.lines > COMPACT_AFTER:
            self.snapshot(state)

    def close(self) -> None:
        if self.log is not None:
            self.log.close()
            self.log = None

    def snapshot(self, state: State) -> None:
        _replace(self.db, json.dumps(state.dump()))
        self.close()
        self.log = self.wal.open("w")
        self.lines = 0


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(path)
