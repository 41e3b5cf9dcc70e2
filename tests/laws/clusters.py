"""The clusters our tests are tried on, each from an inventory that a user could write."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kbootstrap.artifacts import Artifact
from kbootstrap.engine.inputs import LocalInputs, LocalState, SnapshotFile
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.host_facts import HostFacts
from kbootstrap.model.load import load
from tests.standin.common.pki import authority

NOW = 1_000_000
FIT_HOST = HostFacts(
    machine="x86_64",
    kernel="6.1.0-18-amd64",
    hostname="n1",
    machine_id="5d0c7d4f",
    boot_id="7a7b",
    os_id="linuxmint",
    os_like=("ubuntu", "debian"),
    os_version="22",
    tools=("apt-get", "iptables", "nft"),
    systemd=True,
    memory_mib=4096,
    cpus=2,
    clock=NOW,
)
SWAPPING_HOST = replace(FIT_HOST, swap=("/dev/sda2",), swap_fstab=("UUID=17",))
CA, OTHER_CA = (authority(name, algorithm="ECDSA-P256").cert_pem() for name in ("ours", "theirs"))
KUBECONFIG = "/home/operator/demo.kubeconfig"
SNAPSHOT = SnapshotFile(path="/home/operator/etcd.db", size=20512, sha256="ed" * 32)

_NODES = {
    "1": "nodes: [{name: n1, address: 192.0.2.11, role: both}]\n",
    "1+2": """\
nodes:
  - {name: cp1, address: 192.0.2.11, role: control-plane}
  - {name: w1, address: 192.0.2.21, role: worker, labels: {disks: nvme}, kubelet_args: {v: "2"}}
  - {name: w2, address: 192.0.2.22, role: worker, taints: ["a=b:NoSchedule"]}
""",
    "dual": """\
nodes:
  - {name: cp1, address: 192.0.2.11, second_address: "2001:db8::11", role: control-plane}
  - {name: w1, address: 192.0.2.21, second_address: "2001:db8::21", role: worker}
""",
    "3+1": """\
api: {endpoint: "api.example.org:6443"}
nodes:
  - {name: cp1, address: 192.0.2.11, role: control-plane, labels: {zone: a}}
  - {name: cp2, address: 192.0.2.12, role: control-plane, ignore_preflight: [Mem]}
  - {name: cp3, address: 192.0.2.13, role: both}
  - {name: w1, address: 192.0.2.21, role: worker, labels: {zone: b}, taints: ["x:NoExecute"]}
""",
}

# name: version, nodes, the rest
_TEXTS = {
    "single": ("v1.34.2", "1", "cni: {type: bridge}\n"),
    "cri-o": (
        "v1.30.4",
        "1+2",
        "runtime: {type: cri-o}\ncni: {type: none}\nprograms: {source: preinstalled}\n",
    ),
    "ha": (
        "v1.35.0",
        "3+1",
        """\
cni: {type: manifest, manifests: [network.yaml]}
programs: {source: folder, folder: programs, cni_plugins_folder: programs}
kubeadm: {patches: patches, ignore_preflight: [NumCPU]}
registry: {mirrors: [{host: docker.io, endpoints: ["https://mirror.example.org"]}]}
files:
  - {path: /etc/motd, content: "welcome\\n"}
  - {path: /etc/audit.yaml, content: "{}\\n", mode: "0600", nodes: [cp1, w1]}
""",
    ),
    "dual-stack": (
        "v1.34.2",
        "dual",
        """\
network:
  pod_cidr: [10.244.0.0/16, "fd00:10:244::/56"]
  service_cidr: [10.96.0.0/12, "fd00:10:96::/112"]
cni: {type: manifest, manifests: [network.yaml]}
addons: {dns: false, kube_proxy: false}
""",
    ),
    "external-etcd": (
        "v1.31.1",
        "3+1",
        """\
etcd:
  external:
    endpoints: ["https://192.0.2.41:2379"]
    ca_file: /etc/etcd/ca.crt
    cert_file: /etc/etcd/client.crt
    key_file: /etc/etcd/client.key
cni: {type: bridge}
kubelet: {maxPods: 50}
""",
    ),
}
NAMES = tuple(_TEXTS)

_NETWORK = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: net, namespace: kube-system}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: net, namespace: kube-system}
"""


@cache
def cluster(name: str) -> Cluster:
    """One of the clusters."""
    version, nodes, rest = _TEXTS[name]
    return from_text(
        f"cluster: {{name: demo}}\nkubernetes: {{version: {version}}}\n{_NODES[nodes]}{rest}"
    )


def from_text(text: str) -> Cluster:
    """The cluster an inventory means, with the files it may refer to beside it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "inventory.yaml").write_text(text)
        (folder / "network.yaml").write_text(_NETWORK)
        (folder / "patches").mkdir()
        (folder / "patches" / "kubeletconfiguration.yaml").write_text("maxPods: 50\n")
        (folder / "programs").mkdir()
        for program in ("kubeadm", "kubelet", "kubectl", "crictl"):
            (folder / "programs" / program).write_text("#!/bin/sh\n")
        return load(folder / "inventory.yaml")


def workstation(wanted: Cluster, **state: Any) -> dict[str, Any]:
    """The fields of a `View` that come from the workstation; nothing is read."""
    return {"inputs": inputs(wanted), "local": LocalState(**{"snapshot": SNAPSHOT} | state)}


def inputs(wanted: Cluster) -> LocalInputs:
    """The operator's files for this cluster."""
    patches = {"kubeletconfiguration.yaml": "maxPods: 50\n"}
    return LocalInputs(
        patches=patches if wanted.kubeadm.patches_dir else {},
        programs={arch: _programs(wanted, arch) for arch in ("amd64", "arm64")},
        manifests=_manifests() if wanted.cni.type == "manifest" else (),
        kubeconfig=KUBECONFIG,
    )


def _programs(wanted: Cluster, arch: str) -> tuple[Artifact, ...]:
    url = f"https://dl.k8s.io/release/{wanted.version}/bin/linux/{arch}/kubelet"
    sums = (f"{arch}{'1' * 59}", f"{arch}{'2' * 59}")
    plugin = Artifact(name="bridge", sha256=sums[1], path="/srv/bridge", size=70, cni=True)
    kubelets = {
        "release": Artifact(name="kubelet", sha256=sums[0], url=url),
        "folder": Artifact(name="kubelet", sha256=sums[0], path="/srv/kubelet", size=60),
    }
    source = wanted.programs.source
    return (kubelets[source], plugin) if source in kubelets else ()


def _manifests() -> tuple[tuple[str, Document], ...]:
    meta = {"name": "net", "namespace": "kube-system"}
    objects = (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta},
    )
    return tuple(("network.yaml", Document.of(one)) for one in objects)
