"""The life of a small cluster, in order: plan, up, nothing to do, reset one, join one, reset all.

One control plane and two workers; the tests of this file build on each other.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.kept import left_by_reset
from tests.e2e.secrets import found_secrets
from tests.e2e.site import Result, Site
from tests.lab.snapshot import ORDINARY, Snapshot

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]


@dataclass
class Life:
    """What the tests of this file hand on."""

    site: Site
    fresh: dict[str, Snapshot] = field(default_factory=dict)
    planned: Result | None = None
    done: Result | None = None


@pytest.fixture(scope="module")
def life(kind: str, make_site: Callable[..., Site]) -> Life:
    """Three fresh nodes."""
    site = make_site(f"c{kind[0]}", 3)
    return Life(site, {node.name: node.snapshot() for node in site.lab.nodes})


def objects(site: Site) -> dict[str, Any]:
    """Every object's whole content, but for what the cluster itself keeps renewing."""
    found = {}
    for kind in ("nodes", "configmaps", "secrets", "daemonsets", "deployments", "pods"):
        items = json.loads(site.kubectl("get", kind, "-A", "-o", "json"))["items"]
        for item in items:
            meta = item["metadata"]
            key = f"{kind}/{meta.get('namespace', '')}/{meta['name']}"
            item.pop("status", None)
            for renewed in ("resourceVersion", "managedFields"):
                meta.pop(renewed, None)
            found[key] = item
    return found


def test_a_dry_run_on_fresh_nodes_changes_nothing(life: Life) -> None:
    life.planned = life.site.run("up", "--dry-run", "--exit-code")

    assert life.planned.status == 4, life.planned.err
    assert len(life.planned.plan) > 50
    for node in life.site.lab.nodes:
        assert node.snapshot().since(life.fresh[node.name]) == []


def test_up_does_exactly_the_plan(life: Life) -> None:
    assert life.planned is not None

    life.done = life.site.ok("up")

    assert sorted(life.done.actions) == sorted(life.planned.plan)
    print(f"\nup, 1 control plane and 2 workers ({life.site.kind}): {life.done.seconds:.1f} s")


def test_every_node_is_ready(life: Life) -> None:
    assert life.site.ready_nodes() == {"node1": True, "node2": True, "node3": True}
    assert life.site.leftovers() == []
    assert life.site.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_the_certificate_and_the_cluster_are_as_the_inventory_says(life: Life) -> None:
    site, first = life.site, life.site.lab.nodes[0]

    text = first.exec("openssl x509 -noout -text -in /etc/kubernetes/pki/apiserver.crt").stdout
    config = json.loads(
        site.kubectl("-n", "kube-system", "get", "cm", "kubeadm-config", "-o", "json")
    )
    manifest = first.exec(["cat", "/etc/kubernetes/manifests/kube-apiserver.yaml"]).stdout

    for san in ("DNS:api.example.test", f"IP Address:{first.address}", "IP Address:10.96.0.1"):
        assert san in text
    stored = config["data"]["ClusterConfiguration"]
    for words in (
        "podSubnet: 10.244.0.0/16",
        "serviceSubnet: 10.96.0.0/12",
        site.repository,
        f"controlPlaneEndpoint: {first.address}:6443",
        site.version,
    ):
        assert words in stored
    assert f"--advertise-address={first.address}" in manifest
    assert f"{site.repository}/kube-apiserver:{site.version}" in manifest


def test_images_came_from_the_repository_of_the_inventory(life: Life) -> None:
    prefix = life.site.repository.split("/", 1)[1]
    pulls = {(pull.image, pull.source) for pull in life.site.lab.registry.pulls()}

    first = life.site.lab.nodes[0].address
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "pause"):
        assert (f"{prefix}/{name}", first) in pulls
    for node in life.site.lab.nodes[1:]:
        assert (f"{prefix}/kube-proxy", node.address) in pulls


def test_a_second_up_does_nothing(life: Life) -> None:
    site = life.site
    before = {node.name: node.snapshot() for node in site.lab.nodes}
    uids = objects(site)

    again = site.run("up", "--exit-code", "-v")

    assert again.status == 3, again.out[-3000:] + again.err
    for node in site.lab.nodes:
        assert touched(node.snapshot(), before[node.name]) == []
    assert objects(site) == uids
    trips = {e["node"]: e["trips"] for e in again.events if e["event"] == "meter"}
    assert max(trips.values()) <= 5
    print(f"\nsecond up ({site.kind}): {again.seconds:.1f} s, round trips {trips}")


def touched(now: Snapshot, before: Snapshot) -> list[str]:
    """Changes that a running cluster does not make by itself."""
    own = (
        "files /var/lib/kubelet/*",
        "files /var/lib/etcd/*",
        "files /var/lib/containerd*",
        "files /var/lib/systemd/*",
        "files /var/lib/cni/*",
        "active *",
        "mounts *",
        "links *",
        "processes *systemctl *",  # the stand-in's kubelet looks after its pods with it
        "processes *runc*",
        "processes *crictl*",
        "processes *sshd*",
        "processes *iptables*",
        "firewall *",
        "files /root/*",
    )
    lines = now.since(before, (*own, *ORDINARY))
    return [x for x in lines if "containerd-shim" not in x and not _is_fork(x, now, before)]


def _is_fork(line: str, now: Snapshot, before: Snapshot) -> bool:
    """A child that has not yet called exec: a process with the same arguments ran all the time."""
    old, new = before.sections["processes"], now.sections["processes"]
    lived = {new[pid].split(" ", 1)[1] for pid in new if old.get(pid) == new[pid]}
    return line.startswith("processes ") and any(words in line for words in lived)


def test_a_dry_run_on_a_running_cluster_changes_nothing(life: Life) -> None:
    site = life.site
    site.write_inventory(nodes=None, files=[{"path": "/etc/motd.extra", "content": "hello\n"}])
    before = {node.name: node.snapshot() for node in site.lab.nodes}
    uids = objects(site)

    plan = site.run("plan", "--exit-code")

    site.write_inventory()
    assert plan.status == 4
    assert {text for _, _, text in plan.plan} == {
        "write /etc/motd.extra (6 bytes, 0644)",
        "write /var/lib/kbootstrap/files (16 bytes, 0600)",
    }
    for node in site.lab.nodes:
        assert touched(node.snapshot(), before[node.name]) == []
    assert objects(site) == uids


def test_status_needs_few_round_trips(life: Life) -> None:
    status = life.site.run("status", "-v")

    assert status.status == 0
    rows = [event for event in status.events if event["event"] == "status"]
    assert [row["state"] for row in rows] == ["Ready"] * 3
    assert [row["to do"] for row in rows] == ["nothing"] * 3
    trips = [event["trips"] for event in status.events if event["event"] == "meter"]
    assert max(trips) <= 5


def test_reset_leaves_a_node_as_it_was(life: Life) -> None:
    site, node = life.site, life.site.node("node3")
    start = time.time()

    result = site.ok("reset", "node3", "--yes")

    assert site.ready_nodes() == {"node1": True, "node2": True}
    left = left_by_reset(node, life.fresh["node3"])
    assert left == [], "\n".join(left)
    assert site.node("node2").contacts(after=start) == []
    print(f"\nreset node3 ({site.kind}): {result.seconds:.1f} s")


def test_join_touches_only_the_named_node(life: Life) -> None:
    site, start = life.site, time.time()

    result = site.ok("join", "node3")

    assert site.ready_nodes() == {"node1": True, "node2": True, "node3": True}
    assert site.leftovers() == []
    assert site.node("node2").contacts(after=start) == []
    assert site.node("node1").contacts(after=start) != []
    print(f"\njoin node3 ({site.kind}): {result.seconds:.1f} s")


def test_nothing_secret_stays_anywhere(life: Life) -> None:
    assert found_secrets(life.site) == []


def test_reset_of_the_cluster_wants_its_name_and_up_works_again(life: Life) -> None:
    site = life.site

    for words in ((), ("--yes",)):
        refused = site.run("reset", *words)
        assert refused.status == 7
        assert refused.errors()[0]["code"] == "KB405"
    assert all(site.ready_nodes().values())

    site.ok("reset", "--yes", "--destroy-cluster")
    assert len(list(site.folder.glob(f"{site.name}-etcd-*.db"))) == 1
    for node in site.lab.nodes:
        left = left_by_reset(node, life.fresh[node.name])
        assert left == [], "\n".join(left)

    site.ok("up")
    assert site.ready_nodes() == {"node1": True, "node2": True, "node3": True}
