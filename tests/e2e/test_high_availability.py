"""Control planes behind a balancer, and a worker: one leaves and comes back, then the first one.

Nothing may be initialised a second time, whoever is asked for whatever.
"""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.argv import ArgvSampler
from tests.e2e.balancer import Balancer
from tests.e2e.caught import CaughtSecrets
from tests.e2e.secrets import found_secrets
from tests.e2e.site import Site
from tests.e2e.upgrades import started

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
PORT = 16443
ALL = ("node1", "node2", "node3", "node4")


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Iterator[Site]:
    """Four fresh nodes, and a balancer in front of three of them."""
    site = make_site(f"h{kind[0]}", 4, control_planes=3)
    servers = [(node.address, 6443) for node in site.lab.nodes[:3]]
    with Balancer(site.lab.network.gateway, PORT, servers) as balancer:
        site.extra = {"api": {"endpoint": balancer.endpoint}}
        site.write_inventory()
        yield site


def test_three_control_planes_and_a_worker(site: Site) -> None:
    result = site.ok("up")

    assert site.ready_nodes() == dict.fromkeys(ALL, True)
    assert site.etcd_members() == {"node1", "node2", "node3"}
    assert site.leftovers() == []
    assert site.run("up", "--exit-code").status == 3
    print(f"\nup, 3 control planes and 1 worker ({site.kind}): {result.seconds:.1f} s")


def test_a_control_plane_leaves_with_its_etcd_member(site: Site) -> None:
    start = time.time()

    result = site.ok("reset", "node3", "--yes")

    assert site.etcd_members() == {"node1", "node2"}
    assert set(site.ready_nodes()) == {"node1", "node2", "node4"}
    for name in ("node2", "node4"):
        assert site.node(name).contacts(after=start) == []
    print(f"\nreset of a control plane ({site.kind}): {result.seconds:.1f} s")


def test_it_joins_again_and_no_other_node_is_contacted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a login whose sudo asks for a password; nothing secret is seen or stays anywhere."""
    password = site.lab.sudo_password
    monkeypatch.setenv("LAB_SUDO", password)
    start = time.time()

    with (
        site.with_node("node3", ssh={"user": "opspw", "become_password": {"env": "LAB_SUDO"}}),
        ArgvSampler(site.lab) as sampler,
        CaughtSecrets(site.node("node3")) as caught,
    ):
        result = site.ok("join", "node3")

    assert sampler.samples > 100
    assert any("kubeadm join --config" in line for line in sampler.lines)
    assert set(caught.values) == {"token", "certificateKey"}
    secrets = {password, *caught.values.values()}
    assert sampler.secrets(secrets) == []
    assert not any(secret in result.out + result.err for secret in secrets)
    assert found_secrets(site, secrets) == []
    assert site.etcd_members() == {"node1", "node2", "node3"}
    assert site.ready_nodes() == dict.fromkeys(ALL, True)
    assert site.leftovers() == []
    for name in ("node2", "node4"):
        assert site.node(name).contacts(after=start) == []
    print(f"\njoin of a control plane ({site.kind}): {result.seconds:.1f} s")


def test_another_operator_resumes_without_our_files(site: Site) -> None:
    site.kubeconfig.unlink()
    elsewhere = site.folder / "another-machine"
    elsewhere.mkdir()
    inventory = elsewhere / "inventory.yaml"
    inventory.write_text(site.inventory.read_text())

    plan = site.run("up", str(inventory), "--dry-run")

    assert [phase for _, phase, _ in plan.plan] == ["kubeconfig"]


def test_the_first_leaves(site: Site) -> None:
    site.ok("reset", "node1", "--yes")

    config = "--kubeconfig /etc/kubernetes/admin.conf"
    left = site.node("node2").exec(f"kubectl {config} get nodes -o name").stdout.split()
    assert sorted(left) == [f"node/{name}" for name in ALL[1:]]


def test_no_run_initialises_a_second_cluster(site: Site) -> None:
    """With the others cut off it is not known whether they hold the cluster: it is refused."""
    for name in ALL[1:3]:
        site.node(name).cut()
    try:
        result = site.run("up", "--limit", "node1")
    finally:
        for name in ALL[1:3]:
            site.node(name).reconnect()

    assert result.status == 5
    assert {error["code"] for error in result.errors()} == {"KB201"}
    assert site.node("node1").exec("ls /etc/kubernetes", check=False).returncode == 2


def test_the_first_joins_the_others(site: Site) -> None:
    before = started(site.node("node1"), "init")

    site.ok("up")

    assert site.ready_nodes() == dict.fromkeys(ALL, True)
    assert started(site.node("node1"), "init") == before
    assert started(site.node("node1"), "join") == 1
    assert site.run("up", "--exit-code").status == 3
