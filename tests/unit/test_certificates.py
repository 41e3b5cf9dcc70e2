"""Ended certificates: what the probe finds on a disk, and what each command says of it."""

import base64
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kbootstrap.engine.phase import parse_facts
from kbootstrap.model.cluster import Cluster
from phases import certificates
from tests.laws.certificates import encoded
from tests.standin.common.pki import Pair, Want, authority, issue
from tests.unit.engine.toys import HA

NOW = 1_800_000_000
DAY = 24 * 3600
CA = authority("kubernetes", algorithm="ECDSA-P256")


def line(path: str, ends: int, begins: int = 0) -> str:
    return f"{path} {encoded(ends, begins)}"


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        (certificates.ADMIN, "kubeadm certs renew admin.conf"),
        ("/etc/kubernetes/scheduler.conf", "restart the static pod kube-scheduler"),
        ("/etc/kubernetes/pki/apiserver.crt", "kubeadm certs renew apiserver, then restart"),
        ("/etc/kubernetes/pki/etcd/peer.crt", "restart the static pod etcd"),
        ("/etc/kubernetes/pki/ca.crt", "kubeadm does not renew it"),
        ("/var/lib/kubelet/pki/kubelet-client-current.pem", "docs/upgrade.md"),
    ],
)
def test_an_ended_certificate_is_named_with_its_remedy(path: str, remedy: str) -> None:
    facts = certificates.Facts(certificate=(line(path, NOW - DAY), line("/other", NOW + 99 * DAY)))

    (error,) = certificates.ended(facts, NOW)

    assert error.code.id == "KB352"
    assert error.message == f"{path} expired at 2027-01-14T08:00:00Z"
    assert remedy in error.detail


@pytest.mark.parametrize(
    ("ends", "begins", "state", "valid"),
    [
        (NOW, 0, "expired at", False),
        (NOW + 1, 0, "expires in 0 days", True),
        (NOW + 30 * DAY - 1, 0, "expires in 29 days", True),
        (NOW + 90 * DAY, NOW + 1, "is not valid before", False),
    ],
)
def test_what_is_wrong_with_it(ends: int, begins: int, state: str, *, valid: bool) -> None:
    facts = certificates.Facts(certificate=(line("/x", ends, begins),))

    (ending,) = certificates.endings(facts, NOW)

    assert ending.state.startswith(state)
    assert ending.valid == valid


def test_one_that_lasts_is_not_reported() -> None:
    facts = certificates.Facts(certificate=(line("/x", NOW + 30 * DAY),))
    assert certificates.endings(facts, NOW) == ()


def test_what_is_no_certificate_is_named() -> None:
    (ending,) = certificates.endings(certificates.Facts(certificate=("/x bm9uZQ==",)), NOW)
    assert not ending.valid


@pytest.mark.parametrize("awk", ["mawk", "gawk", "original-awk", "busybox"])
def test_the_probe_reads_certificates_and_no_keys(awk: str, tmp_path: Path) -> None:
    found = subprocess.run(["sh", "-c", f"command -v {awk}"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"{awk} is not installed")
    pair = _pair(tmp_path / "root")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/awk").symlink_to(found.stdout.decode().strip())

    said = _run_probe(tmp_path, HA)

    facts = parse_facts(certificates.Facts, said)
    paths = [one.split()[0].removeprefix(str(tmp_path / "root")) for one in facts.certificate]
    assert paths == [
        "/etc/kubernetes/pki/apiserver.crt",
        "/etc/kubernetes/pki/etcd/peer.crt",
        "/etc/kubernetes/admin.conf",
        "/var/lib/kubelet/pki/kubelet-client-current.pem",
    ]
    assert len(certificates.endings(facts, int(datetime.now(UTC).timestamp()))) == len(paths)
    assert not any(text in said for text in pair.key_pem().splitlines()[1:-1])


def _pair(root: Path) -> Pair:
    """A control plane's files, all with a certificate that ended minutes ago."""
    pair = issue(CA, Want("x", usages=("client",), algorithm="ECDSA-P256", seconds=60))
    data = {
        "etc/kubernetes/pki/apiserver.crt": pair.cert_pem(),
        "etc/kubernetes/pki/etcd/peer.crt": pair.cert_pem() + CA.cert_pem(),
        "etc/kubernetes/admin.conf": "users:\n- user:\n    client-certificate-data: "
        + base64.b64encode(pair.cert_pem().encode()).decode()
        + "\n    client-key-data: "
        + base64.b64encode(pair.key_pem().encode()).decode()
        + "\n",
        "etc/kubernetes/kubelet.conf": "users:\n- user:\n    client-certificate: /x.pem\n",
        "var/lib/kubelet/pki/kubelet-client-current.pem": pair.key_pem() + pair.cert_pem(),
    }
    for name, text in data.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return pair


def _run_probe(folder: Path, cluster: Cluster) -> str:
    script = certificates.probe(cluster, cluster.first)
    for top in ("/etc/", "/var/"):
        script = script.replace(f" {top}", f" {folder / 'root'}{top}")
    path = f"{folder / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        ["sh", "-euc", script], capture_output=True, text=True, check=True, env={"PATH": path}
    )
    return done.stdout
