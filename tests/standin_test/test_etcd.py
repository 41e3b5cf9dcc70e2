import base64
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standin.etcd.client import Etcd
from tests.standin.etcd.peers import EtcdError
from tests.standin.etcd.raft import HEARTBEAT
from tests.standin.etcd.server import Running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(test: Callable[[], bool], seconds: float = 12.0) -> None:
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Cluster:
    """Members without TLS on the loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, Running] = {}
        self.options: dict[str, dict[str, str]] = {}
        self.clients: list[Etcd] = []

    def start(self, name: str, *, cluster: str = "") -> None:
        if name not in self.options:
            peer, client = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
            self.options[name] = {
                "name": name,
                "data-dir": str(self.folder / name),
                "initial-advertise-peer-urls": peer,
                "listen-peer-urls": peer,
                "listen-client-urls": client,
                "advertise-client-urls": client,
            }
        if cluster:
            self.options[name] |= {"initial-cluster": cluster, "initial-cluster-state": "existing"}
        self.running[name] = Running(self.options[name])
        self.running[name].start()

    def stop(self, name: str) -> None:
        self.running.pop(name).stop()

    def client(self, name: str) -> Etcd:
        made = Etcd([self.options[name]["advertise-client-urls"]], None)
        self.clients.append(made)
        return made

    def join(self, name: str) -> None:
        peer, client = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.options[name] = {
            "name": name,
            "data-dir": str(self.folder / name),
            "initial-advertise-peer-urls": peer,
            "listen-peer-urls": peer,
            "listen-client-urls": client,
            "advertise-client-urls": client,
        }
        first = self.client(next(iter(self.running)))
        members = first.member("add", peerURLs=[peer], isLearner=True)
        cluster = ",".join(f"{m.get('name', name)}={m['peerURLs'][0]}" for m in members)
        self.start(name, cluster=cluster)
        me = next(m["ID"] for m in members if m["peerURLs"] == [peer])

        def promoted() -> bool:
            with contextlib.suppress(EtcdError):
                first.member("promote", ID=me)
                return True
            return False

        until(promoted)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    made.start("a")
    until(lambda: made.running["a"].raft.leading)
    yield made
    for name in list(made.running):
        made.stop(name)
    for client in made.clients:
        client.close()


def test_values_and_revisions(cluster: Cluster) -> None:
    etcd = cluster.client("a")
    first = etcd.put("/x/1", {"n": 1}, expect=0)
    assert first
    assert etcd.put("/x/1", {"n": 2}, expect=0) is None
    assert etcd.put("/x/1", {"n": 2}, expect=first) == first + 1
    assert etcd.get("/x/1") == ({"n": 2}, first, first + 1)
    assert list(etcd.under("/x/")[1]) == ["/x/1"]
    events = etcd.watch(first, "/x/")["events"]
    assert [(e["type"], e["value"]) for e in events] == [("MODIFIED", {"n": 2})]
    assert etcd.delete("/x/1", expect=first) is None
    assert etcd.delete("/x/1") == first + 2
    assert etcd.get("/x/1") is None


def test_data_survives_a_restart(cluster: Cluster) -> None:
    cluster.client("a").put("/x", "kept", expect=0)
    cluster.stop("a")
    cluster.start("a")
    found = cluster.client("a").get("/x")
    assert found
    assert found[0] == "kept"


def test_three_members_survive_the_loss_of_the_leader(cluster: Cluster) -> None:
    cluster.client("a").put("/x", 1, expect=0)
    cluster.join("b")
    cluster.join("c")
    until(lambda: all(m.get("name") for m in cluster.client("c").members()))
    leader = next(n for n, m in cluster.running.items() if m.raft.leading)
    cluster.stop(leader)
    rest = cluster.client(next(iter(cluster.running)))
    until(lambda: any(m.raft.leading for m in cluster.running.values()))
    assert rest.put("/y", 2, expect=0)
    assert (rest.get("/x") or [None])[0] == 1
    cluster.start(leader)  # it comes back and catches up
    until(lambda: "/y" in cluster.running[leader].raft.state.data)
    dead = next(m["ID"] for m in rest.members() if m["name"] == leader)
    rest.member("remove", ID=dead)
    assert len(rest.members()) == 2
    until(cluster.running[leader].removed.is_set)


def test_members_that_have_all_are_sent_heartbeats_only(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.join("b")
    cluster.join("c")
    until(lambda: all(m.get("name") for m in cluster.client("c").members()))
    transport = cluster.running["a"].raft.transport
    sent: list[str] = []

    def count(peer: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        sent.append(path)
        return send(peer, path, body)

    send = transport.send
    monkeypatch.setattr(transport, "send", count)
    time.sleep(3 * HEARTBEAT)

    assert len(sent) <= 2 * 4


def test_without_a_majority_nothing_is_written(cluster: Cluster) -> None:
    cluster.join("b")
    cluster.stop("a")
    with pytest.raises(EtcdError, match="etcdserver: request timed out"):
        cluster.client("b").put("/z", 1, expect=0)


def test_an_emptied_member_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    cluster.join("b")
    until(lambda: all(m.get("name") for m in cluster.client("a").members()))
    cluster.stop("b")
    (tmp_path / "b").rename(tmp_path / "gone")
    with pytest.raises(SystemExit, match="has already been bootstrapped"):
        cluster.start("b")


def test_the_gateway_counts_names_and_deletes_a_range(cluster: Cluster) -> None:
    client = cluster.client("a")
    for key in ("/registry/minions/n1", "/registry/minions/n2", "/other"):
        client.put(key, {}, None)
    between = {"key": encoded("/registry/"), "range_end": encoded("/registry0")}

    assert client.call("/v3/kv/range", between | {"count_only": True}) == {"count": "2"}
    named = client.call("/v3/kv/range", between | {"keys_only": True, "limit": 1})
    assert named["kvs"] == [{"key": encoded("/registry/minions/n1")}]
    with pytest.raises(EtcdError, match="gives no values"):
        client.call("/v3/kv/range", between)
    assert client.call("/v3/kv/deleterange", between) == {"deleted": "2"}
    assert client.call("/v3/kv/range", between | {"count_only": True}) == {"count": "0"}
    assert client.get("/other") is not None


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
