"""A cluster that was made and edited by hand is imported, adopted, extended and upgraded."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from kbootstrap.node_paths import STATE_DIR
from tests.e2e.site import ETCD_TAG, Site
from tests.e2e.upgrades import SECONDS, offer, versions
from tests.lab.shell import wait_until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("as_root"),
]
OLD, NEW = "v1.34.2", "v1.35.1"
# What preparation leaves besides the record: a host that was prepared by hand has none of these.
MARKS = "/etc/systemd/system/kubelet.service.d/zz-kbootstrap.conf"
CONFIG = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: node1
  criSocket: unix:///run/containerd/containerd.sock
  ignorePreflightErrors: [SystemVerification]
localAPIEndpoint: {{advertiseAddress: {address}}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {version}
imageRepository: {repository}
networking: {{podSubnet: 10.233.0.0/16, serviceSubnet: 10.97.0.0/16}}
apiServer:
  certSANs: [hand.example.test]
  extraArgs: [{{name: v, value: "2"}}]
dns: {{disabled: true}}
etcd: {{local: {{imageTag: {etcd}}}}}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
maxPods: 77
evictionHard: {{memory.available: 50Mi, nodefs.available: 5%}}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {{maxPerCore: 0}}
"""
CONFLIST = "/etc/cni/net.d/10-hand.conflist"
NETWORK = """\
{"cniVersion": "0.4.0", "name": "hand", "plugins": [{"type": "bridge", "bridge": "hand0",
"isGateway": true, "ipMasq": true,
"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.233.NUMBER.0/24"}]]}}]}
"""


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """node1 and node2 are a cluster that kubeadm made, called by hand; node3 is fresh."""
    site = make_site(f"im{kind[0]}", 3)
    offer(site, OLD, NEW)
    site.write_inventory(site.lab.nodes[:2])
    site.ok("up", "--until", "kubelet")  # binaries, runtime and unit, as any other guide has it
    for number, node in enumerate(site.lab.nodes[:2]):
        text = NETWORK.replace("NUMBER", str(number))
        node.exec("mkdir -p /etc/cni/net.d")
        node.exec(["tee", CONFLIST], stdin=text)
    first, second = site.lab.nodes[:2]
    config = CONFIG.format(
        address=first.address, version=OLD, repository=site.repository, etcd=ETCD_TAG
    )
    first.exec(f"cat >/root/hand.yaml <<'END'\n{config}END\n")
    first.exec("kubeadm init --config /root/hand.yaml", timeout=SECONDS)
    join = first.exec("kubeadm token create --print-join-command").stdout.strip()
    second.exec(f"{join} --ignore-preflight-errors=SystemVerification", timeout=SECONDS)
    for node in (first, second):
        node.exec(f"rm -rf {STATE_DIR} {MARKS}; systemctl daemon-reload; systemctl restart kubelet")
    wait_until("both are Ready", lambda: site.ready_nodes() == {"node1": True, "node2": True})
    return site


def pids(site: Site) -> list[str]:
    """Of the processes of the control plane."""
    words = ["pgrep", "-f", "^(/usr/local/bin/)?(kube-apiserver|etcd|kube-scheduler) --"]
    return site.node("node1").exec(words, check=False).stdout.split()


def imported(site: Site) -> str:
    """What `import` prints."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "kbootstrap", "import"),
            *("--from", f"root@{site.node('node1').address}"),
            *("--key", str(site.lab.key), "--known-hosts", str(site.lab.known_hosts())),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def edited(site: Site, text: str) -> dict[str, Any]:
    """With what the head of the inventory asks to add."""
    data: dict[str, Any] = yaml.safe_load(text)
    written = yaml.safe_load(site.write_inventory().read_text())
    for key in ("runtime", "registry", "programs"):
        data[key] = {**data.get(key, {}), **written[key]}
    data["defaults"] |= {"ignore_preflight": ["SystemVerification"]}
    return data


@pytest.fixture(scope="module")
def inventory(site: Site) -> dict[str, Any]:
    before = {node.name: node.snapshot() for node in site.lab.nodes[:2]}
    text = imported(site)
    print(f"\n{text}")
    for node in site.lab.nodes[:2]:
        assert node.exec(f"ls {STATE_DIR}", check=False).returncode != 0
        assert [
            one for one in node.snapshot().since(before[node.name]) if one.startswith("files /etc")
        ] == []
    return edited(site, text)


def test_the_inventory_is_what_was_made_by_hand(site: Site, inventory: dict[str, Any]) -> None:
    first, second = site.lab.nodes[:2]
    assert inventory["cluster"]["name"] == "kubernetes"
    assert inventory["cluster"]["ca_hash"].startswith("sha256:")
    assert inventory["kubernetes"] == {"version": OLD}
    assert inventory["nodes"] == [
        {"name": "node1", "address": first.address, "role": "control-plane"},
        {"name": "node2", "address": second.address, "role": "worker"},
    ]
    assert inventory["network"] == {"pod_cidr": ["10.233.0.0/16"], "service_cidr": ["10.97.0.0/16"]}
    assert inventory["api"]["cert_sans"] == ["hand.example.test"]
    assert inventory["kubeadm"]["extra_args"] == {"api_server": {"v": ["2"]}}
    assert inventory["kubelet"]["maxPods"] == 77
    assert inventory["kubelet"]["evictionHard"]["memory.available"] == "50Mi"
    assert inventory["addons"] == {"dns": False}


def test_without_the_flag_the_cluster_is_refused(site: Site, inventory: dict[str, Any]) -> None:
    site.save(inventory)
    result = site.run("up")
    assert (result.status, [error["code"] for error in result.errors()]) == (7, ["KB401"])


def test_the_plan_moves_nothing_and_up_carries_it_out(
    site: Site, inventory: dict[str, Any]
) -> None:
    site.save(inventory)
    before = pids(site)

    planned = site.ok("up", "--adopt", "--dry-run")
    print("\n".join(f"{node} {phase}: {text}" for node, phase, text in planned.plan))
    texts = [text for _, _, text in planned.plan]
    assert not [one for one in texts if one.startswith(("kubeadm init", "kubeadm join", "restart"))]
    result = site.ok("up", "--adopt")

    assert planned.plan == result.plan
    assert all(site.ready_nodes().values())
    assert pids(site) == before
    again = site.run("up", "--exit-code")
    assert (again.status, again.actions) == (3, []), again.out[-3000:] + again.err


def test_a_node_is_added_and_the_cluster_upgraded(site: Site, inventory: dict[str, Any]) -> None:
    third = site.node("node3")
    text = NETWORK.replace("NUMBER", "2")
    inventory["nodes"].append({"name": "node3", "address": third.address, "role": "worker"})
    inventory["files"] = [{"path": CONFLIST, "content": text, "nodes": ["node3"]}]
    site.save(inventory)

    site.ok("join", "node3")
    assert site.ready_nodes() == {"node1": True, "node2": True, "node3": True}
    result = site.run("upgrade", "--to", NEW, seconds=SECONDS)

    assert result.status == 0, result.out[-4000:] + result.err
    assert versions(site) == dict.fromkeys(("node1", "node2", "node3"), NEW)
    print(f"\nupgraded ({site.kind}): {result.seconds:.1f} s")


def test_an_adopted_worker_is_reset(site: Site) -> None:
    """What kubeadm made is gone; the network that others placed there stays."""
    node = site.node("node2")

    site.ok("reset", "node2", "--yes")

    assert "node2" not in site.ready_nodes()
    assert node.exec("ls /etc/kubernetes/*.conf /var/lib/kubelet/pki", check=False).stdout == ""
    assert node.exec(f"ls {STATE_DIR}", check=False).returncode != 0
    assert node.exec(["cat", CONFLIST]).stdout
