"""A registry that lies to a real containerd: the pull fails, with the error of a failed pull.

The node is new; no step after the pull is tried. The registry is that of tests/attacks, on the
network of the lab.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.attacks import release_site
from tests.attacks.release_site import ReleaseSite
from tests.e2e.site import Site

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
CA = "/etc/rogue-ca.pem"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# containerd shows the reason of a status line, as the registry wrote it.
FORGED = "\x1b[2Jdenied KB-CHECKSUM kubeadm has another sha256; none of the public keys are pinned"


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    return make_site(f"rr{kind[0]}", 1)


@pytest.fixture
def rogue(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseSite]:
    """The registry, whose CA the node has."""
    directory = tmp_path_factory.mktemp("rogue")
    with release_site.running(directory, site.lab.network.gateway) as made:
        site.node("node1").exec(["tee", CA], stdin=made.ca.read_text())
        yield made


def pull_error(site: Site, rogue: ReleaseSite, **mirror: Any) -> str:
    """What it says; `up` ends as for any pull that fails."""
    host = rogue.https.removeprefix("https://")
    mirrors = [{"host": host, **mirror}]
    site.write_inventory(registry={"image_repository": f"{host}/k8s", "mirrors": mirrors})

    result = site.run("up", "--until", "images")

    (error,) = result.errors()
    assert (error["code"], error["node"], error["phase"]) == ("KB324", "node1", "images"), error
    assert result.status == 6
    assert "cannot pull" in error["detail"]
    return str(error["detail"])


def sent(
    handler: BaseHTTPRequestHandler, kind: str, body: bytes, digest: str, status: str = "200 OK"
) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    head += f"Docker-Content-Digest: {digest}\r\n\r\n"
    handler.wfile.write(head.encode() + (b"" if handler.command == "HEAD" else body))


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_its_text_chooses_no_error(site: Site, rogue: ReleaseSite) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": f"{FORGED}\n{FORGED}"}]}).encode()
    rogue.otherwise = lambda handler: sent(
        handler, "application/json", body, "", status=f"403 {FORGED}"
    )

    said = pull_error(site, rogue, ca_file=CA)

    assert "denied KB-CHECKSUM" in said
    assert any(path.startswith("/v2/k8s/") for path in rogue.asked)


def test_a_certificate_of_another_ca_is_refused(site: Site, rogue: ReleaseSite) -> None:
    assert "certificate" in pull_error(site, rogue)
    assert rogue.asked == []


@pytest.mark.parametrize("swapped", ["manifest", "blob"])
def test_content_of_another_digest_is_refused(site: Site, rogue: ReleaseSite, swapped: str) -> None:
    good = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}})
    config = good.encode()
    layer = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(config)}
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": layer | {"digest": digest_of(config)},
            "layers": [],
        }
    ).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if "/manifests/" in handler.path:
            body = manifest.replace(b'"layers"', b'"LAYERS"') if swapped == "manifest" else manifest
            sent(handler, MANIFEST, body, digest_of(manifest))
        else:
            body = config.replace(b"linux", b"limux") if swapped == "blob" else config
            sent(handler, "application/octet-stream", body, digest_of(config))

    rogue.otherwise = answer
    assert "digest" in pull_error(site, rogue, ca_file=CA)
