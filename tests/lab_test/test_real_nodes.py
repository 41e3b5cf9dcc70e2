"""The lab keeps its promises: on real nodes."""

import subprocess
import time

import pytest

from tests.lab import Lab
from tests.lab.fixture import LabFactory
from tests.lab.node import Node
from tests.lab.shell import LabError, run
from tests.load import within


@pytest.fixture(scope="module")
def lab(module_lab_factory: LabFactory) -> Lab:
    return module_lab_factory(2, disks={"/etc/kubernetes": "4m"})


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.nodes[0]


def ssh(
    lab: Lab, node: Node, command: str, user: str = "root", stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return run([*lab.ssh(node.address, user), command], stdin=stdin, check=False)


def test_nodes_are_fresh_and_of_their_own(lab: Lab) -> None:
    one, two = lab.nodes
    for question in ("cat /etc/machine-id", "hostname", "cat /proc/sys/kernel/random/boot_id"):
        assert one.exec(question).stdout != two.exec(question).stdout
    assert set(one.host_keys()).isdisjoint(two.host_keys())
    assert one.exec("systemctl is-system-running").stdout.strip() == "running"
    assert (
        one.exec("ls -A /var/lib/etcd /opt /usr/local/bin /etc/containerd").stdout.count(":") == 4
    )
    assert one.exec("command -v kubeadm kubelet", check=False).returncode != 0


def test_all_three_users_log_in_and_become_root(lab: Lab, node: Node) -> None:
    assert ssh(lab, node, "id -un").stdout == "root\n"
    assert ssh(lab, node, "sudo -n id -un", "ops").stdout == "root\n"
    assert ssh(lab, node, "sudo -n id -un", "opspw").returncode != 0
    secret = f"{lab.sudo_password}\n"
    assert ssh(lab, node, "sudo -S id -un", "opspw", secret).stdout == "root\n"


def test_nothing_leaves_the_lab(node: Node) -> None:
    started = time.monotonic()
    assert node.exec("ping -c1 -W1 192.0.2.1", check=False).returncode != 0
    assert node.exec("getent hosts example.org", check=False).returncode != 0
    assert time.monotonic() - started < within(5)
    assert "default via" in node.exec("ip route").stdout


def test_reboot_keeps_the_disk_and_forgets_the_rest(lab: Lab, node: Node) -> None:
    before = node.boot_id()
    node.exec(
        "echo kept >/root/kept; echo gone >/run/gone; echo data >/var/lib/etcd/data;"
        "sysctl -qw net.ipv4.ip_forward=1; nft add table inet gone; ip link add gone0 type bridge"
    )
    keys = node.host_keys()

    node.reboot()

    assert node.boot_id() != before
    assert ssh(lab, node, "cat /proc/sys/kernel/random/boot_id").stdout.strip() == node.boot_id()
    assert node.exec("cat /root/kept /var/lib/etcd/data").stdout == "kept\ndata\n"
    assert node.exec("ls /run/gone", check=False).returncode != 0
    assert node.exec("cat /proc/sys/net/ipv4/ip_forward").stdout == "0\n"
    assert "gone" not in node.exec("nft list ruleset; ip link").stdout
    assert node.host_keys() == keys


def test_a_node_may_reboot_itself(lab: Lab, node: Node) -> None:
    before = node.boot_id()
    ssh(lab, node, "systemctl reboot")
    node.wait_rebooted(before)
    assert node.boot_id() != before


def test_power_cut_and_start(node: Node) -> None:
    node.exec("echo kept >/root/kept; sync")
    node.kill()
    assert node.power() in {"exited", "stopped"}
    with pytest.raises(LabError, match="is off"):
        node.exec("true")
    node.start()
    assert node.exec("cat /root/kept").stdout == "kept\n"


def test_cut_cable(lab: Lab, node: Node) -> None:
    node.cut()
    assert not node.ssh_answers()
    assert lab.nodes[1].exec(f"ping -c1 -W1 {node.address}", check=False).returncode != 0
    assert node.exec("echo seen").stdout == "seen\n"
    node.reconnect()
    node.wait_booted()


def test_frozen_node_is_there_and_says_nothing(lab: Lab, node: Node) -> None:
    node.freeze()
    seen = lab.nodes[1].exec(f"ping -c1 -W1 {node.address}", check=False).returncode == 0
    answers = node.ssh_answers()
    node.thaw()
    assert seen
    assert not answers
    node.wait_booted()


def test_snapshot_sees_changes_and_only_them(lab: Lab, node: Node) -> None:
    before = node.snapshot()
    assert ssh(lab, node, "true").returncode == 0
    assert node.snapshot().since(before) == []

    node.exec("echo x >/etc/new; chmod 600 /etc/hosts; systemctl disable -q containerd")
    node.exec("nft add table inet mine; ip link add mine0 type bridge; mount -t tmpfs x /mnt")
    node.exec("sysctl -qw net.ipv4.ip_forward=1; systemctl stop containerd")
    told = "\n".join(node.snapshot().since(before))

    for sign in (
        "files /etc/new: nothing =>",
        "files /etc/hosts: -rw-r--r--",
        "units containerd.service: enabled => disabled",
        "active containerd.service: active running => nothing",
        "table inet mine",
        "links mine0: nothing =>",
        "mounts /mnt: nothing =>",
        "sysctls net.ipv4.ip_forward: 0 => 1",
        "/usr/bin/containerd => nothing",
    ):
        assert sign in told


def test_sshd_log_distinguishes_connections(lab: Lab, node: Node) -> None:
    start = time.time()
    ssh(lab, node, "true", "ops")
    run(["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
         "-o", "UserKnownHostsFile=/dev/null", "-i", "/nonexistent", f"root@{node.address}"],
        check=False)  # fmt: skip
    log = node.sshd_log(after=start)

    assert [event.kind for event in log if event.user == "ops"][:2] == ["accepted", "session"]
    assert len([event for event in log if event.kind == "connected"]) == 2
    assert {event.source for event in log} == {lab.network.gateway}


def test_full_disk(node: Node) -> None:
    node.disks.fill("/etc/kubernetes")
    full = node.exec("echo text >/etc/kubernetes/file", check=False)
    assert full.returncode != 0
    node.disks.free("/etc/kubernetes")
    node.exec("echo text >/etc/kubernetes/file")
    with pytest.raises(LabError, match="not a small disk"):
        node.disks.fill("/")


def test_a_node_pulls_from_the_registry(lab: Lab, node: Node) -> None:
    repository = lab.registry.push_standin("v1.34.2")
    image = f"{repository}/kube-apiserver:v1.34.2"
    node.exec("systemctl start containerd")
    node.exec(["ctr", "-n", "k8s.io", "images", "pull", "--plain-http", image])

    asked = {(p.source, p.image, p.reference) for p in lab.registry.pulls()}
    assert (node.address, "standin/kube-apiserver", "v1.34.2") in asked


def test_a_lab_can_be_found_again(lab: Lab) -> None:
    again = Lab.load(lab.name)
    assert [node.address for node in again.nodes] == [node.address for node in lab.nodes]
    assert again.nodes[0].boot_id() == lab.nodes[0].boot_id()
