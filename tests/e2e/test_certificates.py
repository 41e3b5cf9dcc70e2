"""Certificates that ended on a node: each command that meets one names it and its remedy."""

import base64
import json
from collections.abc import Callable

import pytest
import yaml

from tests.e2e.site import Result, Site
from tests.standin.common.pki import Pair, Want, issue, load

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
ETCD = "/etc/kubernetes/pki/etcd/healthcheck-client.crt"


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """One control plane and one worker, up."""
    made = make_site(f"ec{kind[0]}", 2)
    made.ok("up")
    return made


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
    before = text.read_text()
    spoil_config(site, "scheduler.conf")
    try:
        for words in (["status"], ["up"], ["join", "node2"], ["upgrade", "--to", "v1.35.1"]):
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
    assert result.seconds < 60
