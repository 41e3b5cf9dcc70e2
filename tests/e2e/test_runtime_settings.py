"""Changed settings of containerd on a running cluster: the first node alone, or put back there."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.balancer import Asker, asks
from tests.e2e.site import Result, Site
from tests.e2e.upgrades import kill_when
from tests.lab.node import Node

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
NODES = ("node1", "node2", "node3")
CONFIG = "/etc/containerd/config.toml"
KEPT = "/var/lib/kbootstrap/runtime-settings"
CRI = "io.containerd.grpc.v1.cri"
BAD = "not-a-duration"


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """One control plane and two workers, up."""
    site = make_site(f"rt{kind[0]}", 3)
    site.ok("up")
    return site


@pytest.fixture
def client(site: Site) -> Iterator[Asker]:
    """Asks the API all the time, which stops nowhere: containers live on without containerd."""
    host = site.node("node1").address
    with Asker(lambda: asks(host, 6443, "/readyz", tls=True) == 200) as client:
        yield client
    assert len(client.failed) <= client.asked // 50


def write(site: Site, **cri: object) -> None:
    """The inventory with these settings of the CRI plugin."""
    site.write_inventory(runtime={"settings": {"plugins": {CRI: cri}}})


def effective(node: Node) -> str:
    """What the running containerd has read, as it says itself."""
    info = json.loads(node.exec("crictl info").stdout)
    return str(info["config"]["streamIdleTimeout"])


def pid(node: Node) -> str:
    return node.exec("systemctl show containerd -p MainPID --value").stdout.strip()


def pids(site: Site) -> dict[str, str]:
    return {name: pid(site.node(name)) for name in NODES}


def restarted(result: Result) -> list[str]:
    return [
        node for node, phase, text in result.actions if phase == "runtime" and "restart" in text
    ]


def nothing_left(site: Site) -> None:
    again = site.run("up", "--exit-code")
    assert (again.status, again.actions) == (3, []), again.out[-3000:] + again.err
    for name in NODES:
        assert site.node(name).exec(f"ls -d {KEPT}", check=False).stdout == ""
    assert all(site.ready_nodes().values())


def test_a_changed_setting_is_what_runs(site: Site, client: Asker) -> None:
    write(site, stream_idle_timeout="3h0m0s")

    planned = site.ok("up", "--dry-run")
    result = site.ok("up")

    assert planned.plan == result.plan
    assert restarted(result)[0] == "node1"
    assert sorted(restarted(result)) == list(NODES)
    assert {effective(site.node(name)) for name in NODES} == {"3h0m0s"}
    print(
        f"\nstream_idle_timeout on 3 nodes ({site.kind}): {result.seconds:.1f} s,"
        f" {len(client.failed)} of {client.asked} requests failed"
    )
    nothing_left(site)


def test_a_bad_setting_stops_at_the_first_node_and_is_put_back(site: Site, client: Asker) -> None:
    before = pids(site)
    config = site.node("node1").exec(["cat", CONFIG]).stdout
    write(site, stream_idle_timeout=BAD)

    result = site.run("up")

    first = next(error for error in result.errors() if error["code"] != "KB341")
    print(
        f"\na bad setting ({site.kind}): put back after {result.seconds:.1f} s,"
        f" {len(client.failed)} of {client.asked} requests failed"
    )
    print(first["message"], first["detail"], sep="\n")
    assert (first["code"], first["node"], first["phase"]) == ("KB336", "node1", "runtime")
    assert BAD in first["detail"]
    assert "the old configuration is back, and containerd.service works with it" in first["detail"]
    assert site.node("node1").exec(["cat", CONFIG]).stdout == config
    assert {name: pid for name, pid in pids(site).items() if name != "node1"} == {
        name: pid for name, pid in before.items() if name != "node1"
    }
    assert all(site.ready_nodes().values())
    write(site, stream_idle_timeout="3h0m0s")
    nothing_left(site)


@pytest.mark.all_cases  # the same way back as above
def test_a_node_without_its_network_is_put_back(site: Site) -> None:
    write(site, stream_idle_timeout="3h0m0s", cni={"conf_dir": "/etc/no-such-directory"})

    result = site.run("up")

    first = next(error for error in result.errors() if error["code"] != "KB341")
    print(first["message"], first["detail"], sep="\n")
    assert (first["code"], first["node"]) == ("KB336", "node1")
    assert "cni plugin not initialized" in first["detail"]
    write(site, stream_idle_timeout="3h0m0s")
    nothing_left(site)


@pytest.mark.all_cases  # the same way back as above
def test_an_image_that_cannot_be_pulled_is_put_back(site: Site, client: Asker) -> None:
    """Without the image of a pod's sandbox no pod starts any more."""
    before = pids(site)
    with_timeout = {"settings": {"plugins": {CRI: {"stream_idle_timeout": "3h0m0s"}}}}
    site.write_inventory(
        runtime=with_timeout, registry={"pause": f"{site.repository}/pause:no-such-tag"}
    )

    result = site.run("up")

    first = next(error for error in result.errors() if error["code"] != "KB341")
    print(first["message"], first["detail"], sep="\n")
    assert (first["code"], first["node"], first["phase"]) == ("KB336", "node1", "runtime")
    assert "no-such-tag" in first["detail"]
    assert pids(site)["node2"] == before["node2"]
    assert len(client.failed) <= client.asked // 50
    write(site, stream_idle_timeout="3h0m0s")
    nothing_left(site)


def test_killed_with_a_bad_setting_and_corrected(site: Site) -> None:
    """The runtime of a node that has the bad file is restarted with the good one."""
    write(site, stream_idle_timeout=BAD)
    node = site.node("node1")
    reached = ["grep", "-q", BAD, CONFIG]

    kill_when(site, ["up"], lambda: node.exec(reached, check=False).returncode == 0)
    site.write_inventory()
    site.ok("up")

    assert {effective(site.node(name)) for name in NODES} == {"4h0m0s"}
    nothing_left(site)
