"""Moves the endpoint of a running cluster: from its one control plane to a name of a balancer.

Killed five times on the way and continued; afterwards two control planes more join. Clients that
use the old endpoint are served all the time.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from kbootstrap.model.document import merged
from tests.e2e.balancer import Asker, Balancer, asks
from tests.e2e.site import Result, Site
from tests.e2e.upgrades import SECONDS, kill_when, started
from tests.lab.node import Node

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("as_root"),
]
PORT = 16443
NAME = "api.lab.test"
NEW = f"{NAME}:{PORT}"
PLANES = ("node1", "node2", "node3")
SANS = ["api.example.test", "other.example.test"]
CRT = "/etc/kubernetes/pki/apiserver.crt"
CHANGED = {"control-plane", "endpoint", "endpoint-files", "control-plane-config"}


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Iterator[Site]:
    """A control plane and a worker, whose endpoint is the address of the control plane."""
    site = make_site(f"e{kind[0]}", 4, control_planes=3)
    gateway = site.lab.network.gateway
    for node in site.lab.nodes:
        node.exec(f"echo '{gateway} {NAME}' >>/etc/hosts")
    servers = [(node.address, 6443) for node in site.lab.nodes[:3]]
    with Balancer(gateway, PORT, servers) as balancer:
        assert balancer.endpoint.endswith(f":{PORT}")
        write(site, old(site))
        result = site.ok("up")
        print(f"\nup, 1 control plane and 1 worker ({site.kind}): {result.seconds:.1f} s")
        yield site


def old(site: Site) -> str:
    return f"{site.node('node1').address}:6443"


def write(site: Site, endpoint: str, planes: int = 1, **api: Any) -> None:
    """The inventory with this endpoint, node4 as worker, and so many control planes."""
    site.write_inventory(api={"endpoint": endpoint, **api})
    data = site.inventory_data()
    names = {*PLANES[:planes], "node4"}
    data["nodes"] = [node for node in data["nodes"] if node["name"] in names]
    site.save(data)


def asking(site: Site) -> Asker:
    """A client of the old endpoint, every tenth of a second."""
    host = site.node("node1").address
    return Asker(lambda: asks(host, 6443, "/readyz", tls=True) == 200)


def server(node: Node, name: str) -> str:
    """The server that a kubeconfig on a node names."""
    text = node.exec(["cat", f"/etc/kubernetes/{name}.conf"], check=False).stdout
    found = yaml.safe_load(text) if text else {"clusters": [{"cluster": {"server": ""}}]}
    return str(found["clusters"][0]["cluster"]["server"]).removeprefix("https://")


def config_map(site: Site, namespace: str, name: str, entry: str) -> Any:
    found = site.kubectl("-n", namespace, "get", "configmap", name, "-o", "json")
    return yaml.safe_load(json.loads(found)["data"].get(entry, "{}"))


def named(site: Site) -> dict[str, str]:
    """What names an endpoint, and which."""
    info = config_map(site, "kube-public", "cluster-info", "kubeconfig")
    proxy = config_map(site, "kube-system", "kube-proxy", "kubeconfig.conf")
    stored = config_map(site, "kube-system", "kubeadm-config", "ClusterConfiguration")
    first, operator = site.node("node1"), yaml.safe_load(site.kubeconfig.read_text())
    urls = {
        "cluster-info": info["clusters"][0]["cluster"]["server"],
        "kube-proxy": proxy["clusters"][0]["cluster"]["server"],
        "operator": operator["clusters"][0]["cluster"]["server"],
    }
    return {
        **{name: url.removeprefix("https://") for name, url in urls.items()},
        "stored": stored["controlPlaneEndpoint"],
        "worker": server(site.node("node4"), "kubelet"),
        "admin": server(first, "admin"),
        "super-admin": server(first, "super-admin"),
    }


def proxies(site: Site) -> set[str]:
    """The names of kube-proxy's pods that are not on their way out."""
    words = ("-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-proxy", "-o", "json")
    items = json.loads(site.kubectl(*words))["items"]
    return {i["metadata"]["name"] for i in items if not i["metadata"].get("deletionTimestamp")}


def nothing_left(site: Site) -> None:
    """The second `up` does nothing, and no change is open on a node."""
    again = site.run("up", "--exit-code")
    assert (again.status, again.actions) == (3, []), again.out[-3000:] + again.err
    for node in site.lab.nodes:
        assert node.exec("ls -d /var/lib/kbootstrap/endpoint", check=False).stdout == ""
        assert node.exec("ls /etc/kubernetes/*.kb", check=False).stdout == ""


def phases(result: Result) -> set[str]:
    return {phase for _, phase, _ in result.actions}


def test_an_endpoint_that_does_not_answer_is_refused(site: Site) -> None:
    before = named(site)
    write(site, f"{NAME}:1")

    result = site.run("up", seconds=SECONDS)

    (first, *_) = (error for error in result.errors() if error["code"] == "KB347")
    print(first["message"], first["detail"], sep="\n")
    assert "refused" in first["detail"]
    assert {error["node"] for error in result.errors()} == {"node1", "node4"}
    assert result.actions == []
    assert named(site) == before
    limited = site.run("up", "--limit", "node4", seconds=SECONDS)
    assert "KB440" in {error["code"] for error in limited.errors()}
    assert limited.actions == []


def test_killed_on_the_way_and_continued(site: Site) -> None:
    """Endpoint and names of the certificate at once; then two control planes join in one `up`."""
    before, restarts = named(site), proxies(site)
    assert set(before.values()) == {old(site)}
    local = server(site.node("node1"), "kubelet")
    write(site, NEW, planes=3, cert_sans=SANS)
    first, worker = site.node("node1"), site.node("node4")
    has_name = f"openssl x509 -in {CRT} -noout -text | grep -q {NAME}"
    kills: dict[str, Callable[[], bool]] = {
        "the certificate is made": lambda: first.exec(has_name, check=False).returncode == 0,
        "cluster-info is changed": lambda: NEW in str(named(site)["cluster-info"]),
        "kube-proxy's pods restart": lambda: proxies(site) != restarts,
        "the worker's kubelet restarts": lambda: started(worker, "kubelet-endpoint") > 0,
        "the second control plane joins": lambda: (
            site.node("node2").exec(["pgrep", "-f", "kubeadm join "], check=False).returncode == 0
        ),
    }
    spent = 0.0
    with asking(site) as client:
        for happens in kills.values():
            kill_when(site, ["up"], happens)
        result = site.ok("up")
        spent += result.seconds

    print(
        f"\nkilled {len(kills)} times, then done in {result.seconds:.1f} s ({site.kind}):"
        f" {len(client.failed)} of {client.asked} requests to the old endpoint failed,"
        f" longest {client.longest:.1f} s"
    )
    assert set(named(site).values()) == {NEW}
    assert server(first, "kubelet") == local
    assert server(first, "scheduler") == old(site)
    assert site.ready_nodes() == dict.fromkeys((*PLANES, "node4"), True)
    assert site.etcd_members() == set(PLANES)
    assert server(site.node("node2"), "admin") == NEW
    names = first.exec(["openssl", "x509", "-in", CRT, "-noout", "-text"]).stdout
    assert all(name in names for name in (NAME, *SANS, first.address))
    assert len(client.failed) <= client.asked // 20
    nothing_left(site)


@pytest.mark.all_cases  # the same steps with the names exchanged
def test_moved_back_the_same_way(site: Site) -> None:
    write(site, old(site), planes=3, cert_sans=SANS)

    with asking(site) as client:
        result = site.ok("up")

    print(
        f"\nmoved back ({site.kind}): {result.seconds:.1f} s, {len(client.failed)} of"
        f" {client.asked} requests failed"
    )
    assert phases(result) - {"kubeadm-config"} <= CHANGED | {"kubeconfig"}
    assert set(named(site).values()) == {old(site)}
    assert server(site.node("node2"), "admin") == old(site)
    assert server(site.node("node2"), "kubelet") == f"{site.node('node2').address}:6443"
    nothing_left(site)


@pytest.mark.all_cases  # both directions are moved above
def test_moved_in_one_run(site: Site) -> None:
    """The time that it takes, and what a worker that was off gets when it is back."""
    write(site, NEW, planes=3, cert_sans=SANS)
    site.node("node4").cut()
    try:
        with asking(site) as client:
            result = site.run("up", seconds=SECONDS)
    finally:
        site.node("node4").reconnect()

    assert result.status == 5, result.out[-3000:] + result.err
    print(
        f"\nmoved without the worker ({site.kind}): {result.seconds:.1f} s,"
        f" {len(client.failed)} of {client.asked} requests failed"
    )
    assert server(site.node("node4"), "kubelet") == old(site)
    later = site.ok("up")
    assert ("node4", "endpoint-files") in {(node, phase) for node, phase, _ in later.actions}
    assert set(named(site).values()) == {NEW}
    nothing_left(site)


def test_a_kubelet_that_cannot_use_it_gets_its_file_back(site: Site) -> None:
    """It has to go through a proxy that is not there, except to the endpoint that it has."""
    if site.kind != "real":
        pytest.skip("the stand-in's kubelet uses no proxy")
    worker, drop_in = site.node("node4"), "/etc/systemd/system/kubelet.service.d/zz-proxy.conf"
    proxy = f"Environment=HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY={NAME}"
    worker.exec(f"printf '%s\\n' '[Service]' '{proxy}' >{drop_in}; systemctl daemon-reload")
    site.write_inventory()
    write(site, old(site), planes=3, cert_sans=SANS)
    site.save(merged(site.inventory_data(), {"kubeadm": {"timeouts": {"kubelet": "30s"}}}))

    result = site.run("up", seconds=SECONDS)

    (error,) = (error for error in result.errors() if error["code"] != "KB341")
    print(error["message"], error["detail"], sep="\n")
    assert (error["code"], error["node"], error["phase"]) == ("KB328", "node4", "endpoint-files")
    assert "kubelet: E" in error["detail"]
    assert "it runs with its old files again" in error["detail"]
    assert server(worker, "kubelet") == NEW
    assert site.ready_nodes()["node4"]
    worker.exec(["rm", drop_in])
    worker.exec(["systemctl", "daemon-reload"])
    later = site.ok("up")
    assert ("node4", "endpoint-files") in {(node, phase) for node, phase, _ in later.actions}
    assert server(worker, "kubelet") == old(site)
    nothing_left(site)
