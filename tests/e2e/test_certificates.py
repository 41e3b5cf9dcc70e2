"""Certificates that ended on a node: each command that meets one names it and its remedy."""

import base64
import json
import subprocess
from typing import Any

import pytest
import yaml

from tests.e2e.site import Result, Site
from tests.load import within
from tests.standin.common.pki import Pair, Want, issue, load

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
ETCD = "/etc/kubernetes/pki/etcd/healthcheck-client.crt"


@pytest.fixture(scope="module")
def site(pair: Site) -> Site:
    """One control plane and one worker, up; test_trials.py has real binaries."""
    return pair


def ended(site: Site, ca: str) -> Pair:
    """A client certificate that ended some minutes ago."""
    folder = site.node("node1").root / "etc/kubernetes/pki"
    signer = load(folder / f"{ca}.crt", folder / f"{ca}.key")
    want = Want("kubernetes-admin", organizations=("system:masters",), seconds=60)
    return issue(signer, want)


def spoil_config(site: Site, name: str) -> None:
    """Put an ended certificate into a kubeconfig of the control plane."""
    path = site.node("node1").root / "etc/kubernetes" / name
    config, pair = yaml.safe_load(path.read_text()), ended(site, "ca")
    user = config["users"][0]["user"]
    user["client-certificate-data"] = base64.b64encode(pair.cert_pem().encode()).decode()
    user["client-key-data"] = base64.b64encode(pair.key_pem().encode()).decode()
    path.write_text(yaml.safe_dump(config))


def named(result: Result, path: str, remedy: str) -> bool:
    """Whether the command failed with the certificate's own error."""
    return any(
        error["code"] == "KB352"
        and error["node"] == "node1"
        and error["message"].startswith(f"{path} expired at ")
        and remedy in error["detail"]
        for error in result.errors()
    )


def test_every_command_names_an_ended_certificate(site: Site) -> None:
    path, remedy = "/etc/kubernetes/scheduler.conf", "kubeadm certs renew scheduler.conf"
    text = site.node("node1").root / "etc/kubernetes/scheduler.conf"
    before, taken = text.read_text(), str(site.folder / "whole.db")
    site.ok("etcd", "snapshot", "--to", taken)
    spoil_config(site, "scheduler.conf")
    try:
        for words in (
            ["status"],
            ["up"],
            ["join", "node2"],
            ["upgrade", "--to", "v1.35.1"],
            ["etcd", "restore", taken, "--dry-run"],
        ):
            result = site.run(*words)
            assert result.status == 6, words
            assert named(result, path, remedy), words
        snapshot = site.ok("etcd", "snapshot", "--to", str(site.folder / "e.db"), "--dry-run")
        reset = site.ok("reset", "node1", "--dry-run")
    finally:
        text.write_text(before)

    for result in (snapshot, reset):
        notes = [e["text"] for e in map(json.loads, result.out.splitlines()) if e.get("text")]
        assert any(remedy in note for note in notes)


def test_certs_lists_every_certificate_and_its_status_says_whether_one_ends(site: Site) -> None:
    path = site.node("node1").root / "etc/kubernetes/scheduler.conf"
    before = path.read_text()

    lasting = site.ok("certs")
    soon = site.run("certs", "node1", "--within", "366d")
    spoil_config(site, "scheduler.conf")
    try:
        expired = site.run("certs")
        shown = subprocess.run(
            site.command("certs")[:-2],
            capture_output=True,
            text=True,
            check=False,
            env=site.environment(),
        )
    finally:
        path.write_text(before)

    found = {(e["node"], e["file"]): e for e in listed(lasting)}
    assert {"node1", "node2"} == {node for node, _ in found}
    api = found["node1", "/etc/kubernetes/pki/apiserver.crt"]
    assert "api.example.test" in api["sans"]
    assert (api["issuer"], api["state"]) == ("kubernetes", "ok")
    assert found["node1", "/etc/kubernetes/pki/front-proxy-ca.crt"]["authority"]
    names = {file.rpartition("/")[2] for node, file in found if node == "node1"}
    assert names >= {"peer.crt", "admin.conf", "super-admin.conf", "kubelet-client-current.pem"}
    assert "kubelet-client-current.pem" in {
        file.rpartition("/")[2] for node, file in found if node == "node2"
    }
    assert "PRIVATE" not in lasting.out + shown.stdout
    assert (soon.status, expired.status, shown.returncode) == (10, 10, 10)
    assert {e["node"] for e in listed(soon)} == {"node1"}
    assert listed(expired)[0]["file"] == "/etc/kubernetes/scheduler.conf"
    assert listed(expired)[0]["state"] == "expired"
    head, _, first, *_ = shown.stdout.splitlines()
    assert "1 expired" in head
    assert "/etc/kubernetes/scheduler.conf" in first
    print(shown.stdout)


def listed(result: Result) -> list[dict[str, Any]]:
    """The certificates, in the order they are shown."""
    return [event for event in result.events if event["event"] == "certificate"]


def test_an_ended_admin_conf_is_named_and_not_called_unauthorized(site: Site) -> None:
    path = site.node("node1").root / "etc/kubernetes/admin.conf"
    before = path.read_text()
    spoil_config(site, "admin.conf")
    try:
        for words in (["status"], ["up"], ["kubeconfig"], ["reset", "node2", "--yes"]):
            result = site.run(*words)
            assert result.status == 6, words
            assert named(result, "/etc/kubernetes/admin.conf", "certs renew admin.conf"), words
            assert "Unauthorized" not in result.out + result.err
    finally:
        path.write_text(before)


def test_a_snapshot_is_refused_at_an_ended_certificate_of_etcd(site: Site) -> None:
    path = site.node("node1").root / ETCD.lstrip("/")
    before = path.read_text()
    path.write_text(ended(site, "etcd/ca").cert_pem())
    try:
        result = site.run("etcd", "snapshot", "--to", str(site.folder / "no.db"))
    finally:
        path.write_text(before)

    assert result.status == 6
    assert named(result, ETCD, "kubeadm certs renew etcd-healthcheck-client")
    assert result.seconds < within(60)
