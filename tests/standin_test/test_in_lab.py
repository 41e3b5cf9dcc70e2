"""The stand-in on real nodes: needs root, podman and tests/lab."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.node import Node
from tests.standin import build, push

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: the lab's systemd nodes need root"),
]
VERSION = "v1.34.2"
UNIT = """
[Unit]
Description=kubelet
[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=/usr/local/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
 --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml \
 $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""
CNI = {
    "cniVersion": "0.4.0",
    "name": "lab",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "ipam": {"type": "host-local", "subnet": "10.244.0.0/24"},
        }
    ],
}
CONF = "KUBECONFIG=/etc/kubernetes/admin.conf"


def install(node: Node, folder: Path, **switches: Any) -> None:
    copy = (
        f"tar cf - -C {folder} . | nsenter --target {node.pid} --mount tar xf - -C /usr/local/bin"
    )
    subprocess.run(copy, shell=True, check=True)  # noqa: S602
    put(node, "/etc/systemd/system/kubelet.service", UNIT)
    put(node, "/etc/cni/net.d/10-lab.conflist", json.dumps(CNI))
    switch(node, **switches)
    node.exec(
        "sysctl -qw net.ipv4.ip_forward=1; systemctl daemon-reload; systemctl enable -q kubelet"
    )


def put(node: Node, path: str, text: str) -> None:
    node.exec(f"mkdir -p $(dirname {path}); cat > {path}", stdin=text)


def switch(node: Node, **switches: Any) -> None:
    put(node, "/etc/standin.conf", json.dumps({"fake_images": True, **switches}))


def until(test: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)


def init_config(node: Node) -> str:
    return f"""
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: {node.address}}}
nodeRegistration: {{criSocket: unix:///run/containerd/containerd.sock}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {VERSION}
controlPlaneEndpoint: {node.address}:6443
networking: {{podSubnet: 10.244.0.0/16}}
"""


def init(node: Node) -> None:
    put(node, "/root/init.yaml", init_config(node))
    node.exec("kubeadm init --config /root/init.yaml", timeout=120)


def join(
    first: Node, node: Node, *, plane: bool, check: bool = True
) -> "subprocess.CompletedProcess[str]":
    line = first.exec("kubeadm token create --print-join-command").stdout.strip()
    if plane:
        upload = "kubeadm init phase upload-certs --upload-certs --config /root/init.yaml"
        line += " --control-plane --certificate-key " + first.exec(upload).stdout.split()[-1]
    done: subprocess.CompletedProcess[str] = node.exec(line, check=check, timeout=120)
    return done


def nodes(first: Node) -> dict[str, dict[str, Any]]:
    found = json.loads(first.exec(f"{CONF} kubectl get nodes -o json").stdout)["items"]
    return {n["metadata"]["name"]: n for n in found}


def ready(first: Node) -> set[str]:
    return {
        name
        for name, node in nodes(first).items()
        for c in node["status"]["conditions"]
        if (c["type"], c["status"]) == ("Ready", "True")
    }


def members(node: Node) -> set[str]:
    pki = "/etc/kubernetes/pki/etcd"
    command = (
        f"curl -sf --cacert {pki}/ca.crt --cert {pki}/healthcheck-client.crt --key"
        f" {pki}/healthcheck-client.key -d '{{}}' https://127.0.0.1:2379/v3/cluster/member/list"
    )
    return {m.get("name", "?") for m in json.loads(node.exec(command).stdout)["members"]}


def calls(node: Node) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in node.exec("cat /var/log/standin/calls.jsonl").stdout.splitlines()
    ]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    build.build(VERSION, folder)
    return folder


@pytest.fixture
def lab(programs: Path) -> Iterator[list[Node]]:
    with Lab("standin", 3) as made:
        for node in made.nodes:
            install(node, programs)
        yield list(made.nodes)


@pytest.mark.all_cases  # test_high_availability.py and faults/ go this way with kbootstrap
def test_three_control_planes_live_through_deaths(lab: list[Node]) -> None:
    one, two, three = lab
    init(one)
    join(one, two, plane=True)
    join(one, three, plane=True)
    until(lambda: ready(one) == {"node1", "node2", "node3"})
    assert members(one) == {"node1", "node2", "node3"}
    two.kill()  # a majority is left
    until(lambda: _works(three), 20)
    three.exec(f"{CONF} kubectl get cm -n kube-system kubeadm-config")
    until(lambda: "node2" not in ready(one), 90)
    two.start()
    until(lambda: "node2" in ready(one), 60)
    # a member that leaves in order is removed; the node can come back
    three.exec("kubeadm reset -f")
    assert members(one) == {"node1", "node2"}
    one.exec(f"{CONF} kubectl delete node node3")
    join(one, three, plane=True)
    until(lambda: members(two) == {"node1", "node2", "node3"})
    one.reboot()
    until(lambda: _works(one), 60)
    assert len(nodes(one)) == 3
    # without a majority nothing is written
    two.kill()
    three.kill()
    time.sleep(4)
    lost = one.exec(f"{CONF} kubectl label node node1 a=b", check=False)
    assert "etcdserver: request timed out" in lost.stderr


def _works(node: Node) -> bool:
    conf = f"https://{node.address}:6443"
    text = f"sed 's,https://.*:6443,{conf},' /etc/kubernetes/admin.conf > /root/own.conf"
    label = f"KUBECONFIG=/root/own.conf kubectl label node {node.name} beat=x{int(time.time())}"
    return node.exec(f"{text}; {label}", check=False).returncode == 0


def test_refusals_and_switches(lab: list[Node]) -> None:
    one, two, three = lab
    switch(one, fail={"init/certs/apiserver": "no luck today"})
    put(one, "/root/init.yaml", init_config(one))
    failed = one.exec("kubeadm init --config /root/init.yaml", check=False)
    assert "error: error execution phase certs/apiserver: no luck today" in failed.stderr
    assert failed.returncode == 1
    switch(one)
    init(one)  # the CA that is there already is taken
    again = one.exec("kubeadm init --config /root/init.yaml", check=False).stderr
    for name in ("Port-6443", "Port-10250", "Port-2379", "DirAvailable--var-lib-etcd"):
        assert f"[ERROR {name}]" in again
    line = one.exec("kubeadm token create --print-join-command").stdout.strip()
    good = line.split()[-1]
    wrong = two.exec(line.replace(good, "sha256:" + "0" * 64), check=False).stderr
    assert f'none of the public keys "{good}" are pinned' in wrong
    switch(two, hang={"join/kubelet-start": "forever"})
    hanging = two.exec(f"timeout 8 {line}", check=False)
    assert hanging.returncode == 124
    assert calls(two)[-1]["outcome"] == "hang"
    switch(two)
    join(one, two, plane=False)
    until(lambda: ready(one) == {"node1", "node2"})
    twin = three.exec(f"hostname node2; {line} --node-name node2", check=False).stderr
    assert 'a Node with name "node2" and status "Ready" already exists' in twin
    three.exec("kubeadm reset -f; hostname node3")
    switch(three, kubelet_never_healthy=True)
    put(three, "/root/join.yaml", _join_config(line))
    sick = three.exec("kubeadm join --config /root/join.yaml", check=False)
    assert "failed while waiting for the kubelet to start" in sick.stderr
    ran = [c for c in calls(one) if c["phase"] == "init" and c["outcome"] == "ok"]
    assert len(ran) == 1


def _join_config(line: str) -> str:
    words = line.split()
    token = {"token": words[4], "apiServerEndpoint": words[2], "caCertHashes": [words[6]]}
    return json.dumps(
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "JoinConfiguration",
            "discovery": {"bootstrapToken": token},
            "timeouts": {"kubeletHealthCheck": "3s"},
        }
    )


def test_an_upgrade_node_by_node(lab: list[Node], tmp_path: Path) -> None:
    one, two, three = lab
    init(one)
    join(one, two, plane=True)
    join(one, three, plane=False)
    until(lambda: len(ready(one)) == 3)
    build.build("v1.35.0", tmp_path)
    for node in lab:
        install(node, tmp_path)
    far = one.exec("kubeadm upgrade apply -y v1.37.0", check=False).stderr
    assert "kubeadm can upgrade only 1 minor version at a time" in far
    plan = json.loads(one.exec("kubeadm upgrade plan v1.35.0 -o json").stdout)
    assert plan["kind"] == "UpgradePlan"
    done = one.exec("kubeadm upgrade apply -y v1.35.0", timeout=200).stdout
    assert "control plane instances [node2] have not been upgraded" in done
    assert 'SUCCESS! A control plane node of your cluster was upgraded to "v1.35.0"' in done
    assert "Applied essential addon: kube-proxy" in two.exec("kubeadm upgrade node").stdout
    assert "Not a control plane node" in three.exec("kubeadm upgrade node").stdout
    for node in lab:
        node.exec("systemctl restart kubelet")
    until(lambda: {_version(n) for n in nodes(one).values()} == {"v1.35.0"})
    assert "kubeadm-backup-etcd" in one.exec("ls /etc/kubernetes/tmp").stdout


def _version(node: dict[str, Any]) -> str:
    return str(node["status"]["nodeInfo"]["kubeletVersion"])


def test_images_come_from_a_registry(lab: list[Node], tmp_path: Path) -> None:
    one = lab[0]
    address = one.address.rpartition(".")[0] + ".1:5999"
    store = {"rootdirectory": str(tmp_path)}
    config = {"version": 0.1, "storage": {"filesystem": store}, "http": {"addr": address}}
    (tmp_path / "c.yml").write_text(json.dumps(config))
    registry = subprocess.Popen(
        ["docker-registry", "serve", str(tmp_path / "c.yml")], stderr=subprocess.DEVNULL
    )
    try:
        until(
            lambda: (
                subprocess.run(["curl", "-sf", f"http://{address}/v2/"], check=False).returncode
                == 0
            )
        )
        folder = f"/etc/containerd/certs.d/{address}"
        put(
            one, f"{folder}/hosts.toml", f'server = "http://{address}"\n[host."http://{address}"]\n'
        )
        patch = "/etc/containerd/config.toml"
        section = '[plugins."io.containerd.grpc.v1.cri".registry]\n'
        section += 'config_path = "/etc/containerd/certs.d"\n'
        put(one, patch, one.exec(f"cat {patch}").stdout + "\n" + section)
        one.exec("systemctl restart containerd; rm /etc/standin.conf")
        put(one, "/root/init.yaml", init_config(one) + f"imageRepository: {address}/k8s\n")
        missing = one.exec("kubeadm init --config /root/init.yaml", check=False, timeout=120).stderr
        assert (
            f"[ERROR ImagePull]: failed to pull image {address}/k8s/kube-apiserver:v1.34.2"
            in missing
        )
        push.push(VERSION, f"{address}/k8s")
        one.exec("kubeadm init --config /root/init.yaml", timeout=120)
        images = json.loads(one.exec("crictl images -o json").stdout)["images"]
        assert f"{address}/k8s/etcd:3.6.4-0" in {tag for i in images for tag in i["repoTags"]}
        until(lambda: "node1" in ready(one))
    finally:
        registry.kill()
        registry.wait()
