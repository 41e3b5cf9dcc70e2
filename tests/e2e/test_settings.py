"""Changed settings of the kubelet on a running cluster: carried out node by node, or put back."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.site import Site
from tests.lab.shell import wait_until
from tests.standin import unknown

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
NODES = ("node1", "node2", "node3")
RUN = "kubelet-settings"


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """One control plane and two workers, up."""
    site = make_site(f"s{kind[0]}", 3)
    site.ok("up")
    return site


def capacity(site: Site) -> set[str]:
    """How many pods each kubelet says that it takes."""
    nodes: dict[str, Any] = json.loads(site.kubectl("get", "nodes", "-o", "json"))
    return {node["status"]["capacity"]["pods"] for node in nodes["items"]}


def shows(site: Site, pods: str) -> None:
    """The kubelets report it within seconds after they are Ready."""
    wait_until(f"every node takes {pods} pods", lambda: capacity(site) == {pods}, timeout=60)


def pid(site: Site, node: str) -> str:
    shown = site.node(node).exec("systemctl show kubelet -p MainPID").stdout
    return shown.strip().partition("=")[2]


def arguments(site: Site, node: str) -> list[str]:
    """Of the running kubelet."""
    path = f"/proc/{pid(site, node)}/cmdline"
    return site.node(node).exec(f"tr '\\0' '\\n' <{path}").stdout.split()


def nothing_left(site: Site) -> None:
    assert site.run("up", "--exit-code").status == 3


def test_changed_settings_are_what_runs(site: Site) -> None:
    site.write_inventory(kubelet={"maxPods": 77}, defaults={"kubelet_args": {"v": "4"}})

    planned = site.ok("up", "--dry-run")
    result = site.ok("up")

    texts = [text for _, phase, text in planned.plan if phase == "kubelet-config"]
    assert sum("maxPods" in text and "-> 77" in text and "--v" in text for text in texts) == 3
    done = [node for node, phase, text in result.actions if "restart it" in text]
    assert done[0] == "node1"
    assert sorted(done) == list(NODES)
    shows(site, "77")
    assert all("--v=4" in arguments(site, node) for node in NODES)
    nothing_left(site)


def test_removed_settings_are_those_of_kubeadm_again(site: Site) -> None:
    site.write_inventory()
    site.ok("up")

    shows(site, "110")
    assert not any("--v=4" in arguments(site, node) for node in NODES)
    config = site.node("node2").exec("cat /var/lib/kubelet/config.yaml").stdout
    assert "maxPods" not in config
    nothing_left(site)


def test_a_bad_field_stops_at_the_first_node_and_is_put_back(site: Site) -> None:
    others = {node: pid(site, node) for node in ("node2", "node3")}
    site.write_inventory(kubelet={"maxPods": -5})

    result = site.run("up")

    (error,) = result.errors()
    assert (error["code"], error["node"]) == ("KB328", "node1")
    assert "maxPods (--max-pods) -5 must not be a negative number" in error["detail"]
    assert {node: pid(site, node) for node in others} == others
    for node in NODES:
        assert "-5" not in site.node(node).exec("cat /var/lib/kubelet/config.yaml").stdout
        assert site.node(node).exec("ls /var/lib/kbootstrap").stdout.count(RUN) == 0
    assert all(site.ready_nodes().values())
    site.write_inventory()
    site.ok("up")
    nothing_left(site)


def test_a_bad_flag_too(site: Site) -> None:
    with site.with_node("node2", kubelet_args={"no-such-flag": "1"}):
        result = site.run("up")
        again = arguments(site, "node2")

    (error,) = result.errors()
    assert (error["code"], error["node"]) == ("KB328", "node2")
    assert "unknown flag: --no-such-flag" in error["detail"]
    assert not any("no-such" in word for word in again)
    site.node("node2").exec(["rm", "-f", str(unknown.RECORD)])  # the flag was meant to be unknown
    site.ok("up")  # kubeadm.yaml on node2 had the flag
    nothing_left(site)


@pytest.mark.parametrize("also_on_the_node", [False, True])
def test_killed_and_the_same_command_finishes(site: Site, also_on_the_node: bool) -> None:  # noqa: FBT001
    pods = 60 + also_on_the_node
    site.write_inventory(kubelet={"maxPods": pods})
    node = site.node("node2")
    process = site.start("up")
    try:
        wait_until(
            "the kubelet of node2 restarts with its new file",
            lambda: (
                node.exec(
                    f"test -d /var/lib/kbootstrap/{RUN} &&"
                    f" grep -q 'maxPods: {pods}' /var/lib/kubelet/config.yaml",
                    check=False,
                ).returncode
                == 0
            ),
            timeout=180,
            every=0.05,
        )
    finally:
        process.kill()
        process.communicate()
    if also_on_the_node:
        node.exec(f"systemctl kill --signal KILL kbootstrap-{RUN}", check=False)

    site.ok("up")

    shows(site, str(pods))
    nothing_left(site)
    assert site.leftovers() == []
