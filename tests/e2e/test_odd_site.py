"""A site unlike the others: cri-o, two families, an external etcd, a jump host, odd userlands.

node1 (`sh` is bash) and node2 (Debian 13) are control planes, node3 (busybox) is a worker; node4 is
no node of the cluster: etcd runs there, and every login goes through it. The pod network comes from
a manifest, and CoreDNS runs on it. With real binaries the runtime is containerd. The tests of this
file build on each other.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import cni_manifest, odd_nodes
from tests.e2e.kept import PLACES, left_by_reset
from tests.e2e.outside import FOLDER, ExternalEtcd, external_etcd
from tests.e2e.site import Result, Site
from tests.lab import rootfs
from tests.lab.images import Files
from tests.lab.snapshot import Snapshot
from tests.load import within

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]

STORE = "/var/lib/containers"  # cri-o's images, which stay
RESTART = "systemctl restart {}"
WITHIN = 60  # seconds for an error that 600 s would bring as well
NAMES = ("node1", "node2", "node3")
PLANES = NAMES[:2]
AGENT: Files = {
    "/agent": b"#!/bin/busybox sh\nexec busybox sleep 2147483647\n",
    "/bin/busybox": Path("/bin/busybox"),
    "/bin/cp": Path("/bin/busybox"),
}
NEW_HOST = "reg.example.test"
MIRROR = {"host": NEW_HOST, "endpoints": ["http://a.example.test"], "insecure": True}
RUNTIME = {
    "standin": ("cri-o", "crio.service", "/etc/containers/registries.conf.d/10-kbootstrap.conf"),
    "real": ("containerd", "containerd.service", f"/etc/containerd/certs.d/{NEW_HOST}/hosts.toml"),
}


@dataclass
class Odd:
    """The site and what it stands on."""

    site: Site
    etcd: ExternalEtcd
    seconds: dict[str, str]
    fresh: dict[str, Snapshot]
    agent: str  # the image

    @property
    def file(self) -> Path:
        return self.site.folder / "network.yaml"

    def network(self, image: str = "", mtu: int = 1400) -> None:
        """Write the manifest of the pod network."""
        self.file.write_text(yaml.safe_dump_all(cni_manifest.manifest(image or self.agent, mtu)))

    def write(self, mirrors: tuple[dict[str, object], ...] = ()) -> None:
        """Write the inventory."""
        site, outside = self.site, self.site.node("node4")
        kind = RUNTIME[site.kind][0]
        site.extra = {
            "defaults": {"ssh": {"jump": {"host": outside.address}}},
            "network": {
                "pod_cidr": ["10.244.0.0/16", "fd00:244::/56"],
                "service_cidr": ["10.96.0.0/12", "fd00:96::/112"],
            },
            "etcd": {"image_tag": None, "external": self.etcd.inventory},
            "addons": {"dns": True},
            "cni": {"type": "manifest", "manifests": [str(self.file)]},
        }
        if kind == "cri-o":
            site.extra["runtime"] = {"type": kind, "settings": None}
        site.write_inventory(site.lab.nodes[:3])
        data = site.inventory_data()
        data["registry"]["mirrors"] += mirrors
        for entry in data["nodes"]:
            entry["second_address"] = self.seconds[entry["name"]]
        site.save(data)


@pytest.fixture(scope="module")
def odd(kind: str, make_site: Callable[..., Site]) -> Iterator[Odd]:
    """Fresh nodes, prepared; etcd runs."""
    recipes = {"node2": rootfs.NEWER_NODE}
    site = make_site(f"odd{kind[0]}", 4, control_planes=2, recipes=recipes)
    seconds = odd_nodes.second_addresses(site)
    odd_nodes.bash_as_sh(site.node("node1"))
    odd_nodes.busybox_userland(site.node("node3"))
    if kind == "standin":
        for name in NAMES:
            odd_nodes.crio(site.node(name), site.version)
    with external_etcd(site, site.node("node4")) as etcd:
        for name in PLANES:
            etcd.give_certificate(site.node(name))
        agent = site.lab.registry.push_program("agent", "1", AGENT)
        fresh = {name: site.node(name).snapshot() for name in NAMES}
        made = Odd(site, etcd, seconds, fresh, agent)
        made.network()
        made.write()
        yield made


def applied(result: Result) -> list[str]:
    """The kinds of the objects that were applied."""
    return [text.split()[1] for _, _, text in result.actions if text.startswith("apply ")]


def items(site: Site, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(site.kubectl("get", *words, "-o", "json"))["items"]
    return found


def mtus(site: Site) -> list[str]:
    """What the running agents were started with."""
    return [
        pod["spec"]["containers"][0]["env"][0]["value"]
        for pod in items(site, "pods", "-n", cni_manifest.NAMESPACE)
        if not pod["metadata"].get("deletionTimestamp")
        and all(status["ready"] for status in pod["status"]["containerStatuses"])
    ]


def test_one_up_makes_the_cluster(odd: Odd) -> None:
    site = odd.site

    planned = site.run("up", "--dry-run", "--exit-code")
    done = site.ok("up")

    assert planned.status == 4
    assert sorted(done.actions) == sorted(planned.plan)
    assert applied(done) == list(cni_manifest.KINDS)
    assert site.ready_nodes() == dict.fromkeys(NAMES, True)
    print(f"\nup of the odd site ({site.kind}): {done.seconds:.1f} s")


def test_each_node_is_what_it_was_and_has_both_families(odd: Odd) -> None:
    site = odd.site
    shells = ("dash", "bash", "dash", "busybox")
    for number, name in enumerate(NAMES, 1):
        shell = site.node(name).exec("readlink -f /bin/sh").stdout.strip()
        assert shell.endswith(shells[number])
    for node in items(site, "nodes"):
        name, status = node["metadata"]["name"], node["status"]
        found = [a["address"] for a in status["addresses"] if a["type"] == "InternalIP"]
        assert found == [site.node(name).address, odd.seconds[name]]
        assert [":" in cidr for cidr in node["spec"]["podCIDRs"]] == [False, True]
        runtime = status["nodeInfo"]["containerRuntimeVersion"]
        assert runtime.startswith(f"{RUNTIME[site.kind][0]}://")
        suite = "trixie" if name == "node2" else "bookworm"
        assert suite in status["nodeInfo"]["osImage"]


def test_etcd_is_the_external_one_and_every_login_goes_through_the_jump_host(odd: Odd) -> None:
    site = odd.site
    assert odd.etcd.keys() > 50
    for name in NAMES:
        node = site.node(name)
        assert "etcd" not in node.exec("ls /etc/kubernetes/manifests", check=False).stdout
        logins = [event for event in node.sshd_log() if event.kind == "accepted"]
        assert {event.source for event in logins} == {site.node("node4").address}
    start = time.time()
    site.ok("status")
    jumps = [e.kind for e in site.node("node4").sshd_log(after=start)].count("accepted")
    assert jumps == 1


def test_the_network_of_the_manifest_runs_and_coredns_on_it(odd: Odd) -> None:
    site = odd.site
    for name in NAMES:
        text = site.node(name).exec(["cat", cni_manifest.CONFLIST]).stdout
        assert text == cni_manifest.conflist(1400)
    assert mtus(site) == ["1400"] * 3
    (dns,) = items(site, "deployments", "-n", "kube-system")
    assert dns["metadata"]["name"] == "coredns"
    assert dns["status"]["readyReplicas"] == dns["spec"]["replicas"] == 2


def test_a_second_up_has_nothing_to_do(odd: Odd) -> None:
    for words in (["up"], ["up", "--dry-run"]):
        result = odd.site.run(*words, "--exit-code")
        assert (result.status, result.plan) == (3, []), result.out[-3000:]


def test_changes_of_network_and_runtime_are_applied_and_waited_for(odd: Odd) -> None:
    site = odd.site
    _, unit, file = RUNTIME[site.kind]
    odd.network(mtu=1300)
    odd.write(mirrors=(MIRROR,))

    result = site.ok("up")

    assert applied(result) == ["ConfigMap", "DaemonSet"]
    assert mtus(site) == ["1300"] * 3
    for name in NAMES:
        node = site.node(name)
        assert node.exec(["cat", cni_manifest.CONFLIST]).stdout == cni_manifest.conflist(1300)
        assert "a.example.test" in node.exec(["cat", file]).stdout
        texts = [text for where, _, text in result.actions if where == name]
        restarts = [text for text in texts if text.startswith(f"restart {unit}; ")]
        assert len(restarts) == (site.kind == "standin")  # containerd reads hosts.toml by itself
    assert site.run("up", "--exit-code").status == 3


def test_an_image_no_registry_has_is_an_error_within_seconds(odd: Odd) -> None:
    site = odd.site
    odd.network(image=f"{site.repository}/nobody-has-this:1", mtu=1200)

    result = site.run("up")

    (error,) = result.errors()
    assert error["code"] == "KB334", result.out
    assert "nobody-has-this" in json.dumps(error)
    assert "ImagePull" in json.dumps(error)
    assert result.seconds < within(WITHIN)
    odd.network(mtu=1200)
    site.ok("up")
    assert mtus(site) == ["1200"] * 3


def test_a_reset_leaves_the_nodes_as_they_were_and_the_etcd_empty(odd: Odd) -> None:
    site = odd.site

    site.ok("reset", "--yes", "--destroy-cluster", "--wipe-external-etcd", "--restore-host")

    assert odd.etcd.keys() == 0
    for name in NAMES:
        left = [x for x in left_by_reset(site.node(name), odd.fresh[name]) if STORE not in x]
        left = [x for x in left if PLACES.match(x) and cni_manifest.CONFLIST not in x]
        assert [x for x in left if FOLDER not in x] == [], "\n".join(left)
    for name in PLANES:  # kubeadm join writes these again, with the same content
        assert odd.etcd.is_client(site.node(name))
