"""What goes wrong at real sites: each has its code, node, phase, reason and next step, at once.

node1 and node2 are a cluster; node3 is fresh and is to join, and something is always wrong.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.e2e.site import Result, Site
from tests.lab.node import Node
from tests.lab.snapshot import ORDINARY, Snapshot
from tests.load import within

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]

SOON = 30  # seconds; "within seconds", on a host that does other work


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Iterator[Site]:
    """A cluster of two, and a third node."""
    site = make_site(f"f{kind[0]}", 3)
    site.write_inventory(site.lab.nodes[:2])
    site.ok("up")
    site.write_inventory()
    yield site
    site.ok("join", "node3")  # after all that, the same command still works
    assert site.ready_nodes()["node3"]


@pytest.fixture
def fresh(site: Site) -> Snapshot:
    """node3 before the command."""
    return site.node("node3").snapshot()


def expect(result: Result, code: str, status: int, *words: str, phase: str = "") -> dict[str, Any]:
    """The one error, complete and soon."""
    errors = result.errors()
    assert [error["code"] for error in errors] == [code], result.out[-3000:] + result.err
    error: dict[str, Any] = errors[0]
    assert result.status == status
    assert result.seconds < within(SOON)
    assert error["node"] == "node3"
    assert not phase or error["phase"] == phase
    assert error["hint"].endswith(".")
    for word in words:
        assert word in error["message"] + error["detail"]
    return error


def unchanged(site: Site, before: Snapshot) -> None:
    """Nothing happened on node3, and no token was made."""
    now = site.node("node3").snapshot()
    own = (*ORDINARY, "processes *", "files /var/lib/containerd*", "active *")
    assert now.since(before, own) == []
    assert site.leftovers() == []
    assert "node3" not in site.ready_nodes()


def test_an_unreachable_node(site: Site) -> None:
    site.node("node3").cut()
    try:
        result = site.run("join", "node3")
    finally:
        site.node("node3").reconnect()

    expect(result, "KB201", 5, phase="connect")


def test_an_unreachable_node_hides_no_finding_of_others(site: Site) -> None:
    node = site.node("node3")
    path = node.exec("command -v iptables").stdout.strip()
    node.exec(f"mv {path} {path}.away")
    site.node("node2").cut()
    try:
        result = site.run("up", "--dry-run")
    finally:
        site.node("node2").reconnect()
        node.exec(f"mv {path}.away {path}")

    found = [(error["node"], error["code"]) for error in result.errors()]
    assert (result.status, sorted(found)) == (6, [("node2", "KB201"), ("node3", "KB309")])


def test_a_changed_host_key(site: Site, fresh: Snapshot, tmp_path: Path) -> None:
    start = time.time()
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    other = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    lines = site.lab.known_hosts().read_text().splitlines()
    address = site.node("node3").address
    known = tmp_path / "known_hosts"
    known.write_text("\n".join([*(x for x in lines if address not in x), f"{address} {other}", ""]))

    result = site.run("join", "node3", known_hosts=known)

    expect(result, "KB203", 5, "SHA256:", phase="connect")
    assert "accepted" not in {event.kind for event in site.node("node3").sshd_log(after=start)}
    unchanged(site, fresh)


def test_a_wrong_sudo_password(
    site: Site, fresh: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_SUDO", "not the password")

    with site.with_node("node3", ssh={"user": "opspw", "become_password": {"env": "LAB_SUDO"}}):
        result = site.run("join", "node3")

    expect(result, "KB206", 5, phase="connect")
    assert "not the password" not in result.out + result.err
    unchanged(site, fresh)


def test_the_right_sudo_password(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SUDO", site.lab.sudo_password)

    with site.with_node("node3", ssh={"user": "opspw", "become_password": {"env": "LAB_SUDO"}}):
        result = site.run("join", "node3", "--dry-run")

    assert result.status == 0
    assert site.lab.sudo_password not in result.out + result.err


def test_a_taken_port(site: Site, fresh: Snapshot) -> None:
    node = site.node("node3")
    node.exec("systemd-run --quiet --unit=squatter python3 -m http.server 10250")
    try:
        result = site.run("join", "node3")
    finally:
        node.exec("systemctl stop squatter")

    expect(result, "KB306", 6, "10250", phase="identity")
    unchanged(site, fresh)


def test_a_foreign_cluster(site: Site) -> None:
    node = site.node("node3")
    node.exec("mkdir -p /etc/kubernetes && echo theirs > /etc/kubernetes/kubelet.conf")
    before = node.snapshot()

    result = site.run("join", "node3")
    wiped = site.run("reset", "node3", "--yes")

    expect(result, "KB401", 7, "kubelet.conf", phase="identity")
    expect(wiped, "KB401", 7)
    unchanged(site, before)
    node.exec("rm -r /etc/kubernetes")


def test_a_runtime_that_does_not_start(site: Site) -> None:
    node = site.node("node3")
    node.exec("systemctl stop containerd; systemctl mask --runtime containerd")
    try:
        result = site.run("join", "node3")
    finally:
        node.exec("systemctl unmask --runtime containerd; systemctl start containerd")

    expect(result, "KB305", 6, "containerd", phase="runtime")
    assert site.leftovers() == []


def test_a_unit_that_fails_shows_its_journal(site: Site) -> None:
    """As with a setting that containerd refuses: systemctl alone gives no reason."""
    node, drop_in = site.node("node3"), "/run/systemd/system/containerd.service.d/odd.conf"
    node.exec(
        f"mkdir -p {drop_in.rpartition('/')[0]} && printf '[Service]\nExecStartPre=/bin/sh -c"
        f' "echo unknown cgroup manager; exit 1"\n\' >{drop_in}; systemctl daemon-reload;'
        " systemctl stop containerd"
    )
    try:
        result = site.run("join", "node3")
    finally:
        node.exec(f"rm {drop_in}; systemctl daemon-reload; systemctl restart containerd")

    expect(result, "KB305", 6, "unknown cgroup manager", phase="runtime")


def test_tools_that_later_phases_call(site: Site) -> None:
    """Both are named before anything is changed."""
    node = site.node("node3")
    paths = [node.exec(f"command -v {name}").stdout.strip() for name in ("iptables", "runc")]
    node.exec("".join(f"mv {path} {path}.away;" for path in paths))
    before = node.snapshot()
    try:
        result = site.run("join", "node3")
        unchanged(site, before)
    finally:
        node.exec("".join(f"mv {path}.away {path};" for path in paths))

    error = expect(
        result, "KB309", 6, "iptables (the pod network)", "runc (containerd)", phase="identity"
    )
    assert "`apt-get install iptables runc`" in error["hint"]


@contextlib.contextmanager
def another_system(node: Node, os_release: str) -> Iterator[None]:
    """A node whose os-release is of another distribution."""
    node.exec(f"mv /etc/os-release /etc/os.away; printf '{os_release}' >/etc/os-release")
    try:
        yield
    finally:
        node.exec("mv -f /etc/os.away /etc/os-release")


def test_a_node_without_runtime_gets_the_command_of_its_distribution(site: Site) -> None:
    node = site.node("node3")
    path = node.exec("command -v containerd").stdout.strip()
    node.exec(f"mv {path} {path}.away")
    try:
        with another_system(node, r'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'):
            result = site.run("join", "node3")
    finally:
        node.exec(f"mv {path}.away {path}")

    error = expect(result, "KB304", 6, "containerd is not installed", phase="identity")
    assert "`dnf install containerd.io`" in error["hint"]


def test_a_node_with_a_malformed_os_release(site: Site) -> None:
    """An error of that node with its file, no bug; others are not affected."""
    node = site.node("node3")
    with another_system(node, r'ID="my system; reboot"\n'):
        before = node.snapshot()
        result = site.run("join", "node3")
        status = site.run("status")
        unchanged(site, before)

    expect(result, "KB319", 6, "ID of os-release", "my system; reboot", phase="connect")
    assert [error["code"] for error in status.errors()] == ["KB319"]
    rows = [event["node"] for event in status.events if event["event"] == "status"]
    assert rows == ["node1", "node2", "node3"]


def test_another_ca_is_served(site: Site) -> None:
    info = json.loads(site.kubectl("-n", "kube-public", "get", "cm", "cluster-info", "-o", "json"))
    good = info["data"]["kubeconfig"]
    front = (
        site.node("node1").exec("base64 -w0 /etc/kubernetes/pki/front-proxy-ca.crt").stdout.strip()
    )
    lines = [
        f"    certificate-authority-data: {front}" if "certificate-authority-data" in line else line
        for line in good.splitlines()
    ]
    patch_cluster_info(site, "\n".join(lines) + "\n")
    try:
        result = site.run("join", "node3")
    finally:
        patch_cluster_info(site, good)

    expect(result, "KB501", 8, "sha256:", phase="join-worker")
    assert site.leftovers() == []


def test_a_full_disk(site: Site) -> None:
    node = site.lab.add_node("node4", disks={"/etc": "16m"})
    node.disks.fill("/etc")
    site.write_inventory()

    result = site.run("join", "node4", "--accept-new-host-keys")

    site.lab.nodes.remove(node)
    node.remove()
    site.write_inventory()
    errors = result.errors()
    assert [error["code"] for error in errors] == ["KB303"], result.out[-2000:]
    assert (errors[0]["node"], errors[0]["phase"]) == ("node4", "identity")
    assert result.status == 6
    assert result.seconds < within(SOON)


def patch_cluster_info(site: Site, kubeconfig: str) -> None:
    """Have the API serve another cluster-info; the controller manager signs it as it is."""
    manifest = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cluster-info", "namespace": "kube-public"},
            "data": {"kubeconfig": kubeconfig},
        }
    )
    command = "kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f -"
    site.node("node1").exec(["sh", "-c", command], stdin=manifest)
