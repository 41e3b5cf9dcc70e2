"""One lock: two operators at once, dead ones, and who frees what.

node1 and node2 are control planes. The run that works is an ``up`` that writes a file on node3,
where `mv` waits while the others try their luck, and then sets a label. If it is killed meanwhile,
the label is left to do.
"""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.lock.record import PATH, TTL
from tests.e2e.site import Result, Site
from tests.lab.shell import LabError, wait_until
from tests.load import within

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]

# Another workstation, as far as a lock can see: its own processes and its own name.
ELSEWHERE = (
    *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "sh", "-c"),
    'hostname elsewhere; exec "$@"',
    "sh",
)
HOLD = "/run/hold"  # on node3: while it is there, nothing is moved into its place
HELD_MV = (
    f"printf '#!/bin/sh\\nwhile [ -e {HOLD} ]; do sleep 0.1; done\\nexec /usr/bin/mv \"$@\"\\n'"
    " >/usr/local/sbin/mv; chmod 755 /usr/local/sbin/mv"
)
AT_ONCE = 2.0  # seconds, for the whole command


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """A cluster of three."""
    site = make_site(f"l{kind[0]}", 3, control_planes=2)
    site.ok("up")
    return site


@dataclass
class Working:
    """A run under way.

    Attributes:
        process: of it.
        log: what it prints.

    """

    process: subprocess.Popen[bytes]
    log: Path

    def end(self) -> Result:
        """Wait for its end."""
        start = time.monotonic()
        status = self.process.wait(timeout=400)
        return Result(status, self.log.read_text(), "", time.monotonic() - start)

    def kill(self) -> None:
        """As kill -9 does."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def working(site: Site) -> Iterator[Working]:
    """An ``up`` that holds the lock and does not end before the block does."""
    node3, log = site.node("node3"), site.folder / "working.log"
    wanted(site, str(time.monotonic_ns()))
    node3.exec(f"{HELD_MV}; touch {HOLD}")
    with log.open("wb") as out:
        process = subprocess.Popen(
            site.command("up"), stdout=out, stderr=out, env=site.environment()
        )
    try:
        try:
            wait_until("the lock is held", lambda: len(records(site)) == 2, timeout=120)
            wait_until("there is a Lease too", lambda: lease(site), timeout=60)
            yield Working(process, log)
        finally:
            node3.exec(f"rm {HOLD}")
        process.wait(timeout=400)
    finally:
        process.kill()
        process.wait()


def wanted(site: Site, turn: str) -> None:
    """Write an inventory with a new file and a new label for node3."""
    site.write_inventory(files=[{"path": "/etc/turn", "content": turn, "nodes": ["node3"]}])
    data = site.inventory_data()
    next(node for node in data["nodes"] if node["name"] == "node3")["labels"] = {"turn": turn}
    site.save(data)


def done(site: Site) -> bool:
    """Whether the last run of `working`, or one after it, did what was to be done."""
    (label,) = (
        node["labels"]["turn"] for node in site.inventory_data()["nodes"] if "labels" in node
    )
    node = json.loads(site.kubectl("get", "node", "node3", "-o", "json"))
    live = node["metadata"]["labels"].get("turn"), site.node("node3").exec("cat /etc/turn").stdout
    return bool(live == (label, label))


def records(site: Site) -> dict[str, dict[str, Any]]:
    """Node name -> the record there; workers keep none."""
    found: dict[str, dict[str, Any]] = {}
    for node in site.lab.nodes[: site.control_planes]:
        text = node.exec(["cat", PATH], check=False).stdout
        found |= {node.name: json.loads(text)} if text else {}
    return found


def lease(site: Site) -> dict[str, Any]:
    """The Lease, empty if there is none."""
    words = ["-n", "kube-system", "get", "leases", "-o", "json"]
    items = json.loads(site.kubectl(*words))["items"]
    found = [item for item in items if item["metadata"]["name"] == "kbootstrap"]
    return dict(found[0]) if found else {}


def api_answers(site: Site) -> bool:
    with contextlib.suppress(LabError):
        return bool(site.ready_nodes())
    return False


def free(site: Site) -> bool:
    return not records(site) and not lease(site)


def elsewhere(site: Site, *words: str) -> Result:
    """The command of another operator, on another workstation."""
    home = site.folder / "elsewhere"
    home.mkdir(exist_ok=True)
    env = site.environment() | {"HOME": str(home), "XDG_STATE_HOME": str(home), "USER": "bob"}
    start = time.monotonic()
    done = subprocess.run(
        [*ELSEWHERE, *site.command(*words)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=env,
    )
    return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - start)


def code(result: Result) -> str:
    errors = result.errors()
    return str(errors[0]["code"]) if errors else ""


# ---- nothing to do


def test_what_changes_nothing_leaves_no_trace(site: Site) -> None:
    for words in (["up"], ["up", "--dry-run"], ["reset", "node3", "--dry-run"], ["status"]):
        result = site.ok(*words)
        assert free(site)
        said = [event["text"] for event in result.events if event["event"] == "lock"]
        assert bool(said) == (words[0] == "reset")  # the one of them that has a plan


# ---- two at once


def test_the_second_is_refused_with_the_holder_at_once(site: Site) -> None:
    with working(site) as first:
        record = records(site)["node1"]
        assert (record["pid"], record["holder"]) == (first.process.pid, "root")
        assert lease(site)["metadata"]["annotations"]["kbootstrap.io/run"] == record["run"]
        assert record["ttl"] == TTL

        tries = [elsewhere(site, "up") for _ in range(3)]
        fastest = min(result.seconds for result in tries)

        for result in tries:
            assert (result.status, code(result)) == (7, "KB410"), result.out + result.err
            said = result.errors()[0]["message"]
            assert f"root@{record['host']} (pid {first.process.pid}, since " in said
            assert "kbootstrap up --yes -i" in said
            assert "expires in" in result.errors()[0]["detail"]
        print(f"\nrefused in {fastest:.2f} s ({site.kind})")
        assert fastest < within(AT_ONCE)
        assert code(elsewhere(site, "reset", "node3", "--yes")) == "KB410"

        plan = elsewhere(site, "plan", "--limit", "node1")
        assert plan.status == 0
        assert any(e["event"] == "note" and "pid" in e["text"] for e in plan.events)
        status = elsewhere(site, "status", "--limit", "node1")
        assert {e["place"] for e in status.events if e["event"] == "lock"} == {
            "node1",
            "Lease kube-system/kbootstrap",
        }
    assert first.end().status == 0
    assert free(site)
    assert done(site)


# ---- dead ones


def test_killed_and_the_same_command_continues_at_once(site: Site) -> None:
    with working(site) as first:
        first.kill()
    assert set(records(site)) == {"node1", "node2"}

    result = site.ok("up")

    assert any("taking over the lock on node1, dead" in e.get("text", "") for e in result.events)
    assert free(site)
    assert done(site)


def test_killed_and_another_workstation_takes_over_after_its_time(site: Site) -> None:
    with working(site) as first:
        first.kill()
        died = time.monotonic()
        assert code(elsewhere(site, "up")) == "KB410"

    wait_until("the time is over", lambda: time.monotonic() - died > TTL + 1, timeout=60, every=0.5)
    result = elsewhere(site, "up")

    assert result.status == 0, result.out[-3000:] + result.err
    assert any("taking over the lock on node1, expired" in e.get("text", "") for e in result.events)
    assert free(site)
    assert done(site)


# ---- no answer in time


def test_a_run_that_cannot_renew_its_lock_lets_go_before_another_one_may_take_it(
    site: Site,
) -> None:
    planes = [site.node("node1"), site.node("node2")]
    with working(site) as first:
        for node in planes:
            node.cut()
        cut = time.monotonic()
        try:
            result = first.end()
            ended = time.monotonic()
        finally:
            for node in planes:
                node.reconnect()

    assert (result.status, [e["code"] for e in result.errors()][-1]) == (7, "KB412"), result.out
    assert ended - cut < TTL + 15  # which frees what it can
    lost = next(e["at"] for e in result.events if e.get("code") == "KB412")
    told = [e["at"] for e in result.events if e["event"] == "action"]
    assert max(told) < lost
    wait_until("the API is back", lambda: api_answers(site), timeout=120, every=1)
    site.ok("up")
    assert free(site)


def test_when_the_api_server_in_use_dies_the_run_continues_through_another(site: Site) -> None:
    stop = "pkill -{} -f '(^|[/ ])kube-apiserver --'"
    node1 = site.node("node1")
    with working(site) as first:
        node1.exec(stop.format("STOP"))
        try:
            wait_until(
                "node2 is in use",
                lambda: "the control plane in use is node2 now" in first.log.read_text(),
                timeout=60,
            )
            assert first.process.poll() is None
        finally:
            node1.exec(stop.format("CONT"))
    assert first.end().status == 0
    assert free(site)


# ---- freeing


def test_unlock_shows_and_frees_what_a_dead_one_left(site: Site) -> None:
    assert "the lock is free" in text(site, "unlock")
    with working(site) as first:
        first.kill()
        pid = first.process.pid

    asked = elsewhere(site, "unlock")
    assert (asked.status, code(asked)) == (7, "KB405")
    shown = [event for event in asked.events if event["event"] == "lock"]
    assert {event["place"] for event in shown} == {"node1", "node2", "Lease kube-system/kbootstrap"}
    assert {event["pid"] for event in shown} == {pid}
    assert not free(site)

    assert elsewhere(site, "unlock", "--yes").status == 0
    assert free(site)
    assert elsewhere(site, "up").status == 0


def test_status_names_and_unlock_deletes_what_a_killed_join_left(site: Site) -> None:
    leave_token(site, "kbootstrap join node3", "abcdef")
    leave_token(site, "Proxy for managing TTL for the kubeadm-certs secret", "ghijkl")
    leave_secret(site, "kubeadm-certs", "Opaque", {"ca.crt": "x"})
    named = ["bootstrap token of the join of node3", "Secret kubeadm-certs"]

    said = site.ok("status").out
    assert all(words in said and END in said for words in named)
    asked = elsewhere(site, "unlock")
    assert (asked.status, code(asked)) == (7, "KB405")
    assert all(words in asked.out for words in named)
    assert site.leftovers()

    assert elsewhere(site, "unlock", "--yes").status == 0
    assert site.leftovers() == []
    assert "kubeadm-certs" not in site.ok("status").out


END = "2099-01-01T00:00:00Z"


def leave_token(site: Site, description: str, name: str) -> None:
    """A bootstrap token, as a run that was killed leaves it."""
    fields = {
        "token-id": name,
        "token-secret": "0123456789abcdef",
        "description": description,
        "expiration": END,
    }
    leave_secret(site, f"bootstrap-token-{name}", "bootstrap.kubernetes.io/token", fields)


def leave_secret(site: Site, name: str, kind: str, fields: dict[str, str]) -> None:
    meta = {"name": name, "namespace": "kube-system"}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": meta}
    path = site.lab.nodes[0].root / "root/secret.json"
    path.write_text(json.dumps(secret | {"stringData": fields}))
    site.kubectl("create", "-f", "/root/secret.json")


def test_unlock_stops_a_run_that_lives(site: Site) -> None:
    with working(site) as first:
        assert elsewhere(site, "unlock", "--yes").status == 0
        result = first.end()

    assert (result.status, [e["code"] for e in result.errors()][-1]) == (7, "KB411")
    assert free(site)
    site.ok("up")


def test_unlock_when_a_control_plane_is_down(site: Site) -> None:
    with working(site) as first:
        first.kill()
    site.node("node2").cut()
    try:
        result = elsewhere(site, "unlock", "--yes")
    finally:
        site.node("node2").reconnect()

    assert result.status == 0, result.out + result.err
    told = [error["node"] for error in result.errors()]  # of two etcd members one is no quorum
    assert told in (["node2"], ["node2", "Lease kube-system/kbootstrap"])
    assert set(records(site)) == {"node2"}
    wait_until("the API is back", lambda: api_answers(site), timeout=120, every=1)
    assert elsewhere(site, "unlock", "--yes").status == 0
    assert free(site)
    site.ok("up")


def test_an_interrupted_run_frees(site: Site) -> None:
    with working(site) as first:
        first.process.send_signal(2)
        result = first.end()
        assert free(site)

    assert result.status == 130
    assert "could not be freed" not in result.out
    site.ok("up")


# ---- leaving


def test_control_planes_leave_without_a_trace(site: Site) -> None:
    site.ok("reset", "node2", "--yes")
    assert free(site)
    site.ok("reset", "--yes", "--destroy-cluster")
    time.sleep(10)  # a renewal would have come by now
    assert records(site) == {}


def text(site: Site, *words: str) -> str:
    """What a command prints for people."""
    command = [word for word in site.command(*words) if word not in {"--output", "json"}]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=site.environment()
    )
    return done.stdout
