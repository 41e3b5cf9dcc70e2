"""Everything changed in one `up`, on three control planes and two workers behind a balancer.

A client asks the API every tenth of a second. Afterwards a flag with which etcd does not start.
"""

import json
from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.e2e.balancer import Asker, Balancer, asks
from tests.e2e.site import Site
from tests.e2e.upgrades import SECONDS
from tests.standin.common.flags import REFUSED
from tests.standin.kubelet.proxy import LOADED

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("as_root"),
    pytest.mark.all_cases,  # test_every_key.py changes each of these
]
PORT = 16443
PLANES = ("node1", "node2", "node3")
NODES = (*PLANES, "node4", "node5")
SAN = "new.example.test"
SYSTEM = ("-n", "kube-system")
ETCD = "/etc/kubernetes/manifests/etcd.yaml"
MARKED = {"labels": {"disk": "ssd"}, "taints": ["dedicated=db:PreferNoSchedule"]}


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Iterator[Site]:
    """A cluster whose endpoint is the balancer; node5 has a label and a taint."""
    site = make_site(f"al{kind[0]}", 5, control_planes=3)
    servers = [(node.address, 6443) for node in site.lab.nodes[:3]]
    with Balancer(site.lab.network.gateway, PORT, servers) as balancer:
        site.extra = {"api": {"endpoint": balancer.endpoint}}
        with site.with_node("node5", **MARKED):
            result = site.ok("up")
            print(f"\nup, 3 control planes and 2 workers ({site.kind}): {result.seconds:.1f} s")
            assert labels(site, "node5")["disk"] == "ssd"
        yield site


@pytest.fixture
def client(site: Site) -> Iterator[Asker]:
    host = site.lab.network.gateway
    with Asker(lambda: asks(host, PORT, "/readyz", tls=True) == 200) as client:
        yield client


def node_object(site: Site, name: str) -> dict[str, dict[str, object]]:
    return dict(json.loads(site.kubectl("get", "node", name, "-o", "json")))


def labels(site: Site, name: str) -> dict[str, str]:
    return dict(json.loads(site.kubectl("get", "node", name, "-o", "json"))["metadata"]["labels"])


def other_repository(site: Site) -> str:
    """The same images below another name."""
    registry = site.lab.registry
    if site.kind == "real":
        return registry.push_kubernetes(site.programs, site.version, prefix="other")
    return registry.push_standin(site.version, prefix="other")


def line(site: Site, node: str, component: str) -> str:
    """The command line of a component that runs."""
    found = site.node(node).exec(["pgrep", "-a", "-f", f"{component} --"], check=False).stdout
    return found.replace("\n", " ") + " "


def proxy(site: Site, node: str) -> str:
    """The configuration with which kube-proxy runs there."""
    ask = "curl -s http://localhost:10249/configz" if site.kind == "real" else f"cat {LOADED}"
    text = site.node(node).exec(ask).stdout
    return str(yaml.safe_load(text).get("mode") or text)


def test_everything_in_one_up(site: Site, client: Asker) -> None:
    repository = other_repository(site)
    site.write_inventory(
        api={"cert_sans": ["api.example.test", SAN]},
        kubeadm={"extra_args": {"api_server": {"v": ["3"]}}},
        kubelet={"maxPods": 77},
        kube_proxy={"mode": "nftables"},
        registry={"image_repository": repository},
        addons={"dns": True},
    )

    result = site.run("up", seconds=SECONDS)

    print(
        f"\neverything at once ({site.kind}): {result.seconds:.1f} s,"
        f" {len(client.failed)} of {client.asked} requests failed, longest {client.longest:.1f} s"
    )
    assert result.status == 0, result.out[-6000:] + result.err
    for node in PLANES:
        assert " --v=3 " in line(site, node, "kube-apiserver")
        names = site.node(node).exec(
            "openssl x509 -in /etc/kubernetes/pki/apiserver.crt -noout -text"
        )
        assert SAN in names.stdout
        manifests = site.node(node).exec("grep -h image: /etc/kubernetes/manifests/*.yaml").stdout
        assert all(repository in one for one in manifests.splitlines())
    nodes = json.loads(site.kubectl("get", "nodes", "-o", "json"))["items"]
    assert {node["status"]["capacity"]["pods"] for node in nodes} == {"77"}
    assert all("nftables" in proxy(site, node) for node in NODES)
    assert "disk" not in labels(site, "node5")
    assert "dedicated" not in json.dumps(node_object(site, "node5")["spec"])
    deployments = site.kubectl(*SYSTEM, "get", "deployments", "-o", "json")
    assert f"{repository}/coredns" in deployments
    again = site.run("up", "--exit-code")
    assert (again.status, again.actions) == (3, []), again.out[-3000:] + again.err
    assert len(client.failed) <= client.asked // 20


def test_a_bad_argument_of_etcd_is_rolled_back_on_the_first_node(site: Site, client: Asker) -> None:
    data = site.inventory_data()
    arguments = data.setdefault("kubeadm", {}).setdefault("extra_args", {})
    arguments["etcd"] = {REFUSED: ["1"]}
    before = {node: site.node(node).exec(["cat", ETCD]).stdout for node in PLANES}
    site.save(data)

    result = site.run("up", seconds=SECONDS)

    print(
        f"\na bad argument of etcd ({site.kind}): rolled back after {result.seconds:.1f} s,"
        f" {len(client.failed)} of {client.asked} requests failed, longest {client.longest:.1f} s"
    )
    first = next(error for error in result.errors() if error["code"] != "KB341")
    print(first["message"], first["detail"], sep="\n")
    assert (first["code"], first["node"], first["phase"]) == ("KB329", "node1", "control-plane")
    assert REFUSED in first["detail"]
    assert "is back" in first["detail"]
    assert {node: site.node(node).exec(["cat", ETCD]).stdout for node in PLANES} == before
    assert site.etcd_members() == set(PLANES)
    del arguments["etcd"]
    site.save(data)
    site.ok("up")
    assert site.run("up", "--exit-code").status == 3
    assert len(client.failed) <= client.asked // 20
