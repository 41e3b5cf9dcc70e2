"""Which sha256 a download must have: pinned in the inventory, else published beside the file.

If the inventory has a pins file, both must be what that file has. Called by the sources and for
manifests, before anything is planned.
"""

import hashlib

from kbootstrap import codes
from kbootstrap.artifacts import downloads
from kbootstrap.errors import TrustError
from kbootstrap.model.cluster import Cluster


def expected(cluster: Cluster, url: str) -> str:
    """The sha256 of a binary or an archive.

    Raises:
        PhaseError: KB311, its published checksum cannot be read.
        TrustError: KB510 or KB511, the pins file has another one or none.

    """
    sha256 = dict(cluster.sha256).get(url) or downloads.published_sha256(url)
    _compare(cluster, url, sha256)
    return sha256


def manifest(cluster: Cluster, url: str) -> bytes:
    """The content of a manifest, for which nothing is published.

    Raises:
        PhaseError: KB311, it cannot be read.
        TrustError: KB502, KB510 or KB511, it is not what was pinned, or is not pinned.

    """
    data = downloads.read(url, downloads.MANIFEST_BYTES)
    found = hashlib.sha256(data).hexdigest()
    pinned = dict(cluster.sha256).get(url, found)
    if found != pinned:
        raise TrustError(codes.CHECKSUM, f"{url} has sha256 {found}, expected is {pinned}")
    _compare(cluster, url, found)
    return data


def _compare(cluster: Cluster, url: str, sha256: str) -> None:
    if cluster.pins is None:
        return
    known = {pin.url: pin.sha256 for pin in cluster.pins}
    if url not in known:
        raise TrustError(codes.NOT_PINNED, f"the pins file does not have {url}")
    if known[url] != sha256:
        message = f"{url} has sha256 {sha256}, the pins file has {known[url]}"
        raise TrustError(codes.PIN_DIFFERS, message)
