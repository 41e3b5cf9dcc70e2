"""What trials on live clusters broke, once each on real binaries; the stand-in has more of each.

Each test is named after a point of issue 11. The first ones share one control plane and two
workers, and build on each other.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.outside import external_etcd
from tests.e2e.site import Result, Site, real_programs
from tests.e2e.upgrades import runs, started
from tests.faults.invariants import MEMBERS
from tests.lab.images import Files
from tests.lab.node import Node
from tests.lab.rootfs import OPSPW_PASSWORD
from tests.lab.shell import wait_until
from tests.load import within

pytestmark = [
    pytest.mark.lab,
    pytest.mark.usefixtures("as_root"),
    pytest.mark.skipif(not real_programs(), reason="NOT RUN: these trials need real programs"),
]
DESTROY = ("reset", "--yes", "--destroy-cluster")
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
PKI = "/etc/kubernetes/pki"
TAINT = "node-role.kubernetes.io/control-plane"


@pytest.fixture(scope="module")
def kind() -> str:
    """Only the real binaries."""
    return "real"


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    """One control plane and two workers; the test of point e brings them up."""
    return make_site("rt", 3)


def refused(result: Result, code: str, status: int = 7) -> str:
    """The errors' text, once each has the code."""
    assert result.status == status, result.out[-4000:] + result.err
    assert {error["code"] for error in result.errors()} == {code}, result.errors()
    return " ".join(f"{error['message']} {error['detail']}" for error in result.errors())


def differences(result: Result) -> dict[str, str]:
    """Key -> the live value that the cluster is said to have."""
    return {e["key"]: e["live"] for e in result.events if e["event"] == "difference"}


def nothing_to_do(site: Site) -> None:
    result = site.run("up", "--exit-code")
    assert (result.status, result.plan) == (3, []), result.out[-4000:] + result.err
    assert differences(result) == {}


def test_a_data_of_unknown_origin_is_not_reset(site: Site) -> None:
    leader, worker = site.node("node1"), site.node("node2")
    places = ((leader, "/var/lib/etcd/member/snap/db"), (worker, "/etc/kubernetes/manifests/x"))
    for node, path in places:
        node.exec(f"mkdir -p {path.rsplit('/', 1)[0]} && echo precious >{path}")

    said = refused(site.run(*DESTROY), "KB401")
    said += refused(site.run("reset", "node2", "--yes", "--without-api"), "KB401")

    assert "/var/lib/etcd" in said
    assert "static pod manifests" in said
    for node, path in places:
        assert node.exec(["cat", path]).stdout == "precious\n"
    leader.exec("rm -r /var/lib/etcd/member")
    worker.exec("rm -r /etc/kubernetes")


def test_e_a_reset_ends_an_init_under_way(site: Site) -> None:
    node = site.node("node1")
    node.exec(
        "systemd-run --quiet --unit=freezer"
        " sh -c 'while sleep 0.05; do pkill -STOP -x etcd; done; :'"
    )
    operator = site.start("up")
    try:
        wait_until("init waits for etcd", lambda: frozen(node), timeout=300, every=0.2)
    finally:
        operator.kill()
        operator.communicate()
    assert runs(node, "[k]ubeadm init")

    try:
        site.ok(*DESTROY)
    finally:
        node.exec("systemctl stop freezer")
    assert node.exec("systemctl list-units --all --plain 'kbootstrap-*' --no-legend").stdout == ""
    for name in ("kubeadm init", "kube-apiserver", "kubelet"):
        assert not runs(node, f"[{name[0]}]{name[1:]}"), name
    result = site.ok("up")
    print(f"\nup after a reset during init: {result.seconds:.1f} s")
    assert site.ready_nodes() == dict.fromkeys(("node1", "node2", "node3"), True)


def frozen(node: Node) -> bool:
    return "T" in node.exec("ps -o stat= -C etcd", check=False).stdout


def test_d_a_fresh_cluster_differs_in_nothing(site: Site) -> None:
    nothing_to_do(site)
    assert site.run("status").status == 0


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("pod_cidr", {"network": {"pod_cidr": "10.200.0.0/16"}}),
        ("service_cidr", {"network": {"service_cidr": "10.97.0.0/16"}}),
        ("dns_domain", {"network": {"dns_domain": "example.test"}}),
        ("endpoint", {"api": {"endpoint": "api.example.test:6443"}}),
        ("bind_port", {"api": {"bind_port": 7443}}),
        ("data_dir", {"etcd": {"data_dir": "/srv/etcd"}}),
    ],
)
def test_d_a_fixed_setting_is_refused(site: Site, key: str, change: dict[str, Any]) -> None:
    site.write_inventory(**change)
    try:
        result = site.run("up")
    finally:
        site.write_inventory()
    assert key in refused(result, "KB440")
    assert result.actions == []


def test_d_a_changed_name_is_refused(site: Site) -> None:
    with site.with_node("node3", name="node9"):
        assert "node3" in refused(site.run("up"), "KB440")


def test_d_a_setting_that_is_not_applied_is_reported(site: Site) -> None:
    site.write_inventory(
        api={"cert_sans": ["api.example.test", "more.example.test"]},
        kubeadm={"extra_args": {"api_server": {"profiling": ["false"]}}},
        kubelet={"maxPods": 77},
        kube_proxy={"mode": "nftables"},
    )
    try:
        results = [site.run(*words) for words in (("up",), ("up", "--dry-run"), ("status",))]
        again = site.run("up")
    finally:
        site.write_inventory()

    for result in (*results, again):
        assert result.status == 9, result.out[-3000:] + result.err
        live = differences(result)
        assert set(live) == {
            "api.cert_sans",
            "kubeadm.extra_args.api_server",
            "kubelet.maxPods",
            "kube_proxy.mode",
        }
        assert live["api.cert_sans"] == "api.example.test"
    assert again.actions == []
    assert "nothing to do: every node" not in again.out
    site.ok("up")
    nothing_to_do(site)


def test_b_the_role_of_a_live_worker_is_not_changed(site: Site) -> None:
    worker = site.node("node2")

    def state() -> str:
        return worker.exec(
            "systemctl show -p MainPID kubelet; find /etc/kubernetes /var/lib/kubelet/pki"
            " /var/lib/kubelet/config.yaml -type f | sort | xargs sha256sum"
        ).stdout

    before = state()
    with site.with_node("node2", role="control-plane"):
        results = [site.run("up"), site.run("join", "node2"), site.run("up", "--limit", "node2")]

    for result in results:
        assert "kbootstrap replace node2" in refused(result, "KB440")
    assert state() == before
    assert "ca.key" not in before
    nothing_to_do(site)


def test_c_a_missing_addon_is_its_own_phase(site: Site) -> None:
    leader = site.node("node1")
    inits = started(leader, "init")
    site.kubectl("-n", "kube-system", "delete", "ds/kube-proxy", "cm/kube-proxy")
    site.kubectl("taint", "node", "node1", f"{TAINT}-")
    leader.exec(f"sed -i 's/^    - kube-apiserver$/&\\n    - --profiling=false/' {MANIFEST}")
    wait_until("the API server has the flag", lambda: served(leader), timeout=120, every=1)

    result = site.ok("up")

    assert [text for _, _, text in result.actions if "kubeadm init" in text] == [
        "kubeadm init phase addon kube-proxy"
    ]
    assert started(leader, "init") == inits
    kept(site)
    nothing_to_do(site)


def served(leader: Node) -> bool:
    alive = "pgrep -f '[k]ube-apiserver.*--profiling=false' && curl -skf https://127.0.0.1:6443/"
    return leader.exec(f"{alive}readyz", check=False).returncode == 0


def kept(site: Site) -> None:
    """What was changed by hand is still there."""
    assert "--profiling=false" in site.node("node1").exec(["cat", MANIFEST]).stdout
    assert site.kubectl("get", "node", "node1", "-o", "jsonpath={.spec.taints}") == ""


def test_c_dns_switched_on_is_its_own_phase(site: Site) -> None:
    inits = started(site.node("node1"), "init")
    site.extra = {"addons": {"dns": True}}
    site.write_inventory()

    result = site.ok("up")

    assert [text for _, _, text in result.actions if "kubeadm init" in text] == [
        "kubeadm init phase addon coredns"
    ]
    assert "coredns" in site.kubectl("-n", "kube-system", "get", "deployments", "-o", "name")
    assert started(site.node("node1"), "init") == inits
    kept(site)
    nothing_to_do(site)


def test_g_sudo_records_no_password(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without NOPASSWD: sudo's record of input is on."""
    node, secret = site.node("node2"), OPSPW_PASSWORD
    monkeypatch.setenv("LAB_SUDO", secret)
    rules = "/etc/sudoers.d/zz-record"
    records = "/var/log/sudo-io"
    login = {"user": "opspw", "become_password": {"env": "LAB_SUDO"}}
    for more in ("", "opspw ALL=(ALL:ALL) NOPASSWD: ALL\n"):
        node.exec(f"printf 'Defaults log_input, log_output, !compress_io\\n{more}' >{rules}")
        node.exec(f"rm -rf {records}")
        node.exec("rm -f /etc/sysctl.d/*kbootstrap*")  # something to do as root
        with site.with_node("node2", ssh=login):
            result = site.ok("up")
        assert result.actions
        assert int(node.exec(f"find {records} -type f | wc -l").stdout) > 0
        found = node.exec(["grep", "-rlF", secret, records], check=False)
        assert (found.returncode, found.stdout) == (1, "")
    node.exec(f"rm -r {rules} {records}")


def test_h_an_ended_certificate_is_named(site: Site) -> None:
    leader = site.node("node1")
    file = f"{PKI}/apiserver-etcd-client.crt"
    for path, ca in ((file, "etcd/ca"), (f"{PKI}/etcd/healthcheck-client.crt", "etcd/ca")):
        leader.exec(f"cp {path} {path}.kept; {ended(path, ca)}")
    try:
        results = [site.run("status"), site.run("up")]
        snapshot = site.run("etcd", "snapshot", "--to", str(site.folder / "h.db"))
    finally:
        leader.exec(f"for f in $(find {PKI} -name '*.kept'); do mv $f ${{f%.kept}}; done")

    for result in (*results, snapshot):
        assert result.status == 6, result.out[-3000:] + result.err
        errors = [error for error in result.errors() if error["code"] == "KB352"]
        assert errors, result.errors()
        assert all(error["node"] == "node1" for error in errors)
    for result in results:
        assert file in result.out
        assert "kubeadm certs renew apiserver-etcd-client" in result.out
    assert "kubeadm certs renew etcd-healthcheck-client" in snapshot.out
    assert snapshot.seconds < within(60)
    nothing_to_do(site)


def ended(path: str, ca: str) -> str:
    """A command that signs a certificate again with an end in the past."""
    return (
        f"openssl x509 -in {path} -signkey {path.replace('.crt', '.key')} -x509toreq"
        f" -out /tmp/h.csr && openssl x509 -req -in /tmp/h.csr -CA {PKI}/{ca}.crt"
        f" -CAkey {PKI}/{ca}.key -set_serial 7 -days -1 -out {path}"
    )


def test_f_a_learner_that_never_started_is_removed(make_site: Callable[..., Site]) -> None:
    """The second control plane has an image named etcd that is none."""
    site = make_site("tf", 2, control_planes=2)
    site.ok("up", "--limit", "node1")
    site.ok("up", "--limit", "node2", "--until", "images")
    node, image = site.node("node2"), f"{site.repository}/etcd:3.5.30-0"
    pause = f"{site.repository}/pause:3.10.1"
    node.exec(f"ctr -n k8s.io images tag --force {pause} {image}")
    site.extra = {"kubeadm": {"timeouts": {"etcd_call": "30s"}}}
    site.write_inventory()

    failed = site.run("up")
    assert failed.status == 6
    (error,) = failed.errors()
    assert "etcd does not run on this node:" in error["detail"]
    assert '"etcd": executable file not found' in error["detail"]
    assert "etcd-client" not in error["detail"]
    url = f"https://{node.address}:2380"
    (stray,) = [e for e in site.run("status").events if e["event"] == "etcd"]
    assert stray["member"] == url, stray

    node.kill()
    result = site.ok("reset", "node2", "--unreachable", "--yes")

    assert result.plan
    assert url not in site.node("node1").exec(MEMBERS).stdout
    node.start()
    site.ok("reset", "node2", "--yes")
    node.exec(f"ctr -n k8s.io images rm {image}")
    site.ok("up")
    assert site.etcd_members() == {"node1", "node2"}


def test_j_an_external_etcd_that_holds_a_cluster_is_not_taken_over(
    make_site: Callable[..., Site],
) -> None:
    site = make_site("rj", 1)
    node = site.node("node1")
    with external_etcd(site, node) as etcd:
        data = site.inventory_data()
        data["etcd"] = {"external": etcd.inventory}
        site.save(data)
        site.ok("up")
        assert site.run("up", "--exit-code").status == 3

        result = site.ok(*DESTROY)
        said = " ".join(e.get("text", "") for e in result.events)
        assert "left in https://" in said
        assert "--wipe-external-etcd" in said
        left = etcd.keys()
        assert left > 100
        assert "node1" in refused(site.run("up"), "KB437")
        assert etcd.keys() == left

        site.ok(*DESTROY, "--wipe-external-etcd")
        assert etcd.keys() == 0
        site.ok("up")
        assert site.run("up", "--exit-code").status == 3
        site.ok(*DESTROY, "--wipe-external-etcd")
        assert etcd.keys() == 0


SERVER: Files = {
    "/serve": b"#!/bin/busybox sh\nexec busybox httpd -f -p [::]:8081 -h /answers\n",
    "/bin/busybox": Path("/bin/busybox"),
    "/answers/index.html": b"here\n",
}
DUAL = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      containers:
        - {name: web, image: IMAGE, ports: [{containerPort: 8081}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  ipFamilyPolicy: SingleStack
  ipFamilies: [IPv6]
  selector: {app: web}
  ports: [{port: 80, targetPort: 8081}]
"""


def conflist(number: int) -> str:
    """A pod network of both families for one node."""
    ranges = [[{"subnet": f"10.244.{number}.0/24"}], [{"subnet": f"fd00:244:0:{number}::/64"}]]
    plugin = {
        "type": "bridge",
        "bridge": "lab0",
        "isGateway": True,
        "ipam": {"type": "host-local", "ranges": ranges},
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "lab", "plugins": [plugin]})


def test_k_each_node_has_both_families(make_site: Callable[..., Site]) -> None:
    site = make_site("rk", 2)
    seconds = {node.name: f"fd00:90::{node.port.host}" for node in site.lab.nodes}
    for node in site.lab.nodes:
        node.exec(
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0"
            f" && ip -6 addr add {seconds[node.name]}/64 dev eth0 nodad"
            " && ip -6 route add default via fd00:90::1"
        )
    nothing = site.folder / "nothing.yaml"
    nothing.write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: nothing}\n")
    site.extra = {
        "network": {
            "pod_cidr": ["10.244.0.0/16", "fd00:244::/56"],
            "service_cidr": ["10.96.0.0/12", "fd00:96::/112"],
        },
        "cni": {"type": "manifest", "manifests": [str(nothing)]},
        "files": [
            {"path": "/etc/cni/net.d/10-lab.conflist", "content": conflist(i), "nodes": [node.name]}
            for i, node in enumerate(site.lab.nodes)
        ],
    }
    site.write_inventory()
    data = site.inventory_data()
    for entry in data["nodes"]:
        entry["second_address"] = seconds[entry["name"]]
    site.save(data)

    site.ok("up")

    nothing_to_do(site)
    items = json.loads(site.kubectl("get", "nodes", "-o", "json"))["items"]
    for item in items:
        name = item["metadata"]["name"]
        addresses = [a["address"] for a in item["status"]["addresses"] if a["type"] == "InternalIP"]
        assert addresses == [site.node(name).address, seconds[name]]
    text = DUAL.replace("IMAGE", site.lab.registry.push_program("serve6", "1", SERVER))
    site.node("node1").exec("cat >/root/dual.yaml", stdin=text)
    site.kubectl("apply", "-f", "/root/dual.yaml")
    words = ("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    url = f"http://[{site.kubectl(*words)}]/"

    def answer() -> bool:
        """From every node."""
        asks = (node.exec(["curl", "-sgm", "2", url], check=False) for node in site.lab.nodes)
        return all(one.stdout == "here\n" for one in asks)

    wait_until(f"{url} answers", answer, timeout=90, every=1)
