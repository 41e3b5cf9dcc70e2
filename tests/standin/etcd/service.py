"""What a member does for its clients: keys, watches and membership."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import time
from typing import Any

from .peers import EtcdError
from .raft import Raft
from .state import Member

WATCH_SECONDS = 20.0
MEMBERS = tuple(f"/v3/cluster/member/{name}" for name in ("list", "add", "remove", "promote"))
KEYS = ("/v3/kv/range", "/v3/kv/deleterange")
PATHS = (*MEMBERS, *KEYS, "/kv/get", "/kv/list", "/kv/put", "/kv/delete", "/kv/watch", "/publish")


def new_id(*parts: str) -> str:
    """An id in the form of etcd: a large decimal number."""
    return str(int(hashlib.sha256("/".join(parts).encode()).hexdigest()[:15], 16))


class Service:
    """Requests that change something run on the leader; others are passed on to it."""

    def __init__(self, raft: Raft) -> None:
        self.raft = raft

    def run(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer one request, here or on the leader."""
        if path == "/kv/watch":
            return self.watch(body)
        deadline = time.monotonic() + 6
        while not self.raft.leading:
            leader = self.raft.state.members.get(self.raft.leader)
            if leader:
                reply = self.raft.transport.send(leader.peer, "/forward" + path, body)
                if reply is not None:
                    return _unwrap(reply)
            if time.monotonic() > deadline or self.raft.stopped:
                raise EtcdError("etcdserver: request timed out")
            time.sleep(0.1)
        return self.local(path, body)

    def local(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer one request as the leader."""
        actions = {
            "/kv/get": self.get,
            "/kv/list": self.under,
            "/kv/put": self.put,
            "/kv/delete": self.delete,
            "/v3/kv/range": self.range,
            "/v3/kv/deleterange": self.delete_range,
            "/v3/cluster/member/list": self.members,
            "/v3/cluster/member/add": self.add,
            "/v3/cluster/member/remove": self.remove,
            "/v3/cluster/member/promote": self.promote,
            "/publish": self.publish,
        }
        if path not in actions:
            raise EtcdError("etcdserver: not found")
        with self.raft.changed:
            if path != "/v3/cluster/member/list":
                self.raft.require_quorum()
            return actions[path](body)

    # -- keys --------------------------------------------------------------------------------

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self.raft.state.data.get(body["key"])
        return {"rev": self.raft.state.index, "found": found}

    def under(self, body: dict[str, Any]) -> dict[str, Any]:
        prefix = body["prefix"]
        data = self.raft.state.data
        found = {k: data[k] for k in sorted(data) if k.startswith(prefix)}
        return {"rev": self.raft.state.index, "found": found}

    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        """Store a value if the key is still at revision 'expect' (0: must not exist)."""
        if not self._expected(body):
            return {"ok": False}
        index = self.raft.propose({"op": "put", "key": body["key"], "value": body["value"]})
        return {"ok": True, "rev": index}

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["key"] not in self.raft.state.data or not self._expected(body):
            return {"ok": False}
        return {"ok": True, "rev": self.raft.propose({"op": "delete", "key": body["key"]})}

    # -- keys, in the form of etcd's JSON gateway ------------------------------------------------

    def range(self, body: dict[str, Any]) -> dict[str, Any]:
        """The number of keys, or the keys themselves; the values are not etcd's, so none leave."""
        found = self._between(body)
        if body.get("count_only"):
            return {"count": str(len(found))}
        if not body.get("keys_only"):
            raise EtcdError("the stand-in's etcd gives no values")
        shown = found[: int(body.get("limit", 0)) or None]
        kvs = [{"key": base64.b64encode(key.encode()).decode()} for key in shown]
        return {"kvs": kvs, "count": str(len(found)), "more": len(shown) < len(found)}

    def delete_range(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self._between(body)
        for key in found:
            self.raft.propose({"op": "delete", "key": key})
        return {"deleted": str(len(found))}

    def _between(self, body: dict[str, Any]) -> list[str]:
        """The keys from `key` up to, and without, `range_end`."""
        first, end = (base64.b64decode(body[name]).decode() for name in ("key", "range_end"))
        return sorted(key for key in self.raft.state.data if first <= key < end)

    def _expected(self, body: dict[str, Any]) -> bool:
        current = self.raft.state.data.get(body["key"])
        return body.get("expect") is None or body["expect"] == (current[2] if current else 0)

    def watch(self, body: dict[str, Any]) -> dict[str, Any]:
        """Wait for changes after a revision; 'compacted' means: list again."""
        raft, deadline = self.raft, time.monotonic() + WATCH_SECONDS
        with raft.changed:
            while not raft.stopped:
                events = raft.state.since(body["rev"], body["prefix"])
                epoch = raft.state.epoch
                if events is None or body.get("epoch", epoch) != epoch:
                    return {"compacted": True}
                left = deadline - time.monotonic()
                if events or left <= 0:
                    return {"rev": raft.state.index, "events": events, "epoch": epoch}
                raft.changed.wait(left)
        raise EtcdError("etcdserver: server stopped")

    # -- members -----------------------------------------------------------------------------

    def members(self, _body: dict[str, Any]) -> dict[str, Any]:
        state = self.raft.state
        header = {
            "cluster_id": self.raft.cluster,
            "member_id": self.raft.id,
            "raft_term": str(self.raft.term),
        }
        return {"header": header, "members": [m.public() for m in state.members.values()]}

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        peer, state = body["peerURLs"][0], self.raft.state
        if any(m.peer == peer for m in state.members.values()):
            raise EtcdError("etcdserver: Peer URLs already exists")
        if body.get("isLearner") and any(m.learner for m in state.members.values()):
            raise EtcdError("etcdserver: too many learner members in cluster")
        alive = sum(self._is_alive(m) for m in state.voters())
        if alive * 2 <= len(state.voters()) + (0 if body.get("isLearner") else 1):
            raise EtcdError("etcdserver: unhealthy cluster")
        member = Member(new_id(peer, str(state.index)), peer, learner=bool(body.get("isLearner")))
        self._change([*state.members.values(), member])
        return {**self.members({}), "member": member.public()}

    def _is_alive(self, member: Member) -> bool:
        follower = self.raft.followers.get(member.id)
        here = member.id == self.raft.id
        return here or bool(follower and time.monotonic() - follower.heard < 3)

    def remove(self, body: dict[str, Any]) -> dict[str, Any]:
        state = self.raft.state
        if str(body["ID"]) not in state.members:
            raise EtcdError("etcdserver: member not found")
        rest = [m for m in state.members.values() if m.id != str(body["ID"])]
        voters = [m for m in rest if not m.learner]
        if sum(self._is_alive(m) for m in voters) * 2 <= len(voters):
            raise EtcdError("etcdserver: unhealthy cluster")
        self._change(rest)
        return self.members({})

    def promote(self, body: dict[str, Any]) -> dict[str, Any]:
        member = self.raft.state.members.get(str(body["ID"]))
        if member is None:
            raise EtcdError("etcdserver: member not found")
        if not member.learner:
            raise EtcdError("etcdserver: can only promote a learner member")
        follower = self.raft.followers.get(member.id)
        if not follower or not self._is_alive(member) or follower.match < self.raft.state.index:
            raise EtcdError(
                "etcdserver: can only promote a learner member which is in sync with leader"
            )
        self._replace(dataclasses.replace(member, learner=False))
        return self.members({})

    def publish(self, body: dict[str, Any]) -> dict[str, Any]:
        """A member that has started publishes its name and client address."""
        member = self.raft.state.members.get(body["id"])
        if member and (member.name, member.client) != (body["name"], body["client"]):
            new = dataclasses.replace(member, name=body["name"], client=body["client"])
            self._replace(new)
        return {"ok": member is not None}

    def _replace(self, member: Member) -> None:
        self._change([member if m.id == member.id else m for m in self.raft.state.members.values()])

    def _change(self, members: list[Member]) -> None:
        self.raft.propose({"op": "members", "members": [dataclasses.asdict(m) for m in members]})


def _unwrap(reply: dict[str, Any]) -> dict[str, Any]:
    if "error" in reply:
        raise EtcdError(reply["error"])
    return reply
