"""Who leads, and how entries reach a majority: a small Raft.

Two shortcuts against the paper: entries are applied when they arrive, not when they are
committed, and a member whose history differs gets the whole state instead of a repair.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from .disk import Disk
from .peers import EtcdError, Follower, Transport
from .state import Entry, Member, State

HEARTBEAT = 0.5
ELECTION = (2.5, 4.0)
ALIVE = 2.0
VOTE = 2.0  # for an answer; each election greets the others again, which a busy host is slow at
WRITE_TIMEOUT = 5.0
KEPT_ENTRIES = 1000


class Raft:
    """One member."""

    def __init__(
        self, disk: Disk, state: State, transport: Transport, on_removed: Callable[[], None]
    ) -> None:
        self.disk, self.state, self.transport = disk, state, transport
        self.on_removed = on_removed
        self.changed = threading.Condition(threading.RLock())
        meta = disk.meta()
        self.id: str = meta["id"]
        self.cluster: str = meta["cluster"]
        self.term: int = meta["term"]
        self.vote: str = meta["vote"]
        self.entries: deque[Entry] = deque(disk.load(state), maxlen=KEPT_ENTRIES)
        self.leader = ""
        self.followers: dict[str, Follower] = {}
        self.heard = time.monotonic()
        self.patience = random.uniform(*ELECTION)  # noqa: S311
        self.stopped = False

    def start(self) -> None:
        threading.Thread(target=self._tick, daemon=True).start()

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.leader = ""
            self.disk.close()
            self.changed.notify_all()

    # -- leading -----------------------------------------------------------------------------

    @property
    def leading(self) -> bool:
        return self.leader == self.id

    def propose(self, op: dict[str, Any]) -> int:
        """Append an entry and wait until a majority has it; its index comes back."""
        with self.changed:
            self.require_quorum()
            entry = Entry(self.state.index + 1, self.term, op)
            self._take(entry)
            self.changed.notify_all()
            deadline = time.monotonic() + WRITE_TIMEOUT
            while not self._committed(entry.index):
                if self.stopped or not self.changed.wait(deadline - time.monotonic()):
                    raise EtcdError("etcdserver: request timed out")
            return entry.index

    def require_quorum(self) -> None:
        """Wait until this member leads a living majority, or give up."""
        with self.changed:
            deadline = time.monotonic() + WRITE_TIMEOUT - 1
            while not (self.leading and self._alive()):
                left = deadline - time.monotonic()
                if left <= 0 or (not self.leading and self.leader):
                    raise EtcdError("etcdserver: request timed out")
                self.changed.wait(min(left, 0.1))

    def _alive(self) -> bool:
        now = time.monotonic()
        return self._majority(lambda m: m.id == self.id or now - self._follower(m.id).heard < ALIVE)

    def _committed(self, index: int) -> bool:
        return self._majority(lambda m: m.id == self.id or self._follower(m.id).match >= index)

    def _majority(self, test: Callable[[Member], bool]) -> bool:
        voters = self.state.voters()
        return sum(map(test, voters)) * 2 > len(voters)

    def _follower(self, member: str) -> Follower:
        return self.followers.get(member) or Follower()

    def _take(self, entry: Entry) -> None:
        self.state.apply(entry)
        self.entries.append(entry)
        self.disk.append(entry, self.state)
        if entry.op["op"] == "members":
            self._membership()

    def _membership(self) -> None:
        if self.leading:
            self._start_senders()
        if self.id not in self.state.members and self.state.members:
            threading.Timer(0.5, self.on_removed).start()

    def _start_senders(self) -> None:
        for member in self.state.members.values():
            if member.id != self.id and member.id not in self.followers:
                self.followers[member.id] = Follower()
                args = (member, self.term)
                threading.Thread(target=self._send_loop, args=args, daemon=True).start()
        for gone in set(self.followers) - set(self.state.members):
            del self.followers[gone]

    def _send_loop(self, member: Member, term: int) -> None:
        """Bring one member up to date for as long as this term is ours."""
        while True:
            with self.changed:
                follower = self.followers.get(member.id)
                if follower is None or not self.leading or self.term != term or self.stopped:
                    return
                path, body = self._message(follower)
            reply = self.transport.send(member.peer, path, body)
            with self.changed:
                if reply is not None:
                    self._reply(follower, reply)
                lost = reply is None
                self.changed.wait_for(partial(self._has_news, follower, term, lost), HEARTBEAT)

    def _has_news(self, follower: Follower, term: int, lost: bool) -> bool:  # noqa: FBT001
        """Whether there is more to send than the next heartbeat; the replies of others are not."""
        if self.stopped or not self.leading or self.term != term:
            return True
        return not lost and follower.match < self.state.index

    def _message(self, follower: Follower) -> tuple[str, dict[str, Any]]:
        common = {"cluster": self.cluster, "term": self.term, "leader": self.id}
        if follower.match < 0:  # ask where it stands
            last = {"prev": self.state.index, "prev_term": self.state.term}
            return "/raft/append", {**common, **last, "entries": []}
        prev_term = self._term_at(follower.match)
        if prev_term is None:
            return "/raft/snapshot", {**common, "state": self.state.dump()}
        new = [[e.index, e.term, e.op] for e in self.entries if e.index > follower.match]
        body = {**common, "prev": follower.match, "prev_term": prev_term, "entries": new}
        return "/raft/append", body

    def _term_at(self, index: int) -> int | None:
        if index == self.state.index:
            return self.state.term
        return next((e.term for e in self.entries if e.index == index), None)

    def _reply(self, follower: Follower, reply: dict[str, Any]) -> None:
        if reply["term"] > self.term:
            self._follow(reply["term"], "")
            return
        follower.heard = time.monotonic()
        if reply["ok"] or self._term_at(reply["index"]) == reply["last_term"]:
            follower.match = reply["index"]
        else:
            follower.match = 0  # its history differs: the whole state
        self.changed.notify_all()

    # -- following ---------------------------------------------------------------------------

    def on_append(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.changed:
            if body["term"] < self.term:
                return self._answer(ok=False)
            self._follow(body["term"], body["leader"])
            same = (body["prev"], body["prev_term"]) == (self.state.index, self.state.term)
            if same:
                for index, term, op in body["entries"]:
                    self._take(Entry(index, term, op))
                self.changed.notify_all()
            return self._answer(ok=same)

    def on_snapshot(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.changed:
            if body["term"] < self.term:
                return self._answer(ok=False)
            self._follow(body["term"], body["leader"])
            self.state.load(body["state"])
            self.entries.clear()
            self.disk.snapshot(self.state)
            self._membership()
            self.changed.notify_all()
            return self._answer(ok=True)

    def on_vote(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.changed:
            fresh = self.leader and time.monotonic() - self.heard < ELECTION[0] / 2
            if body["term"] <= self.term or (fresh and not self.leading) or self._leads_well():
                return self._answer(ok=False)
            heard = self.heard
            self._follow(body["term"], "")
            newer = (body["last_term"], body["index"]) >= (self.state.term, self.state.index)
            if newer:
                self.vote = body["candidate"]
                self._save()
            else:  # who gets no vote must not keep this member from standing itself
                self.heard = heard
            return self._answer(ok=newer)

    def _leads_well(self) -> bool:
        return self.leading and self._alive()

    def _answer(self, *, ok: bool) -> dict[str, Any]:
        last = {"index": self.state.index, "last_term": self.state.term}
        return {"term": self.term, "ok": ok, **last}

    def _follow(self, term: int, leader: str) -> None:
        if term > self.term:
            self.term, self.vote = term, ""
            self._save()
        if self.leader != leader:
            self.leader = leader
            self.followers.clear()
            self.changed.notify_all()
        self.heard = time.monotonic()

    def _save(self) -> None:
        meta = {"id": self.id, "cluster": self.cluster, "term": self.term, "vote": self.vote}
        self.disk.save_meta(meta)

    # -- electing ----------------------------------------------------------------------------

    def _tick(self) -> None:
        while not self.stopped:
            time.sleep(0.1)
            with self.changed:
                now = time.monotonic()
                if self.leading:
                    if self._alive():
                        self.heard = now
                    elif now - self.heard > 2 * ALIVE:
                        self.leader = ""
                        self.followers.clear()
                    continue
                me = self.state.members.get(self.id)
                alone = len(self.state.voters()) == 1
                due = alone or now - self.heard > self.patience
                if me is None or me.learner or not due:
                    continue
            with contextlib.suppress(OSError):
                self._campaign()

    def _campaign(self) -> None:
        with self.changed:
            self.leader = ""
            self.term += 1
            self.vote = self.id
            self._save()
            self.heard = time.monotonic()
            self.patience = random.uniform(*ELECTION)  # noqa: S311
            term, others = self.term, [m for m in self.state.voters() if m.id != self.id]
            body = {"cluster": self.cluster, "candidate": self.id, **self._answer(ok=True)}
        votes: list[bool] = [True]
        threads = [
            threading.Thread(target=self._ask, args=(m, body, votes), daemon=True) for m in others
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(VOTE)
        with self.changed:
            if self.term == term and sum(votes) * 2 > len(others) + 1 and not self.stopped:
                self._lead()

    def _ask(self, member: Member, body: dict[str, Any], votes: list[bool]) -> None:
        reply = self.transport.send(member.peer, "/raft/vote", body)
        if reply is None:
            return
        if reply["term"] > body["term"]:
            with self.changed:
                self._follow(reply["term"], "")
        votes.append(bool(reply["ok"]))

    def _lead(self) -> None:
        self.leader = self.id
        self.heard = time.monotonic()
        self.followers.clear()
        self._take(Entry(self.state.index + 1, self.term, {"op": "noop"}))
        self._start_senders()
        self.changed.notify_all()
