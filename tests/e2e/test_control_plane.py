"""Changed settings of a running control plane: carried out one node at a time, or rolled back.

Two control planes behind a balancer, which a client asks every tenth of a second.
"""

import base64
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.balancer import Asker, Balancer, asks
from tests.e2e.site import Result, Site
from tests.e2e.upgrades import SECONDS, kill_when
from tests.standin.common.flags import REFUSED

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("as_root"),
]
PORT = 16443
PLANES = ("node1", "node2")
SAN = "new.example.test"
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
OPEN = "/var/lib/kbootstrap/control-plane"
Args = dict[str, list[str]]


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Iterator[Site]:
    """A cluster whose endpoint is the balancer."""
    site = make_site(f"pl{kind[0]}", 2, control_planes=2)
    servers = [(node.address, 6443) for node in site.lab.nodes]
    with Balancer(site.lab.network.gateway, PORT, servers) as balancer:
        site.extra = {"api": {"endpoint": balancer.endpoint}}
        site.write_inventory()
        result = site.ok("up")
        print(f"\nup, 2 control planes ({site.kind}): {result.seconds:.1f} s")
        yield site


def write(site: Site, sans: list[str] | None = None, **args: Args) -> None:
    """The inventory with these names in the certificate, and arguments by component."""
    api = {"cert_sans": ["api.example.test", *(sans or [])]}
    site.write_inventory(api=api, kubeadm={"extra_args": args})


def asking(site: Site) -> Asker:
    """A client of the API, every tenth of a second, through the balancer."""
    host = site.lab.network.gateway
    return Asker(lambda: asks(host, PORT, "/readyz", tls=True) == 200)


def line(site: Site, node: str, component: str) -> str:
    """The command line of a component that runs."""
    found = site.node(node).exec(["pgrep", "-a", "-f", f"{component} --"], check=False).stdout
    return found.replace("\n", " ") + " "


def serves(site: Site, node: str, san: str) -> bool:
    """Whether the API server of a node has a certificate for this name."""
    config = yaml.safe_load(site.kubeconfig.read_text())
    ca = config["clusters"][0]["cluster"]["certificate-authority-data"]
    context = ssl.create_default_context(cadata=base64.b64decode(ca).decode())
    with socket.create_connection((site.node(node).address, 6443), timeout=5) as plain:
        try:
            context.wrap_socket(plain, server_hostname=san).close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def stored(site: Site) -> dict[str, Any]:
    """The ClusterConfiguration in the cluster."""
    found = site.kubectl("-n", "kube-system", "get", "configmap", "kubeadm-config", "-o", "json")
    return dict(yaml.safe_load(json.loads(found)["data"]["ClusterConfiguration"]))


def phases(result: Result) -> list[tuple[str, str]]:
    """Node and phase of the changes that were carried out."""
    return list(dict.fromkeys((node, phase) for node, phase, _ in result.actions))


def nothing_left(site: Site) -> None:
    """The second `up` does nothing, and no change is open on a node."""
    again = site.run("up", "--exit-code")
    assert (again.status, again.actions) == (3, []), again.out[-3000:] + again.err
    for node in PLANES:
        assert site.node(node).exec(f"ls {OPEN}", check=False).stdout == ""


def test_an_argument_and_a_name_in_one_up(site: Site) -> None:
    write(site, [SAN], api_server={"v": ["3"]}, scheduler={"v": ["3"]})

    with asking(site) as client:
        result = site.ok("up")

    print(
        f"\n--v and a SAN on 2 control planes ({site.kind}): {result.seconds:.1f} s,"
        f" {len(client.failed)} of {client.asked} requests failed, longest {client.longest:.1f} s"
    )
    for node in PLANES:
        assert " --v=3 " in line(site, node, "kube-apiserver")
        assert " --v=3 " in line(site, node, "kube-scheduler")
        assert serves(site, node, SAN)
        assert serves(site, node, "api.example.test")
    planes = [node for node, phase in phases(result) if phase == "control-plane"]
    assert planes == list(PLANES)
    assert stored(site)["apiServer"]["certSANs"] == ["api.example.test", SAN]
    assert len(client.failed) <= client.asked // 20
    nothing_left(site)


def test_a_bad_argument_stops_at_the_first_node_and_is_rolled_back(site: Site) -> None:
    before = {node: site.node(node).exec(["cat", MANIFEST]).stdout for node in PLANES}
    write(site, [SAN], api_server={"v": ["3"], REFUSED: ["1"]}, scheduler={"v": ["3"]})

    with asking(site) as client:
        result = site.run("up", seconds=SECONDS)

    print(
        f"\na bad argument ({site.kind}): rolled back after {result.seconds:.1f} s,"
        f" {len(client.failed)} of {client.asked} requests failed, longest {client.longest:.1f} s"
    )
    first = next(error for error in result.errors() if error["code"] != "KB341")
    assert (first["code"], first["node"], first["phase"]) == ("KB329", "node1", "control-plane")
    assert f"unknown flag: --{REFUSED}" in first["detail"]
    assert "is back" in first["detail"]
    print(first["message"], first["detail"], sep="\n")
    assert {node: site.node(node).exec(["cat", MANIFEST]).stdout for node in PLANES} == before
    assert [node for node, phase, _ in result.actions if phase == "control-plane"] == ["node1"]
    assert REFUSED not in json.dumps(stored(site))
    assert len(client.failed) <= client.asked // 20
    write(site, [SAN], api_server={"v": ["3"]}, scheduler={"v": ["3"]})
    corrected = site.ok("up")
    assert {phase for _, phase in phases(corrected)} == {"kubeadm-config"}
    nothing_left(site)


def test_killed_and_said_again(site: Site) -> None:
    write(site, [SAN], api_server={"v": ["4"]}, scheduler={"v": ["3"]})
    node = site.node("node1")
    opened = ["test", "-d", f"{OPEN}/kube-apiserver"]

    kill_when(site, ["up"], lambda: node.exec(opened, check=False).returncode == 0)
    result = site.ok("up")

    assert all(" --v=4 " in line(site, name, "kube-apiserver") for name in PLANES)
    print(f"\nkilled during the change of node1 ({site.kind}): done {result.seconds:.1f} s later")
    nothing_left(site)


@pytest.mark.all_cases  # faults/ reboots nodes; a bad argument is undone above
def test_a_node_that_reboots_during_a_bad_change(site: Site) -> None:
    """Its API server does not start with what was begun; the corrected file brings it back."""
    write(site, [SAN], api_server={"v": ["4"], REFUSED: ["1"]}, scheduler={"v": ["3"]})
    node = site.node("node1")
    bad = ["grep", "-q", REFUSED, MANIFEST]
    kill_when(site, ["up"], lambda: node.exec(bad, check=False).returncode == 0)
    boot = node.boot_id()
    node.reboot()
    node.wait_rebooted(boot)
    assert node.exec(bad, check=False).returncode == 0
    write(site, [SAN], api_server={"v": ["4"]}, scheduler={"v": ["3"]})

    result = site.run("up", seconds=SECONDS)

    assert result.status == 0, result.out[-5000:] + result.err
    assert REFUSED not in site.node("node1").exec(["cat", MANIFEST]).stdout
    nothing_left(site)


@pytest.mark.all_cases  # test_every_key.py takes each argument and name out again
def test_what_is_taken_out_of_the_file_is_removed(site: Site) -> None:
    site.write_inventory()

    result = site.ok("up")

    for node in PLANES:
        assert " --v=" not in line(site, node, "kube-apiserver")
        assert " --v=" not in line(site, node, "kube-scheduler")
        assert not serves(site, node, SAN)
        assert serves(site, node, "api.example.test")
    assert "extraArgs" not in stored(site)["apiServer"]
    print(f"\ntaken out again ({site.kind}): {result.seconds:.1f} s")
    nothing_left(site)


@pytest.mark.all_cases  # test_every_key.py changes etcd
def test_etcd_behind_a_snapshot(site: Site) -> None:
    write(site, etcd={"log-level": ["debug"]})

    result = site.ok("up")

    assert all("--log-level=debug" in line(site, node, "etcd") for node in PLANES)
    assert site.etcd_members() == set(PLANES)
    changes = [action for action in result.actions if action[:2] == ("node2", "control-plane")]
    texts = [text for _, _, text in changes]
    assert [text.split(" ")[0] for text in texts] == ["take", "etcd:"]
    print(f"\netcd --log-level on 2 control planes ({site.kind}): {result.seconds:.1f} s")
    nothing_left(site)
