"""etcd's data retained and brought back: a snapshot, all data lost, a restore; also cut short."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.site import Site
from tests.lab.shell import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
NAMES = ("node1", "node2", "node3")
FOLDER = "/var/lib/kbootstrap/snapshots"


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """Three control planes, up."""
    made = make_site(f"ed{kind[0]}", 3, control_planes=3)
    made.ok("up")
    return made


@pytest.fixture(scope="module")
def snapshot(site: Site) -> Path:
    """A snapshot that holds the ConfigMap `before`."""
    make_config_map(site, "before")
    path = site.folder / "kept.db"
    result = site.ok("etcd", "snapshot", "--to", str(path))
    print(f"\netcd snapshot ({site.kind}): {result.seconds:.1f} s, {path.stat().st_size} bytes")
    return path


def make_config_map(site: Site, name: str) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    (site.lab.nodes[0].root / "root/object.json").write_text(json.dumps(manifest))
    site.kubectl("create", "-f", "/root/object.json")


def config_maps(site: Site) -> set[str]:
    items = json.loads(site.kubectl("get", "configmaps", "-o", "json"))["items"]
    return {item["metadata"]["name"] for item in items} - {"kube-root-ca.crt"}


def lose_all_data(site: Site) -> None:
    """Every member's data is gone at once."""
    for node in site.lab.nodes:
        node.exec("mv /etc/kubernetes/manifests/etcd.yaml /root/")
    for node in site.lab.nodes:
        node.exec(
            "for i in $(seq 300); do [ -n \"$(crictl ps -q --name '^etcd$')\" ] || break; "
            "sleep 0.2; done; find /var/lib/etcd -mindepth 1 -delete; "
            "mv /root/etcd.yaml /etc/kubernetes/manifests/"
        )


def wait_ready(site: Site, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while site.ready_nodes() != dict.fromkeys(NAMES, True):
        assert time.monotonic() < deadline
        time.sleep(1)


def test_a_snapshot_is_stored_on_the_node_and_locally(site: Site, snapshot: Path) -> None:
    kept = site.node("node1").exec(f"sha256sum {FOLDER}/*.db; stat -c %a:%U {FOLDER}/*.db").stdout
    assert kept.split()[0] == hashlib.sha256(snapshot.read_bytes()).hexdigest()
    assert kept.split()[-1] == "600:root"
    assert snapshot.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in site.folder.glob("kept.db*")] == ["kept.db"]
    again = site.run("etcd", "snapshot", "--to", str(snapshot))
    assert (again.status, again.errors()[0]["code"]) == (2, "KB193")


def next_second() -> None:
    begun = int(time.time())
    wait_until("another second begins", lambda: time.time() > begun + 1)


def test_the_newest_three_stay(site: Site, snapshot: Path) -> None:
    """Their names have the second in which they were taken."""
    for number in range(3):
        next_second()
        site.ok("etcd", "snapshot", "--to", str(snapshot.with_name(f"more{number}.db")))
    names = site.node("node1").exec(f"cd {FOLDER}; ls -1 *.db").stdout.split()
    assert len(names) == 3


def test_all_data_lost(site: Site, snapshot: Path) -> None:
    make_config_map(site, "after")
    lose_all_data(site)

    plan = site.run("etcd", "restore", str(snapshot), "--dry-run")
    assert {node for node, _, _ in plan.plan} == set(NAMES)
    refused = site.run("etcd", "restore", str(snapshot))
    assert (refused.status, refused.errors()[0]["code"]) == (7, "KB405")
    result = site.ok("etcd", "restore", str(snapshot), "--yes")

    print(f"\netcd restore, 3 control planes ({site.kind}): {result.seconds:.1f} s")
    assert config_maps(site) == {"before"}
    wait_ready(site)
    assert site.run("etcd", "restore", str(snapshot), "--yes", "--dry-run").plan == []
    assert site.run("up", "--exit-code").status == 3
    old = site.node("node1").exec("ls -d /var/lib/etcd*/kbootstrap-old-* /var/lib/etcd.k*; :")
    assert old.stdout.split()


def test_one_whose_data_is_lost_alone_is_not_restored(site: Site, snapshot: Path) -> None:
    """It would meet members that went on."""
    site.node("node3").exec("mv /var/lib/etcd/member/kbootstrap-restored /root/")
    refused = site.run("etcd", "restore", str(snapshot), "--yes")
    site.node("node3").exec("mv /root/kbootstrap-restored /var/lib/etcd/member/")
    assert (refused.status, refused.errors()[0]["code"]) == (7, "KB434")


@pytest.mark.parametrize(
    ("at", "about"),
    [
        pytest.param("etcd-stop", "", marks=pytest.mark.all_cases),
        ("etcd-restore", "restore "),
        pytest.param("etcd-start", "", marks=pytest.mark.all_cases),
    ],
)
def test_killed_on_the_way(site: Site, at: str, about: str) -> None:
    """Whatever it was about, the same command continues and ends with the same."""
    wait_ready(site)
    path = site.folder / f"{at}.db"
    site.ok("etcd", "snapshot", "--to", str(path))
    make_config_map(site, f"after-{at}")

    with site.start("etcd", "restore", str(path), "--yes") as first:
        assert first.stdout is not None
        for line in first.stdout:
            event = json.loads(line) if line.startswith("{") else {}
            if (event.get("event"), event.get("phase")) != ("action", at):
                continue
            if event["text"].startswith(about):
                break
        first.kill()
    if at == "etcd-restore":
        assert {error["code"] for error in site.run("up").errors()} == {"KB435"}
    site.ok("etcd", "restore", str(path), "--yes")

    assert config_maps(site) == {"before"}
    wait_ready(site)
    assert site.run("up", "--exit-code").status == 3
