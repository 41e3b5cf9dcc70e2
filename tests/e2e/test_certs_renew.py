"""`certs renew`: of a healthy cluster, and once everything has expired and the API is dead."""

import hashlib
import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import yaml

from tests.e2e.expired import KUBELET, age_config, age_control_plane, age_kubelet, age_leaf, signer
from tests.e2e.site import Result, Site
from tests.lab.shell import wait_until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("as_root"),
]
PLANES, WORKER = ("node1", "node2"), "node3"
CONFIRMED = ["certs", "renew", "--yes"]
SOON = timedelta(days=10)


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """Two control planes and one worker, up."""
    site = make_site(f"cr{kind[0]}", 3, control_planes=len(PLANES))
    site.write_inventory()
    site.ok("up")
    return site


def expired(result: Result) -> set[tuple[str, str]]:
    """(node, file) of each certificate that has expired, as `certs` lists them."""
    listed = [event for event in result.events if event["event"] == "certificate"]
    return {(e["node"], e["file"]) for e in listed if e["state"] == "expired"}


def served(site: Site, name: str, port: int) -> str:
    """The sha256 of the certificate that a node serves there."""
    pem = ssl.get_server_certificate((site.node(name).address, port))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def on_disk(site: Site, name: str, file: str) -> str:
    """The same of a file below /etc/kubernetes/pki."""
    pem = (site.node(name).root / "etc/kubernetes/pki" / file).read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def processes(site: Site, name: str) -> dict[str, str]:
    """Component -> its process ids on a node."""
    words = ("kube-apiserver", "etcd", "kube-scheduler", "kube-controller-manager", "kubelet")
    return {
        word: site.node(name).exec(["pgrep", "-f", f"{word} --"], check=False).stdout
        for word in words
    }


def files(site: Site, name: str) -> str:
    """The sums of all files of Kubernetes on a node."""
    return str(
        site.node(name).exec("find /etc/kubernetes -type f -exec sha256sum {} + | sort").stdout
    )


def as_text(site: Site, *words: str) -> str:
    """What a run prints for people."""
    command = site.command(*words)[: -len(("--output", "json"))]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=site.environment()
    )
    return done.stdout + done.stderr


def operator_login(site: Site) -> str:
    return str(yaml.safe_load(site.kubeconfig.read_text())["users"][0]["user"])


def all_ready(site: Site) -> None:
    names = {node.name for node in site.lab.nodes}
    ready = dict.fromkeys(names, True)
    wait_until("all nodes are Ready", lambda: site.ready_nodes() == ready, timeout=180)


def kill_once_written(site: Site, name: str, file: str) -> None:
    """Kill kbootstrap with -9 as soon as a file on a node has changed."""
    path = site.node(name).root / file
    before = path.read_text()
    process = site.start(*CONFIRMED)
    try:
        wait_until(f"{file} changes", lambda: path.read_text() != before, timeout=300, every=0.05)
    finally:
        process.kill()
        process.communicate()


def test_one_control_plane_of_a_healthy_cluster(site: Site) -> None:
    """The API server and etcd serve with the new certificates and are not restarted."""
    for name in PLANES:
        age_control_plane(site.node(name), SOON)
    others = ("node1", WORKER)
    before = {name: (files(site, name), processes(site, name)) for name in others}
    old = processes(site, "node2")
    assert site.run("certs").status == 10
    assert "expires in 9 days" in site.ok("status").out

    renewed = site.ok("certs", "renew", "node2", "--within", "30d", "--yes")

    print(f"\n{site.kind}: one healthy control plane, {renewed.seconds:.1f} s")
    assert {node for node, _, _ in renewed.actions} == {"node2"}
    assert {name: (files(site, name), processes(site, name)) for name in others} == before
    same = {name for name, pids in processes(site, "node2").items() if pids == old[name]}
    assert same == {"kube-apiserver", "etcd", "kubelet"}
    for port, file in ((6443, "apiserver.crt"), (2379, "etcd/server.crt"), (2380, "etcd/peer.crt")):
        wait_until(
            f"port {port} serves the new certificate",
            lambda p=port, f=file: served(site, "node2", p) == on_disk(site, "node2", f),  # type: ignore[misc]
            timeout=90,
        )
    all_ready(site)
    assert site.run("certs", "renew", "node2", "--exit-code").status == 3
    again = site.run("certs", "renew", "--dry-run", "--exit-code")
    assert again.status == 4
    assert "node2" not in {node for node, _, _ in again.plan}


def test_expired_certificates_of_a_dead_api(site: Site) -> None:
    aged = {(n, file) for n in PLANES for file in age_control_plane(site.node(n))}
    age_kubelet(site.node(WORKER), signer(site.node("node1"), "ca"))
    age_config(site.kubeconfig, signer(site.node("node1"), "ca"))
    aged.add((WORKER, KUBELET))
    for node in site.lab.nodes:
        node.kill()
    for node in site.lab.nodes:
        node.start()
    login = operator_login(site)

    shown = site.run("certs")
    assert shown.status == 10
    assert expired(shown) == aged
    assert len(aged) == 12 + 11 + 1
    refused = site.run("up")
    assert refused.status == 6
    assert {error["code"] for error in refused.errors()} == {"KB352"}

    planned = site.ok("certs", "renew", "--dry-run")
    print(as_text(site, "certs", "renew", "--dry-run"))
    assert expired(site.run("certs")) == aged
    steps = {(node, phase) for node, phase, _ in planned.plan}
    assert steps >= {*((n, "certs-control-plane") for n in PLANES), (WORKER, "certs-worker")}
    assert site.run("certs", "renew").status == 7  # not confirmed

    kill_once_written(site, "node1", "etc/kubernetes/admin.conf")
    kill_once_written(site, "node2", "etc/kubernetes/scheduler.conf")
    start = time.monotonic()
    renewed = site.ok(*CONFIRMED)
    seconds = time.monotonic() - start

    assert site.ok("certs").status == 0
    all_ready(site)
    assert operator_login(site) != login
    for name in PLANES:
        assert served(site, name, 6443) == on_disk(site, name, "apiserver.crt")
    assert site.leftovers() == []
    print(f"\n{site.kind}: the rest after two kill -9: {seconds:.1f} s\n{renewed.actions}")


def test_a_second_renewal_has_nothing_to_do_and_neither_has_up(site: Site) -> None:
    again = site.run(*CONFIRMED, "--exit-code")
    assert again.status == 3
    assert any("is valid for more than 364 days" in e.get("text", "") for e in again.events)
    if site.kind == "real":  # it waits for pods that ended while the API was away
        assert site.ok("up").actions == []
    assert site.run("up", "--exit-code").status == 3


@pytest.mark.all_cases  # they are renewed with a dead API above
def test_everything_has_expired_while_the_static_pods_run(site: Site) -> None:
    """The kubelets end, the rest runs with what it read before; in one run, to see how long."""
    for name in PLANES:
        age_control_plane(site.node(name))
    age_kubelet(site.node(WORKER), signer(site.node("node1"), "ca"))
    for node in site.lab.nodes:
        node.exec(["systemctl", "restart", "kubelet.service"], check=False)

    start = time.monotonic()
    shown = as_text(site, *CONFIRMED)

    print(f"\n{site.kind}: all expired, in one run: {time.monotonic() - start:.1f} s\n{shown}")
    all_ready(site)
    assert site.run(*CONFIRMED, "--exit-code").status == 3


def test_a_kubelet_of_a_worker_alone(site: Site) -> None:
    age_kubelet(site.node(WORKER), signer(site.node("node1"), "ca"))
    site.node(WORKER).exec(["systemctl", "restart", "kubelet.service"], check=False)

    renewed = site.ok("certs", "renew", WORKER, "--yes")

    print(f"\n{site.kind}: the kubelet of a worker: {renewed.seconds:.1f} s")
    assert {node for node, _, _ in renewed.actions} == {WORKER}
    all_ready(site)
    assert site.leftovers() == []
    assert site.run("up", "--exit-code").status == 3


def test_a_ca_without_a_key_is_refused(site: Site) -> None:
    key = site.node("node1").root / "etc/kubernetes/pki/front-proxy-ca.key"
    age_leaf(site.node("node1"), "front-proxy-client")
    text = key.read_text()
    key.unlink()
    try:
        refused = site.run(*CONFIRMED, "--within", "1h")
    finally:
        key.write_text(text)
        key.chmod(0o600)

    assert refused.status == 7
    assert [error["code"] for error in refused.errors()] == ["KB445"]
    renewed = site.ok(*CONFIRMED, "--within", "1h")
    titles = [text for _, phase, text in renewed.actions if phase == "certs-control-plane"]
    assert titles == ["kubeadm certs renew: front-proxy-client"]
