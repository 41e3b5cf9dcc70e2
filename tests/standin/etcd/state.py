"""The replicated state: keys, members, and the latest changes for watchers."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Any

KEPT_EVENTS = 4000


@dataclasses.dataclass
class Member:
    """One member; a name appears once it has started."""

    id: str
    peer: str
    name: str = ""
    client: str = ""
    learner: bool = False

    def public(self) -> dict[str, Any]:
        """The form of etcd's JSON gateway."""
        out: dict[str, Any] = {"ID": self.id, "peerURLs": [self.peer]}
        if self.name:
            out |= {"name": self.name, "clientURLs": [self.client]}
        if self.learner:
            out["isLearner"] = True
        return out


@dataclasses.dataclass
class Entry:
    """One step of the history."""

    index: int
    term: int
    op: dict[str, Any]


class State:
    """What all members agree on; the revision is the index of the last entry."""

    def __init__(self) -> None:
        self.index = 0
        self.term = 0
        self.data: dict[str, tuple[Any, int, int]] = {}  # key -> value, created, modified
        self.members: dict[str, Member] = {}
        self.events: deque[dict[str, Any]] = deque(maxlen=KEPT_EVENTS)
        self.oldest = 0  # events after this index are known
        self.epoch = 0  # grows when the history is replaced

    def apply(self, entry: Entry) -> None:
        """Take one entry; entries come in order."""
        self.index, self.term = entry.index, entry.term
        kind = entry.op["op"]
        if kind == "put":
            key, value = entry.op["key"], entry.op["value"]
            old = self.data.get(key)
            self.data[key] = (value, old[1] if old else entry.index, entry.index)
            self._event(entry.index, key, "MODIFIED" if old else "ADDED", value)
        elif kind == "delete":
            old = self.data.pop(entry.op["key"], None)
            if old:
                self._event(entry.index, entry.op["key"], "DELETED", old[0])
        elif kind == "members":
            self.members = {m["id"]: Member(**m) for m in entry.op["members"]}

    def _event(self, index: int, key: str, kind: str, value: Any) -> None:
        if len(self.events) == KEPT_EVENTS:
            self.oldest = self.events[0]["rev"]
        self.events.append({"rev": index, "key": key, "type": kind, "value": value})

    def since(self, revision: int, prefix: str) -> list[dict[str, Any]] | None:
        """Changes after a revision; None when they are forgotten."""
        if revision < self.oldest:
            return None
        found: list[dict[str, Any]] = []
        for event in reversed(self.events):
            if event["rev"] <= revision:
                break
            if event["key"].startswith(prefix):
                found.append(event)
        return found[::-1]

    def voters(self) -> list[Member]:
        return [m for m in self.members.values() if not m.learner]

    def dump(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "term": self.term,
            "data": self.data,
            "members": [dataclasses.asdict(m) for m in self.members.values()],
        }

    def load(self, dump: dict[str, Any]) -> None:
        """Become the dumped state; watchers have to start again."""
        self.index, self.term = dump["index"], dump["term"]
        self.data = {k: (v[0], v[1], v[2]) for k, v in dump["data"].items()}
        self.members = {m["id"]: Member(**m) for m in dump["members"]}
        self.events.clear()
        self.oldest = self.index
        self.epoch += 1
