"""The first control plane of the inventory leaves; the others keep the cluster; it comes back.

Nothing may be initialised a second time, whoever is asked for whatever.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.balancer import Balancer
from tests.e2e.site import Site
from tests.e2e.upgrades import started

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
PORT = 16443
ALL = ("node1", "node2", "node3")


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Iterator[Site]:
    """Three control planes behind a balancer."""
    site = make_site(f"a{kind[0]}", 3, control_planes=3)
    servers = [(node.address, 6443) for node in site.lab.nodes]
    with Balancer(site.lab.network.gateway, PORT, servers) as balancer:
        site.extra = {"api": {"endpoint": balancer.endpoint}}
        site.write_inventory()
        site.ok("up")
        yield site


def test_it_leaves(site: Site) -> None:
    site.ok("reset", "node1", "--yes")

    config = "--kubeconfig /etc/kubernetes/admin.conf"
    left = site.node("node2").exec(f"kubectl {config} get nodes -o name").stdout.split()
    assert sorted(left) == ["node/node2", "node/node3"]


def test_nobody_initialises_a_second_cluster(site: Site) -> None:
    """With the others cut off nobody can tell whether they hold the cluster: it is refused."""
    for name in ("node2", "node3"):
        site.node(name).cut()
    try:
        result = site.run("up", "--limit", "node1")
    finally:
        for name in ("node2", "node3"):
            site.node(name).mend()

    assert result.status == 5
    assert {error["code"] for error in result.errors()} == {"KB201"}
    assert site.node("node1").exec("ls /etc/kubernetes", check=False).returncode == 2


def test_it_joins_the_others(site: Site) -> None:
    before = started(site.node("node1"), "init")

    site.ok("up")

    assert site.ready_nodes() == dict.fromkeys(ALL, True)
    assert started(site.node("node1"), "init") == before
    assert started(site.node("node1"), "join") == 1
    assert site.run("up", "--exit-code").status == 3
