"""The binary etcd: flags of the static pod manifest, ports 2379, 2380 and 2381."""

from __future__ import annotations

import json
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.standin import unknown
from tests.standin.common import flags, http, tls

from .disk import Disk
from .peers import EtcdError
from .raft import Raft
from .service import PATHS, Service, new_id
from .state import Entry, Member, State

KNOWN = (  # what kubeadm writes, and what tests add
    "advertise-client-urls cert-file client-cert-auth data-dir initial-advertise-peer-urls"
    " initial-cluster initial-cluster-state key-file listen-client-urls listen-metrics-urls"
    " listen-peer-urls name peer-cert-file peer-client-cert-auth peer-key-file"
    " peer-trusted-ca-file snapshot-count trusted-ca-file feature-gates"
    " watch-progress-notify-interval experimental-initial-corrupt-check"
    " experimental-watch-progress-notify-interval log-level"
)

REFUSAL = "flag provided but not defined: -{}\nUsage:\n\n  etcd [flags]\n    Start an etcd server."


def member_of(peer: str, name: str, token: str) -> Member:
    """A member of a new cluster; clients find it beside its peer port."""
    return Member(new_id(peer, token), peer, name, peer.replace(":2380", ":2379"))


class Peers:
    """Connections to the other members."""

    def __init__(self, context: ssl.SSLContext | None, on_removed: Callable[[], None]) -> None:
        self.context = context
        self.on_removed = on_removed
        self.me = ""
        self.clients: dict[str, http.Client] = {}

    def send(self, peer: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        client = self.clients.setdefault(peer, http.Client(peer, self.context, timeout=2.0))
        wait = 8.0 if path.startswith(("/forward", "/raft/snapshot")) else 2.0
        try:
            status, data = client.request("POST", path, {**body, "from": self.me}, timeout=wait)
        except http.Unreachable:
            return None
        if status == 410:
            self.on_removed()
        if status != 200:
            return None
        reply: dict[str, Any] = json.loads(data)
        return reply

    def close(self) -> None:
        for client in self.clients.values():
            client.shutdown()


class Running:
    """One running member with its servers."""

    def __init__(self, options: dict[str, str]) -> None:
        self.options = options
        self.removed = threading.Event()
        pair = options.get("peer-cert-file", ""), options.get("peer-key-file", "")
        ca = options.get("peer-trusted-ca-file", "")
        context = None
        if ca:
            context = tls.follow(tls.client(Path(ca).read_text(), *pair), *pair)
            context.check_hostname = False
        self.peers = Peers(context, self.removed.set)
        disk = Disk(Path(options["data-dir"]))
        if not disk.exists():
            self._bootstrap(disk)
        self.raft = Raft(disk, State(), self.peers, self.removed.set)
        self.peers.me = self.raft.id
        self.service = Service(self.raft)
        self.servers: list[http.Server] = []

    def _bootstrap(self, disk: Disk) -> None:
        peer, name = self.options["initial-advertise-peer-urls"], self.options["name"]
        if self.options.get("initial-cluster-state") == "existing":
            meta = self._ask_cluster(peer)
            disk.create()
            disk.save_meta(meta)
            return
        member = Member(new_id(peer), peer, name, self.options["advertise-client-urls"])
        disk.create()
        state = State()
        op = {"op": "members", "members": [vars(member)]}
        entry = Entry(1, 1, op)
        state.apply(entry)
        disk.append(entry, state)
        cluster = new_id(peer, str(time.time()))
        disk.save_meta({"id": member.id, "cluster": cluster, "term": 1, "vote": ""})

    def _ask_cluster(self, peer: str) -> dict[str, Any]:
        try:
            return self._find_member(peer)
        finally:
            self.peers.close()

    def _find_member(self, peer: str) -> dict[str, Any]:
        urls = [pair.split("=", 1)[1] for pair in self.options["initial-cluster"].split(",")]
        for url in urls:
            found = None if url == peer else self.peers.send(url, "/members", {})
            for member in (found or {}).get("members", []):
                if peer in member["peerURLs"]:
                    if member.get("name"):
                        sys.exit(f"member {member['ID']} has already been bootstrapped")
                    cluster = (found or {})["header"]["cluster_id"]
                    return {"id": member["ID"], "cluster": cluster, "term": 1, "vote": ""}
        sys.exit("error validating peerURLs: unable to find the member in the existing cluster")

    def start(self) -> None:
        """Open the ports and take part."""
        options = self.options
        client, peer = self._context(""), self._context("peer-")
        for url in options["listen-peer-urls"].split(","):
            self._listen(url, PeerHandler, peer)
        for url in options["listen-client-urls"].split(","):
            self._listen(url, ClientHandler, client)
        for url in filter(None, options.get("listen-metrics-urls", "").split(",")):
            self._listen(url, ClientHandler, None)
        self.raft.start()
        threading.Thread(target=self._publish, daemon=True).start()

    def _context(self, prefix: str) -> ssl.SSLContext | None:
        names = ("cert-file", "key-file", "trusted-ca-file")
        cert, key, ca = (self.options.get(prefix + name, "") for name in names)
        if not cert:
            return None
        return tls.follow(tls.server(cert, key, ca, required=True), cert, key)

    def _listen(
        self, url: str, handler: type[MemberHandler], context: ssl.SSLContext | None
    ) -> None:
        parts = urlsplit(url)
        bound = type(handler.__name__, (handler,), {"member": self})
        server = http.Server((parts.hostname or "", parts.port or 0), bound, context)
        self.servers.append(server)
        server.start()

    def _publish(self) -> None:
        body = {
            "id": self.raft.id,
            "name": self.options["name"],
            "client": self.options["advertise-client-urls"],
        }
        while not self.raft.stopped:
            me = self.raft.state.members.get(self.raft.id)
            if me and (me.name, me.client) == (body["name"], body["client"]):
                return
            try:
                self.service.run("/publish", body)
            except EtcdError:
                time.sleep(0.3)
            time.sleep(0.1)

    def stop(self) -> None:
        self.raft.stop()
        for server in self.servers:
            server.stop()
        self.peers.close()


class MemberHandler(http.Handler):
    """Shared by both ports."""

    member: Running

    def parse_request(self) -> bool:
        """A stopped member does not answer."""
        return super().parse_request() and not self.member.raft.stopped

    def json(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.body() or b"{}")
        return loaded

    def unknown(self) -> None:
        unknown.report("etcd", f"{self.command} {self.path}")
        self.reply(404, {"error": "Not Found", "code": 5, "message": "Not Found"})

    def answer(self, path: str, body: dict[str, Any], *, local: bool = False) -> None:
        service = self.member.service
        try:
            self.reply(200, (service.local if local else service.run)(path, body))
        except EtcdError as err:
            self.reply(200 if local else 503, {"error": str(err), "code": 14, "message": str(err)})


class ClientHandler(MemberHandler):
    """Port 2379; the member calls have the paths and forms of etcd's JSON gateway."""

    def do_GET(self) -> None:  # noqa: N802
        if self.path == "/version":
            self.reply(200, {"etcdserver": "3.6.4", "etcdcluster": "3.6.0"})
            return
        if self.path != "/health":
            self.unknown()
            return
        try:
            self.member.service.run("/kv/get", {"key": "health"})
        except EtcdError:
            self.reply(503, {"health": "false", "reason": "RAFT NO LEADER"})
        else:
            self.reply(200, {"health": "true", "reason": ""})

    def do_POST(self) -> None:  # noqa: N802
        body = self.json()
        if self.path == "/v3/maintenance/status":
            self.reply(200, self._status())
        elif self.path == "/standin/dump":
            with self.member.raft.changed:
                self.reply(200, self.member.raft.state.dump())
        elif self.path in PATHS:
            self.answer(self.path, body)
        else:
            self.unknown()

    def _status(self) -> dict[str, Any]:
        raft = self.member.raft
        me = raft.state.members.get(raft.id)
        return {
            "header": {
                "cluster_id": raft.cluster,
                "member_id": raft.id,
                "revision": str(raft.state.index),
            },
            "version": "3.6.4",
            "dbSize": "20480",
            "leader": raft.leader or "0",
            "raftIndex": str(raft.state.index),
            "raftTerm": str(raft.term),
            "isLearner": bool(me and me.learner),
        }


class PeerHandler(MemberHandler):
    """Port 2380."""

    def do_POST(self) -> None:  # noqa: N802
        raft, body = self.member.raft, self.json()
        if self.path == "/members":
            self.reply(200, self.member.service.members({}))
        elif self.path.startswith("/raft/"):
            self._raft(raft, body)
        elif self.path.startswith("/forward") and raft.leading:
            self.answer(self.path.removeprefix("/forward"), body, local=True)
        else:
            self.reply(409, {})

    def _raft(self, raft: Raft, body: dict[str, Any]) -> None:
        calls = {
            "/raft/append": raft.on_append,
            "/raft/snapshot": raft.on_snapshot,
            "/raft/vote": raft.on_vote,
        }
        if body["cluster"] != raft.cluster:
            self.reply(409, {"error": "cluster ID mismatch"})
        elif self.path == "/raft/vote" and body["from"] not in raft.state.members:
            self.reply(410, {"error": "the member has been permanently removed from the cluster"})
        else:
            self.reply(200, calls[self.path](body))


def main(argv: list[str]) -> int:
    """Run until the member is removed."""
    member = Running(flags.simple(argv, KNOWN, REFUSAL))
    member.start()
    member.removed.wait()
    member.stop()
    sys.stderr.write("the member has been permanently removed from the cluster\n")
    return 1
