"""Ended certificates: what the probe finds on a disk, and what each command says of it."""

import base64
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kbootstrap import pki
from kbootstrap.engine.phase import AnyPhase, parse_facts
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
        ("/var/lib/kubelet/pki/kubelet-client-current.pem", "docs/certificates.md"),
        (certificates.KUBELET_SERVING_SIGNED, "approve its CertificateSigningRequest"),
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


def test_a_serving_certificate_that_a_kubelet_signed_itself_stops_nothing() -> None:
    facts = certificates.Facts(certificate=(line(certificates.KUBELET_SERVING, NOW - DAY),))

    assert not list(certificates.ended(facts, NOW))
    (ending,) = certificates.endings(facts, NOW)
    assert "restart the kubelet" in ending.text


def test_of_several_cas_in_a_file_one_has_to_be_valid() -> None:
    old, new = (encoded(NOW + days * DAY, authority=True) for days in (-1, 99))
    paths = [f"{certificates.CA} {old}", f"{certificates.CA} {new}"]
    assert certificates.endings(certificates.Facts(certificate=tuple(paths)), NOW) == ()
    assert len(certificates.found(certificates.Facts(certificate=tuple(paths)))) == 2


def test_a_kubeconfig_of_another_cluster_is_left_out() -> None:
    here, other = (encoded(NOW, issuer=name) for name in ("ca", "elsewhere"))
    lines = (
        f"{certificates.CA} {encoded(NOW, authority=True)}",
        f"/root/.kube/config {here}",
        f"/home/eve/.kube/config {other}",
    )
    paths = [one.path for one in certificates.found(certificates.Facts(certificate=lines))]
    assert paths == [certificates.CA, "/root/.kube/config"]


def test_what_is_read_of_a_certificate() -> None:
    read = pki.read(encoded(NOW, 7))
    assert read.subject == "CN=kube-apiserver"
    assert read.issuer == "ca"
    assert read.sans == ("api.example.test", "10.96.0.1")
    assert (read.begins, read.ends, read.authority) == (7, NOW, False)
    assert pki.read(encoded(NOW, authority=True)).authority
    assert pki.read("bm9uZQ==") == pki.Certificate()


@pytest.mark.parametrize("awk", ["mawk", "gawk", "original-awk", "busybox"])
def test_the_probe_reads_certificates_and_no_keys(awk: str, tmp_path: Path) -> None:
    found = subprocess.run(["sh", "-c", f"command -v {awk}"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"{awk} is not installed")
    pair = _pair(tmp_path / "root")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/awk").symlink_to(found.stdout.decode().strip())

    said = _run_probe(tmp_path, HA, certificates.EVERY)

    facts = parse_facts(certificates.Facts, said)
    paths = [one.split()[0].removeprefix(str(tmp_path / "root")) for one in facts.certificate]
    assert paths == [
        "/etc/kubernetes/pki/apiserver.crt",
        "/etc/kubernetes/pki/etcd/peer.crt",
        "/etc/kubernetes/pki/etcd/peer.crt",
        "/etc/kubernetes/admin.conf",
        "/var/lib/kubelet/pki/kubelet-client-current.pem",
        "/root/.kube/config",
    ]
    named = certificates.endings(parse_facts(certificates.Facts, _run_probe(tmp_path, HA)), now())
    assert [e.path.removeprefix(str(tmp_path / "root")) for e in named] == [
        path for path in dict.fromkeys(paths) if path != "/root/.kube/config"
    ]
    assert not any(text in said for text in pair.key_pem().splitlines()[1:-1])


def test_a_huge_file_of_a_user_is_not_read(tmp_path: Path) -> None:
    """Awk would hold a line of any length in the node's memory."""
    _pair(tmp_path / "root")
    with (tmp_path / "root/root/.kube/config").open("ab") as file:
        file.truncate(2 * 1024**2)  # without a newline

    said = _run_probe(tmp_path, HA, certificates.EVERY)

    assert "/etc/kubernetes/admin.conf" in said
    assert ".kube/config" not in said


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
        "root/.kube/config": "x: [\xff\n    client-certificate-data: "
        + base64.b64encode(pair.cert_pem().encode()).decode()
        + "\n    client-certificate-data: \xff\n",
        "var/lib/kubelet/pki/kubelet-client-current.pem": pair.key_pem() + pair.cert_pem(),
    }
    for name, text in data.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode("latin-1"))
    return pair


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def _run_probe(folder: Path, cluster: Cluster, phase: AnyPhase = certificates.PHASE) -> str:
    assert phase.probe
    script = phase.probe(cluster, cluster.first)
    for top in ("/etc/", "/var/", "/root/", "/home/"):
        script = script.replace(f" {top}", f" {folder / 'root'}{top}")
    path = f"{folder / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        ["sh", "-euc", script], capture_output=True, text=True, check=True, env={"PATH": path}
    )
    return done.stdout
