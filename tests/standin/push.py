"""Put tiny images with the right names into a plain-http registry, so that pulls are real."""

import gzip
import hashlib
import http.client
import io
import json
import tarfile
from urllib.parse import urlsplit

from .kubeadm import images
from .kubeadm.config import load

_OCI = "application/vnd.oci.image"


def _layer(name: str) -> bytes:
    """One file, so that every image has a digest of its own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("name")
        entry.size = len(name)
        tar.addfile(entry, io.BytesIO(name.encode()))
    return buffer.getvalue()


def _descriptor(kind: str, data: bytes) -> dict[str, object]:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return {"mediaType": f"{_OCI}.{kind}", "digest": digest, "size": len(data)}


class Registry:
    """A registry by its host:port."""

    def __init__(self, address: str) -> None:
        self.address = address

    def _call(self, method: str, url: str, data: bytes = b"", kind: str = "") -> str:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            headers = {"Content-Type": kind or "application/octet-stream"}
            connection.request(method, url, data, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise OSError(f"{method} {url}: {answer.status} {text.decode()[:200]}")
            return answer.getheader("Location") or ""
        finally:
            connection.close()

    def blob(self, repository: str, data: bytes) -> None:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        target = urlsplit(self._call("POST", f"/v2/{repository}/blobs/uploads/"))
        query = f"{target.query}&digest={digest}" if target.query else f"digest={digest}"
        self._call("PUT", f"{target.path}?{query}", data)

    def image(self, repository: str, tag: str) -> None:
        """One image with one layer."""
        plain = _layer(f"{repository}:{tag}")
        layer = gzip.compress(plain, mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/name"]},
                "rootfs": {
                    "type": "layers",
                    "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()],
                },
            }
        ).encode()
        for data in (layer, config):
            self.blob(repository, data)
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": _descriptor("config.v1+json", config),
            "layers": [_descriptor("layer.v1.tar+gzip", layer)],
        }
        path = f"/v2/{repository}/manifests/{tag}"
        self._call("PUT", path, json.dumps(manifest).encode(), f"{_OCI}.manifest.v1+json")


def push(version: str, repository: str) -> list[str]:
    """Repository is host:port/path; the images of one Kubernetes version are pushed."""
    address, _, path = repository.partition("/")
    init = {"nodeRegistration": {"name": "x"}, "localAPIEndpoint": {"advertiseAddress": "1.2.3.4"}}
    cluster = {"kubernetesVersion": version, "imageRepository": repository}
    config = load.complete_init(
        {"InitConfiguration": init, "ClusterConfiguration": cluster}, {}, detect=False
    )
    names = images.all_of(config.cluster)
    registry = Registry(address)
    for name in names:
        rest, _, tag = name.rpartition(":")
        registry.image(path + rest.removeprefix(repository), tag)
    return names
