"""`replace`: a reinstalled worker, a dead control plane, the first one, another address, kills.

Three control planes behind a balancer and a worker; the tests of this file build on each other.
"""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.balancer import Balancer
from tests.e2e.site import Result, Site
from tests.e2e.upgrades import kill_when, runs
from tests.lab.node import Node
from tests.lab.shell import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root"), pytest.mark.timeout(1800)]
PORT = 16443
ALL = ("node1", "node2", "node3", "node4")
PLANES = set(ALL[:3])


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Iterator[Site]:
    """A cluster in which a silent node is soon NotReady."""
    site = make_site(f"rp{kind[0]}", 4, control_planes=3)
    servers = [(node.address, 6443) for node in site.lab.nodes[:3]]
    with Balancer(site.lab.network.gateway, PORT, servers) as balancer:
        soon = {"controller_manager": {"node-monitor-grace-period": ["20s"]}}
        site.extra = {"api": {"endpoint": balancer.endpoint}, "kubeadm": {"extra_args": soon}}
        site.write_inventory()
        site.ok("up")
        yield site


def whole(site: Site) -> None:
    """Every node and member is there, and neither command has anything left to do."""
    assert site.ready_nodes() == dict.fromkeys(ALL, True)
    assert site.etcd_members() == PLANES
    assert site.leftovers() == []
    assert site.run("up", "--exit-code").status == 3


def uid(site: Site, name: str) -> str:
    return site.kubectl("get", "node", name, "-o", "jsonpath={.metadata.uid}")


def replaced(site: Site, name: str) -> Result:
    """The command, what it did, and that it does nothing again."""
    before, start = uid(site, name), time.time()

    result = site.ok("replace", name, "--yes")

    assert uid(site, name) != before
    for other in set(ALL) - {name, "node1", "node2"}:
        assert site.node(other).contacts(after=start) == []
    again = site.run("replace", name, "--exit-code")
    assert (again.status, again.plan) == (3, []), again.out[-3000:]
    whole(site)
    print(f"\nreplace {name} ({site.kind}): {result.seconds:.1f} s")
    return result


def test_a_member_as_it_should_be_is_not_replaced(site: Site) -> None:
    before = {name: uid(site, name) for name in ALL}

    for name in ("node1", "node4"):
        result = site.run("replace", name, "--exit-code")
        assert (result.status, result.plan) == (3, []), result.out[-3000:]

    assert {name: uid(site, name) for name in ALL} == before


def test_a_worker_that_was_reinstalled(site: Site) -> None:
    site.lab.reinstall("node4")
    plan = site.run("replace", "node4", "--dry-run", "--exit-code")
    assert plan.status == 4
    assert plan.plan[0] == ("node4", "node-object", "delete the Node object")

    done = replaced(site, "node4")

    assert sorted(done.actions) == sorted(plan.plan)


def test_without_a_yes_nothing_changes(site: Site) -> None:
    site.lab.reinstall("node3")
    before = uid(site, "node3")

    result = site.run("replace", "node3")

    assert (result.status, [e["code"] for e in result.errors()]) == (7, ["KB405"])
    assert uid(site, "node3") == before
    assert site.etcd_members() == PLANES


def test_a_control_plane_that_was_reinstalled(site: Site) -> None:
    replaced(site, "node3")


def test_the_first_control_plane(site: Site) -> None:
    """It is dead at first, which the error says; then it is there with an empty disk."""
    site.node("node1").kill()
    dead = site.run("replace", "node1", "--yes")
    assert (dead.status, dead.errors()[0]["code"]) == (5, "KB201")
    site.lab.reinstall("node1")

    result = site.ok("replace", "node1", "--yes")

    assert site.run("replace", "node1", "--exit-code").status == 3
    whole(site)
    print(f"\nreplace of the first control plane ({site.kind}): {result.seconds:.1f} s")


def comes_from(node: Node, address: str) -> None:
    """Etcd compares the address that a peer comes from with its certificate."""
    subnet = f"{address.rpartition('.')[0]}.0/24"
    node.exec(f"ip route replace {subnet} dev eth0 proto kernel scope link src {address}")


def test_another_address_with_the_old_member_running(site: Site) -> None:
    node = site.node("node3")
    address = f"{node.address.rpartition('.')[0]}.203"
    node.exec(f"ip address add {address}/24 dev eth0")
    comes_from(node, address)

    with site.with_node("node3", advertise_address=address):
        refused = site.run("up", "--limit", "node3")
        assert [e["code"] for e in refused.errors()] == ["KB440"]
        assert "kbootstrap replace node3" in refused.errors()[0]["detail"]
        replaced(site, "node3")
        nodes = json.loads(site.kubectl("get", "node", "node3", "-o", "json"))
        assert address in {one["address"] for one in nodes["status"]["addresses"]}

    comes_from(node, node.address)
    replaced(site, "node3")


def test_killed_twice(site: Site) -> None:
    """A control plane whose kubeconfig is lost, and which runs."""
    node, words = site.node("node2"), ["replace", "node2", "--yes"]
    before = uid(site, "node2")
    node.exec("rm /etc/kubernetes/kubelet.conf")
    refused = site.run("up", "--limit", "node2")
    assert "kbootstrap replace node2" in refused.errors()[0]["detail"], refused.out[-3000:]

    kill_when(site, words, lambda: runs(node, "kubeadm reset"))
    kill_when(site, words, lambda: runs(node, "kubeadm join"))
    site.ok(*words)

    assert uid(site, "node2") != before
    assert site.run("replace", "node2", "--exit-code").status == 3
    whole(site)


def test_the_quorum_is_preserved(site: Site) -> None:
    site.node("node2").kill()
    site.node("node3").exec("rm /etc/kubernetes/kubelet.conf")
    try:
        wait_until("node2 is not Ready", lambda: not site.ready_nodes()["node2"], timeout=120)
        result = site.run("replace", "node3", "--yes")
        assert (result.status, result.errors()[0]["code"]) == (7, "KB430"), result.out[-3000:]
    finally:
        site.node("node2").start()
    wait_until("node2 is Ready", lambda: site.ready_nodes()["node2"], timeout=120)
    assert site.etcd_members() == PLANES

    replaced(site, "node3")
