"""Reset where something is not ours, or still at work: nothing of others goes, nothing continues.

One control plane and one worker; the tests of this file build on each other.
"""

from collections.abc import Callable

import pytest

from tests.e2e.kept import left_by_reset
from tests.e2e.site import Result, Site
from tests.lab.node import Node
from tests.lab.snapshot import Snapshot

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
DESTROY = ("reset", "--yes", "--destroy-cluster")
PRECIOUS = "/var/lib/etcd/member/snap/db"
THEIRS = ("/etc/kubernetes/manifests/mine.yaml", "/var/lib/kubelet/pods/data")


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """Two fresh nodes."""
    return make_site(f"rf{kind[0]}", 2)


@pytest.fixture(scope="module")
def fresh(site: Site) -> dict[str, Snapshot]:
    """Before anything happened to them."""
    return {node.name: node.snapshot() for node in site.lab.nodes}


def plant(node: Node, *paths: str) -> None:
    for path in paths:
        node.exec(f"mkdir -p {path.rsplit('/', 1)[0]}; echo precious >{path}")


def there(node: Node, path: str) -> bool:
    return node.exec(f"cat {path}", check=False).stdout == "precious\n"


def refused(result: Result, code: str) -> str:
    assert result.status == 7, result.out + result.err
    assert {error["code"] for error in result.errors()} == {code}, result.errors()
    return "".join(error["detail"] for error in result.errors())


def test_data_of_others_is_refused(site: Site, fresh: dict[str, Snapshot]) -> None:
    assert fresh
    node1, node2 = site.lab.nodes
    plant(node1, PRECIOUS)
    plant(node2, *THEIRS)

    for words in (DESTROY, ("reset", "node1", "--yes", "--destroy-cluster", "--without-api")):
        assert "etcd data, /var/lib/etcd" in refused(site.run(*words), "KB401")
    said = refused(site.run("reset", "node2", "--yes", "--without-api"), "KB401")
    assert "static pod manifests" in said
    assert "kubelet data" in said
    assert all(there(node1, path) for path in (PRECIOUS,))
    assert all(there(node2, path) for path in THEIRS)

    node1.exec("rm -r /var/lib/etcd/member")
    node2.exec("rm -r /var/lib/kubelet/pods /etc/kubernetes")


def test_a_command_whose_record_is_gone_is_named(site: Site) -> None:
    node = site.node("node1")
    node.exec("systemd-run --unit=kbootstrap-init --collect --quiet sleep 1000")

    assert refused(site.run("up"), "KB408") == "systemctl stop kbootstrap-init.service"

    site.ok(*DESTROY)
    assert node.exec("systemctl is-active kbootstrap-init", check=False).returncode != 0


def test_an_init_under_way_is_stopped(site: Site, fresh: dict[str, Snapshot]) -> None:
    node = site.node("node1")
    site.ok("up", "--limit", "node1", "--until", "kubeadm-config")
    body = "touch /run/begun; until [ -e /run/never ]; do sleep 1; done"
    node.exec(
        "d=/var/lib/kbootstrap/run/init; mkdir -p $d; echo x >$d/run_id;"
        f" systemd-run --unit=kbootstrap-init --collect --quiet flock $d/lock sh -c '{body}'"
    )

    result = site.ok(*DESTROY)

    assert "stop commands of an earlier run: init" in [text for _, _, text in result.plan]
    assert node.exec("pgrep -f /run/[n]ever", check=False).stdout == ""
    assert left_by_reset(node, fresh["node1"]) == []


def test_files_older_than_us_and_lines_added_since_stay(
    site: Site, fresh: dict[str, Snapshot]
) -> None:
    assert fresh
    node2 = site.node("node2")
    older = ("/etc/kubernetes/mine.yaml", "/var/lib/kubelet/mine/data", "/var/log/pods/mine")
    plant(node2, *older)
    node2.exec(
        "sed -i /node2/d /etc/hosts; printf '10.9.9.9 db.internal' >>/etc/hosts;"
        " ip link add cni0 type bridge"
    )
    site.ok("up")
    assert "node2 # kbootstrap" in node2.exec("cat /etc/hosts").stdout
    node2.exec("echo '10.9.9.8 later.internal' >>/etc/hosts; echo theirs >>/etc/crictl.yaml")

    result = site.ok("reset", "node2", "--yes")

    assert all(there(node2, path) for path in older)
    hosts = node2.exec("cat /etc/hosts").stdout
    assert "10.9.9.9 db.internal\n10.9.9.8 later.internal\n" in hosts
    assert "node2" not in hosts
    assert node2.exec("ip link show cni0", check=False).returncode == 0
    assert "theirs" in node2.exec("cat /etc/crictl.yaml").stdout
    assert "retain /etc/crictl.yaml" in "".join(text for _, _, text in result.plan)


def test_no_unit_of_ours_is_listed_as_failed(site: Site) -> None:
    site.ok(*DESTROY)
    for node in site.lab.nodes:
        assert "kbootstrap" not in node.exec("systemctl list-units --all --plain").stdout
        assert "kubelet" not in node.exec("systemctl --failed --plain").stdout
