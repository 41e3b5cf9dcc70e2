"""A mirror of everything in etcd: for authorization, watches and the controllers."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from tests.standin.etcd.client import Etcd
from tests.standin.etcd.peers import EtcdError

PREFIX = "/registry/"
KEPT = 4000


class Cache:
    """Follows etcd; readers see changes a few milliseconds late."""

    def __init__(self, etcd: Etcd) -> None:
        self.etcd = etcd
        self.changed = threading.Condition()
        self.objects: dict[str, dict[str, Any]] = {}
        self.events: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.revision = 0
        self.oldest = 0
        self.epoch: int | None = None
        self.stopped = False

    def start(self) -> None:
        self._list()
        threading.Thread(target=self._follow, daemon=True).start()

    def _list(self) -> None:
        revision, found = self.etcd.under(PREFIX)
        with self.changed:
            self.objects = {k: stamped(v[0], v[2]) for k, v in found.items()}
            self.events.clear()
            self.revision = self.oldest = revision
            self.changed.notify_all()

    def _follow(self) -> None:
        while not self.stopped:
            try:
                reply = self.etcd.watch(self.revision, PREFIX, self.epoch)
                self.epoch = reply.get("epoch")
                if reply.get("compacted"):
                    self._list()
                else:
                    self._take(reply)
            except (EtcdError, OSError, ValueError):
                time.sleep(0.3)

    def _take(self, reply: dict[str, Any]) -> None:
        with self.changed:
            for event in reply["events"]:
                value = stamped(event["value"], event["rev"])
                if event["type"] == "DELETED":
                    self.objects.pop(event["key"], None)
                else:
                    self.objects[event["key"]] = value
                if len(self.events) == KEPT:
                    self.oldest = self.events[0]["rev"]
                self.events.append({**event, "value": value})
            self.revision = max(reply["rev"], self.revision)
            self.changed.notify_all()

    def under(self, prefix: str) -> list[dict[str, Any]]:
        with self.changed:
            return [v for k, v in self.objects.items() if k.startswith(prefix)]

    def get(self, key: str) -> dict[str, Any] | None:
        return self.objects.get(key)

    def wait(self, revision: int, prefix: str, seconds: float) -> list[dict[str, Any]] | None:
        """Events after a revision, none after the time is up; None when they are forgotten."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not self.stopped:
                if revision < self.oldest:
                    return None
                found = list(self._after(revision, prefix))
                left = deadline - time.monotonic()
                if found or left <= 0:
                    return found
                self.changed.wait(left)
        return []

    def _after(self, revision: int, prefix: str) -> Iterator[dict[str, Any]]:
        if self.revision <= revision:
            return
        for event in self.events:
            if event["rev"] > revision and event["key"].startswith(prefix):
                yield event


def stamped(value: dict[str, Any], revision: int) -> dict[str, Any]:
    """An object with its resourceVersion."""
    return {**value, "metadata": {**value["metadata"], "resourceVersion": str(revision)}}
