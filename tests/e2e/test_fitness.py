"""A node on which pods would not run, or that cannot reach the cluster, is refused by name.

node1 is a cluster; node2 is fresh, and something is wrong with it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import Result, Site
from tests.lab.snapshot import ORDINARY
from tests.load import within

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]

FLANNEL = "/etc/cni/net.d/10-flannel.conflist"
NETWORK = '{"cniVersion":"0.4.0","name":"cbr0","plugins":[{"type":"bridge","bridge":"cbr0"}]}'
CLOSED = "[Service]\nUMask=0027"
SERVICE_D = "/etc/systemd/system/service.d"


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """A cluster of one, and a second node."""
    site = make_site(f"q{kind[0]}", 2)
    site.write_inventory(site.lab.nodes[:1])
    site.ok("up")
    site.write_inventory()
    return site


def refused(result: Result, code: str, *words: str) -> None:
    """The one error, on node2 and soon."""
    errors = result.errors()
    assert [error["code"] for error in errors] == [code], result.out[-3000:] + result.err
    assert (result.status, errors[0]["node"], errors[0]["phase"]) == (
        6,
        "node2",
        errors[0]["phase"],
    )
    assert result.seconds < within(30)
    for word in words:
        assert word in errors[0]["message"]


@contextmanager
def broken(site: Site, fault: str, repair: str) -> Iterator[None]:
    """node2 with a fault; a refusal changes nothing there."""
    node = site.node("node2")
    node.exec(fault)
    before = node.snapshot()
    try:
        yield
        assert node.snapshot().since(before, (*ORDINARY, "processes *", "active *")) == []
        assert "node2" not in site.ready_nodes()
    finally:
        node.exec(repair)


@pytest.mark.parametrize(
    ("code", "words", "fault", "repair"),
    [
        (
            "KB312",
            ("/etc/resolv.conf",),
            "mv /etc/resolv.conf /root/; ln -s /run/nowhere/resolv.conf /etc/resolv.conf",
            "mv /root/resolv.conf /etc/resolv.conf",
        ),
        (
            "KB313",
            ("cni0", "10.42.1.1/24"),
            "ip link add cni0 type bridge; ip addr add 10.42.1.1/24 dev cni0",
            "ip link delete cni0",
        ),
        (
            "KB314",
            ("containerd.service", "0027"),
            f"mkdir {SERVICE_D}; echo '{CLOSED}' >{SERVICE_D}/umask.conf; systemctl daemon-reload",
            f"rm -r {SERVICE_D}; systemctl daemon-reload",
        ),
        (
            "KB316",
            (":6443", "timed out"),
            "iptables -I OUTPUT -p tcp --dport 6443 -j DROP",
            "iptables -D OUTPUT -p tcp --dport 6443 -j DROP",
        ),
    ],
)
def test_a_fault_of_the_node(
    site: Site, code: str, words: tuple[str, ...], fault: str, repair: str
) -> None:
    with broken(site, fault, repair):
        refused(site.run("join", "node2"), code, *words)


def test_an_address_that_no_interface_has(site: Site) -> None:
    with site.with_node("node2", advertise_address="192.0.2.99"):
        refused(site.run("join", "node2"), "KB315", "192.0.2.99")


def test_one_node_under_two_names(site: Site, tmp_path: Path) -> None:
    second = site.node("node2").address.rsplit(".", 1)[0] + ".99"
    link = "$(ip -o -4 addr show to " + site.node("node2").address + " | awk '{print $2}')"
    data = site.inventory_data()
    data["nodes"].append({"name": "node3", "address": second, "role": "worker"})
    known = tmp_path / "known_hosts"
    known.write_text(site.lab.known_hosts().read_text())
    with broken(site, f"ip addr add {second}/24 dev {link}", f"ip addr del {second}/24 dev {link}"):
        site.save(data)
        try:
            result = site.run("up", "--accept-new-host-keys", known_hosts=known)
        finally:
            site.write_inventory()
    (error,) = result.errors()
    assert (error["code"], error["node"]) == ("KB317", "node3")
    assert "node2 and node3 are the same host" in error["message"]


def test_another_network_is_moved_aside_before_the_join_and_reset_puts_it_back(site: Site) -> None:
    node = site.node("node2")
    node.exec(f"mkdir -p /etc/cni/net.d; echo '{NETWORK}' >{FLANNEL}")
    plan = site.run("join", "node2", "--dry-run").plan
    assert [text for _, phase, text in plan if phase == "fitness"] == [
        f"move aside, until reset: {FLANNEL}"
    ]
    site.ok("join", "node2")
    assert node.exec("ls /etc/cni/net.d").stdout.split() == ["10-kbootstrap.conflist"]
    assert site.run("up", "--exit-code").status == 3

    node.exec(f"echo '{NETWORK}' >{FLANNEL}")
    refused(site.run("up"), "KB313", FLANNEL)
    node.exec(f"rm {FLANNEL}")

    site.ok("reset", "node2", "--yes")
    assert node.exec("ls /etc/cni/net.d").stdout.split() == ["10-flannel.conflist"]
    assert node.exec(f"cat {FLANNEL}").stdout.strip() == NETWORK
    node.exec(f"rm {FLANNEL}")


def test_up_does_not_end_well_while_kube_proxy_does_not_run(site: Site) -> None:
    site.ok("join", "node2")
    good = proxy_image(site, f"{site.repository}/kube-proxy:none")

    dry = site.run("up", "--dry-run", "--exit-code")
    assert dry.status == 4, dry.out
    rows = [event for event in site.run("status").events if event["event"] == "status"]
    assert all("kube-proxy" in row["pods"] for row in rows)
    result = site.run("up")
    assert result.status == 6
    assert {error["code"] for error in result.errors()} == {"KB325"}
    assert all("kube-proxy" in error["detail"] for error in result.errors())
    assert result.seconds < 120  # the deadline is 300 s

    proxy_image(site, good)
    site.ok("up")
    assert site.run("up", "--exit-code").status == 3


def proxy_image(site: Site, image: str) -> str:
    """Have kube-proxy run this image; returns the one it ran."""
    text = site.kubectl("-n", "kube-system", "get", "daemonset", "kube-proxy", "-o", "json")
    live: dict[str, Any] = json.loads(text)
    container = live["spec"]["template"]["spec"]["containers"][0]
    old, container["image"] = container["image"], image
    for key in ("resourceVersion", "uid", "managedFields", "creationTimestamp", "generation"):
        live["metadata"].pop(key, None)
    live.pop("status", None)
    site.lab.nodes[0].exec(["tee", "/root/proxy.json"], stdin=json.dumps(live))
    site.kubectl("apply", "-f", "/root/proxy.json")
    return str(old)
