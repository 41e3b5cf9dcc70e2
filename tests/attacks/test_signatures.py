"""A release site that serves other binaries with other checksums: the signature does not fit."""

from pathlib import Path

import pytest

from kbootstrap.cli import main
from kbootstrap.model.pins import pins_path
from kbootstrap.run import signatures
from tests.attacks.release_site import ReleaseSite
from tests.attacks.test_pins import BINARIES, publish

# What cosign does with --certificate and --signature, as far as kbootstrap sees it.
COSIGN = """\
#!/bin/sh
printf '%s\\n' "$@" >>"$LOG"
[ "$(cat "$2").sig" = "$(cat "$4")" ] || { echo "Error: invalid signature" >&2; exit 1; }
echo "Verified OK" >&2
"""
TEXT = """\
cluster: {{name: demo}}
kubernetes: {{version: v1.34.2}}
nodes: [{{name: n1, address: 192.0.2.11, role: both}}]
programs: {{base_url: {site}}}
cni: {{type: bridge}}
"""


@pytest.fixture
def inventory(release_site: ReleaseSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory of a site that signs its binaries."""
    monkeypatch.setattr(signatures, "SITE", release_site.https)
    for name in BINARIES:
        path = f"/v1.34.2/bin/linux/amd64/{name}"
        publish(release_site, path, name.encode())
        release_site.serve(f"{path}.sig", f"{name}.sig".encode())
        release_site.serve(f"{path}.cert", b"certificate")
    written = tmp_path / "inventory.yaml"
    written.write_text(TEXT.format(site=release_site.https))
    return written


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The arguments of cosign, one per line; it is first in PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cosign").write_text(COSIGN)
    (tmp_path / "bin" / "cosign").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def test_each_binary_is_verified_as_kubernetes_documents_it(
    inventory: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pin", str(inventory), "--arch", "amd64"]) == 0
    first = log.read_text().splitlines()[:10]
    assert (first[0], first[2], first[4]) == ("verify-blob", "--signature", "--certificate")
    assert first[6:] == [
        "--certificate-identity",
        "krel-staging@k8s-releng-prod.iam.gserviceaccount.com",
        "--certificate-oidc-issuer",
        "https://accounts.google.com",
    ]
    assert capsys.readouterr().out.count("signature verified") == 3


def test_a_binary_of_another_signer_is_not_pinned(
    inventory: Path, log: Path, release_site: ReleaseSite, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(release_site, "/v1.34.2/bin/linux/amd64/kubelet", b"evil")

    assert main(["pin", str(inventory), "--arch", "amd64"]) == 8

    said = capsys.readouterr().err
    assert "error KB513: " in said
    assert "invalid signature" in said
    assert log.exists()
    assert not pins_path(inventory).exists()


def test_a_missing_signature_is_no_signature(
    inventory: Path, log: Path, release_site: ReleaseSite
) -> None:
    del release_site.answers["/v1.34.2/bin/linux/amd64/kubelet.sig"]
    assert main(["pin", str(inventory), "--arch", "amd64"]) == 6
    assert log.exists()
    assert not pins_path(inventory).exists()


def test_without_cosign_it_says_so(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["pin", str(inventory), "--arch", "amd64"]) == 0
    said = capsys.readouterr().out
    assert "cosign is not installed: the signatures of the release are not verified" in said
    assert "signature verified" not in said


def test_it_can_be_left_out(inventory: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pin", str(inventory), "--arch", "amd64", "--no-signatures"]) == 0
    assert not log.exists()
    assert "signature" not in capsys.readouterr().out


def test_a_mirror_has_no_signatures(
    inventory: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "SITE", "https://dl.k8s.io/")
    assert main(["pin", str(inventory), "--arch", "amd64"]) == 0
    assert not log.exists()


def test_a_verifier_that_does_not_end(
    inventory: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin" / "cosign").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(signatures, "_SECONDS", 0.2)
    assert main(["pin", str(inventory), "--arch", "amd64"]) == 8
    assert not log.exists()
