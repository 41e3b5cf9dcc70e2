"""Reset where something is missing: the node, kubeadm, our own state, the API, a quorum.

Three control planes and two workers; the tests of this file build on each other.
"""

import time
from collections.abc import Callable

import pytest

from tests.e2e.kept import PLACES, left_by_reset
from tests.e2e.site import Result, Site
from tests.faults.invariants import MEMBERS
from tests.lab.node import Node
from tests.lab.shell import wait_until
from tests.lab.snapshot import Snapshot

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
FORWARD = "net.ipv4.ip_forward"


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """Five fresh nodes, on one of which forwarding is off; a silent one is soon NotReady."""
    soon = {"controller_manager": {"node-monitor-grace-period": ["20s"]}}
    extra = {"kubeadm": {"extra_args": soon}}
    site = make_site(f"r{kind[0]}", 5, control_planes=3, extra=extra)
    site.node("node5").exec(f"sysctl -qw {FORWARD}=0")
    return site


@pytest.fixture(scope="module")
def fresh(site: Site) -> dict[str, Snapshot]:
    """Before anything happened to them."""
    return {node.name: node.snapshot() for node in site.lab.nodes}


def refused(result: Result, code: str) -> None:
    assert result.status == 7, result.out + result.err
    assert result.errors()[0]["code"] == code, result.errors()


def assert_no_kubernetes(node: Node) -> None:
    assert node.exec("pgrep -x kubelet", check=False).returncode == 1
    assert node.exec("ls /etc/kubernetes /var/lib/kbootstrap", check=False).stdout == ""


def forwarding(node: Node) -> str:
    return node.exec(f"sysctl -n {FORWARD}").stdout.strip()


def test_a_half_installed_node(site: Site, fresh: dict[str, Snapshot]) -> None:
    site.ok("up", "--limit", "control-plane")
    site.ok("up", "--limit", "node4", "--until", "kubeadm-config")

    site.ok("reset", "node4", "--yes")

    assert left_by_reset(site.node("node4"), fresh["node4"]) == []


def test_running_values_come_back_when_asked_for(site: Site, fresh: dict[str, Snapshot]) -> None:
    node = site.node("node5")
    site.ok("up", "--limit", "node5")
    assert forwarding(node) == "1"

    site.ok("reset", "node5", "--yes")
    assert forwarding(node) == "1"

    node.exec(f"sysctl -qw {FORWARD}=0")
    site.ok("up", "--limit", "node5")
    result = site.ok("reset", "node5", "--yes", "--restore-host")
    assert forwarding(node) == "0"
    assert left_by_reset(site.node("node5"), fresh["node5"]) == []
    assert "images and packages" in "".join(e.get("text", "") for e in result.events)


def test_without_kubeadm_and_without_our_state(site: Site) -> None:
    site.ok("up", "--limit", "node5")
    node = site.node("node5")
    node.exec("rm -rf /usr/local/bin/kubeadm /var/lib/kbootstrap")

    site.ok("reset", "node5", "--yes")

    assert "node5" not in site.ready_nodes()
    assert_no_kubernetes(node)
    site.ok("up", "--limit", "node5")
    assert site.ready_nodes()["node5"]


def test_a_member_that_is_being_reset_is_not_asked_for_a_snapshot(site: Site) -> None:
    """A run that was killed meanwhile took one before: its etcd may end while it is asked."""
    node, run = site.node("node1"), "/var/lib/kbootstrap/run/reset"

    def asked() -> list[str]:
        plan = site.run("reset", "--dry-run").plan
        return [name for name, phase, _ in plan if phase == "etcd-snapshot"]

    assert asked() == ["node1"]
    node.exec(
        f"mkdir -p {run}; echo another >{run}/run_id;"
        " setsid tail -f /dev/null >/dev/null 2>&1 & pid=$!;"
        f" set -- $(cat /proc/$pid/stat); echo $pid ${{22}} >{run}/pid"
    )
    try:
        assert asked() == ["node2"]
    finally:
        node.exec(f"kill $(cut -d ' ' -f 1 {run}/pid); rm -r {run}")


def test_a_learner_that_never_started_is_named_and_removed(site: Site) -> None:
    """What a join leaves whose etcd could not run; it has no name yet, only a peer URL."""
    site.ok("reset", "node3", "--yes")
    url = f"https://{site.node('node3').address}:2380"
    body = f'{{"peerURLs": ["{url}"], "isLearner": true}}'
    added = MEMBERS.replace("/list", "/add").replace("'{}'", f"'{body}'")
    assert "peerURLs" in site.node("node1").exec(added).stdout

    (found,) = [e for e in site.run("status").events if e["event"] == "etcd"]
    assert found["member"] == url
    assert "node3 is not in the cluster; it has never started" in found["why"]
    result = site.ok("reset", "node3", "--unreachable", "--yes")

    assert len(result.plan) == 1
    assert url not in site.node("node1").exec(MEMBERS).stdout
    site.ok("join", "node3")
    assert site.etcd_members() == {"node1", "node2", "node3"}


def test_a_node_that_is_not_gone_is_not_forgotten(site: Site) -> None:
    refused(site.run("reset", "node5", "--unreachable", "--yes"), "KB407")


def test_a_control_plane_that_is_gone(site: Site) -> None:
    node = site.node("node3")
    node.kill()
    wait_until("node3 is not Ready", lambda: not site.ready_nodes()["node3"], timeout=120)
    start = time.time()

    result = site.ok("reset", "node3", "--unreachable", "--yes")

    assert site.etcd_members() == {"node1", "node2"}
    assert "node3" not in site.ready_nodes()
    for name in ("node2", "node5"):
        assert site.node(name).contacts(after=start) == []
    print(f"\nreset of a dead control plane ({site.kind}): {result.seconds:.1f} s")


def test_it_comes_back_and_is_cleaned(site: Site, fresh: dict[str, Snapshot]) -> None:
    site.node("node3").start()

    site.ok("reset", "node3", "--yes")
    left = left_by_reset(site.node("node3"), fresh["node3"])
    assert [line for line in left if PLACES.match(line)] == []

    site.ok("join", "node3")
    assert site.etcd_members() == {"node1", "node2", "node3"}


def test_the_quorum_is_preserved(site: Site) -> None:
    site.node("node2").kill()
    try:
        wait_until("node2 is not Ready", lambda: not site.ready_nodes()["node2"], timeout=120)
        result = site.run("reset", "node3", "--yes")
        refused(result, "KB430")
        assert "node2" in result.errors()[0]["detail"]
        assert site.run("up", "--limit", "node5", "--exit-code").status == 3
    finally:
        site.node("node2").start()
    wait_until("node2 is Ready", lambda: site.ready_nodes()["node2"], timeout=120)
    assert site.etcd_members() == {"node1", "node2", "node3"}


def test_the_cluster_is_gone(site: Site) -> None:
    for name in ("node1", "node2", "node3"):
        site.node(name).kill()

    result = site.run("reset", "node5", "--yes")
    refused(result, "KB406")
    site.ok("reset", "node5", "--yes", "--without-api")

    assert_no_kubernetes(site.node("node5"))
