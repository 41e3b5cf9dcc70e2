"""Changed settings of kube-proxy, and kubeadm's addons off and on, on a running cluster."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.e2e.site import Result, Site
from tests.e2e.upgrades import kill_when
from tests.standin.kubelet.proxy import LOADED

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("as_root"),
]
NODES = ("node1", "node2")
SYSTEM = ("-n", "kube-system")
BEFORE = "kbootstrap.io/before"
BAD = "no-address"
MASQUERADE = {"iptables": {"masqueradeAll": True}}


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """One control plane and one worker, up."""
    site = make_site(f"kp{kind[0]}", 2)
    site.ok("up")
    return site


def write(site: Site, **fields: Any) -> None:
    site.write_inventory(kube_proxy=fields)


def runs(site: Site, node: str) -> str:
    """The configuration of the process on a node, without spaces and capitals."""
    ask = "curl -s http://localhost:10249/configz" if site.kind == "real" else f"cat {LOADED}"
    text = site.node(node).exec(ask).stdout.lower()
    return text.replace(" ", "").replace('"', "")


def pods(site: Site) -> dict[str, dict[str, Any]]:
    """kube-proxy's pods by their nodes."""
    text = site.kubectl(*SYSTEM, "get", "pods", "-l", "k8s-app=kube-proxy", "-o", "json")
    return {pod["spec"]["nodeName"]: pod for pod in json.loads(text)["items"]}


def uids(site: Site) -> dict[str, str]:
    return {node: pod["metadata"]["uid"] for node, pod in pods(site).items()}


def stored(site: Site) -> dict[str, Any]:
    found = site.kubectl(*SYSTEM, "get", "configmap", "kube-proxy", "-o", "json")
    return dict(yaml.safe_load(json.loads(found)["data"]["config.conf"]))


def daemon_set(site: Site) -> dict[str, Any]:
    return dict(json.loads(site.kubectl(*SYSTEM, "get", "daemonset", "kube-proxy", "-o", "json")))


def names(site: Site) -> set[str]:
    """What the cluster has of addons."""
    plain = ("deployments", "daemonsets", "services", "configmaps", "serviceaccounts", "roles")
    found = [site.kubectl(*SYSTEM, "get", kind, "-o", "name") for kind in (*plain, "rolebindings")]
    wide = ("clusterroles", "clusterrolebindings")
    found += [site.kubectl("get", kind, "-o", "name") for kind in wide]
    lines = {line for text in found for line in text.split()}
    return {line for line in lines if line.endswith(("dns", "kube-proxy", "kubeadm:node-proxier"))}


def nothing_left(site: Site) -> None:
    again = site.run("up", "--exit-code")
    assert (again.status, again.actions) == (3, []), again.out[-3000:] + again.err
    live = daemon_set(site)
    assert live["spec"]["updateStrategy"]["type"] == "RollingUpdate"
    assert BEFORE not in (live["metadata"].get("annotations") or {})


def texts(result: Result, phase: str) -> list[str]:
    return [text for _, one, text in result.actions if one == phase]


def test_a_changed_field_is_what_runs(site: Site) -> None:
    before = uids(site)
    write(site, **MASQUERADE)

    planned = site.ok("up", "--dry-run")
    result = site.ok("up")

    shown = [text for _, phase, text in planned.plan if phase == "kube-proxy"]
    assert shown == texts(result, "kube-proxy")
    assert "iptables.masqueradeAll" in shown[0]
    assert shown[0].endswith("-> true")
    assert all("masqueradeall:true" in runs(site, node) for node in NODES)
    assert not set(uids(site).values()) & set(before.values())
    print(f"\nmasqueradeAll on 2 nodes ({site.kind}): {result.seconds:.1f} s")
    nothing_left(site)


def test_a_removed_field_is_that_of_kubeadm_again(site: Site) -> None:
    site.write_inventory()

    result = site.ok("up")

    assert all("masqueradeall:true" not in runs(site, node) for node in NODES)
    assert all("masqueradeall" in runs(site, n) or site.kind == "standin" for n in NODES)
    print(f"\nremoved again ({site.kind}): {result.seconds:.1f} s")
    nothing_left(site)


def test_a_bad_address_stops_at_the_first_pod_and_is_put_back(site: Site) -> None:
    before, config = uids(site), stored(site)
    write(site, bindAddress=BAD)

    result = site.run("up")

    (error,) = result.errors()
    print(f"\na bad address ({site.kind}): put back after {result.seconds:.1f} s")
    print(error["message"], error["detail"], sep="\n")
    assert (error["code"], error["phase"]) == ("KB327", "kube-proxy")
    assert 'Invalid value: "no-address"' in error["detail"].replace("\\", "")
    assert "the old ConfigMap is back, and kube-proxy runs with it" in error["detail"]
    assert stored(site) == config
    after = uids(site)
    assert (after["node1"] != before["node1"], after["node2"]) == (True, before["node2"])
    site.write_inventory()
    corrected = site.ok("up")
    assert texts(corrected, "kube-proxy") == []
    nothing_left(site)


@pytest.mark.parametrize(
    "at", [pytest.param("the ConfigMap", marks=pytest.mark.all_cases), "the first pod"]
)
def test_killed_and_the_same_command_finishes(site: Site, at: str) -> None:
    value = at == "the ConfigMap"
    write(site, iptables={"localhostNodePorts": not value, "masqueradeAll": value})
    old = uids(site)

    def reached() -> bool:
        if at == "the ConfigMap":
            return bool(stored(site).get("iptables", {}).get("masqueradeAll")) is value
        return uids(site).get("node1", old["node1"]) != old["node1"]

    kill_when(site, ["up"], reached)
    assert BEFORE in daemon_set(site)["metadata"]["annotations"]
    result = site.ok("up")

    wanted = f"localhostnodeports:{not value}".lower()
    assert all(wanted in runs(site, node) for node in NODES)
    print(f"\nkilled at {at} ({site.kind}): done {result.seconds:.1f} s later")
    nothing_left(site)


@pytest.mark.all_cases  # each of the two is tried alone above
def test_killed_with_a_bad_address_and_corrected(site: Site) -> None:
    """Only the pod that was replaced is replaced again."""
    site.write_inventory()
    site.ok("up")
    old = uids(site)
    write(site, bindAddress=BAD)
    kill_when(site, ["up"], lambda: uids(site).get("node1", old["node1"]) != old["node1"])
    site.write_inventory()

    site.ok("up")

    assert uids(site)["node2"] == old["node2"]
    assert stored(site)["bindAddress"] != BAD
    nothing_left(site)


@pytest.mark.all_cases  # a changed field is rolled out above
def test_a_config_map_that_was_changed_by_hand_is_rolled_out(site: Site) -> None:
    old = uids(site)
    live = json.loads(site.kubectl(*SYSTEM, "get", "configmap", "kube-proxy", "-o", "json"))
    data = yaml.safe_load(live["data"]["config.conf"])
    data["oomScoreAdj"] = -998
    live["data"]["config.conf"] = yaml.safe_dump(data)
    live["metadata"] = {"name": "kube-proxy", "namespace": "kube-system"}
    site.lab.nodes[0].exec(["tee", "/root/map.json"], stdin=json.dumps(live))
    site.kubectl("apply", "-f", "/root/map.json")

    result = site.run("up")

    assert result.status == 9  # what others set is retained, and named
    assert [text.split(":")[0] for text in texts(result, "kube-proxy")] == ["roll kube-proxy out"]
    assert all("oomscoreadj:-998" in runs(site, node) for node in NODES)
    assert not set(uids(site).values()) & set(old.values())
    assert site.run("up").actions == []
    write(site, oomScoreAdj=-998)
    site.ok("up")
    site.write_inventory()
    site.ok("up")
    nothing_left(site)


@pytest.mark.all_cases  # test_every_key.py switches it
def test_kube_proxy_off_and_on_again(site: Site) -> None:
    there = names(site)
    data = site.inventory_data()
    del data["kube_proxy"]
    data["addons"] = {"dns": False, "kube_proxy": False}
    site.save(data)

    planned = site.ok("up", "--dry-run")
    off = site.ok("up")

    (remove, switch) = texts(off, "addons")
    assert [text for _, phase, text in planned.plan if phase == "addons"] == [remove, switch]
    assert remove.startswith("remove kube-proxy from the cluster: DaemonSet kube-proxy")
    assert {name for name in names(site) if "prox" in name} == {
        name for name in there if name.endswith("system:node-proxier")
    }
    assert site.run("up", "--exit-code").status == 3
    site.write_inventory()
    on = site.ok("up")
    assert "kubeadm init phase addon kube-proxy" in texts(on, "addons")
    assert names(site) == there
    print(f"\nkube-proxy off {off.seconds:.1f} s, on {on.seconds:.1f} s ({site.kind})")
    nothing_left(site)


@pytest.mark.all_cases  # test_every_key.py switches it
def test_dns_on_off_and_on_again(site: Site) -> None:
    without = names(site)
    for _ in range(2):
        site.write_inventory(addons={"dns": True})
        on = site.ok("up")
        assert "kubeadm init phase addon coredns" in texts(on, "addons")
        assert len(names(site) - without) == 6
        nothing_left(site)
        site.write_inventory()
        off = site.ok("up")
        assert [text.split(" ")[0] for text in texts(off, "addons")] == ["remove", "disable"]
        assert names(site) == without
        nothing_left(site)
