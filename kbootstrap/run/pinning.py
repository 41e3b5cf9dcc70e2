"""Resolves what the pins file records: every download is read once and checked."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator

from kbootstrap.artifacts import downloads, source_of, trust
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.local_paths import is_url
from kbootstrap.model.pins import Pin
from kbootstrap.run import signatures


def resolve(
    cluster: Cluster, architectures: Iterable[str], *, verify: bool, note: Callable[[str], None]
) -> Iterator[Pin]:
    """The pin of each download of the cluster's release; an older pin counts for nothing.

    Args:
        cluster: what is downloaded for it.
        architectures: of its nodes.
        verify: whether to check the signatures of release binaries.
        note: called with a line for each file that was read.

    Raises:
        PhaseError: KB311, a file or its checksum cannot be read.
        TrustError: KB502 or KB513, a file has another checksum or signature.

    """
    cluster, version = dataclasses.replace(cluster, pins=None), str(cluster.version)
    seen = set()
    for architecture in architectures:
        for url in source_of(cluster).urls(architecture):
            if url not in seen:
                sha256 = trust.expected(cluster, url)
                data = downloads.whole(url, sha256)
                signed = verify and signatures.is_signed(url)
                if signed:
                    signatures.check(url, data)
                note(f"read {url} ({len(data)} bytes{', signature verified' * signed})")
                yield Pin(
                    url=url,
                    sha256=sha256,
                    size=len(data),
                    version=version,
                    architecture=architecture,
                )
            seen.add(url)
    for url in filter(is_url, cluster.cni.manifests):
        data = trust.manifest(cluster, url)
        sha256 = hashlib.sha256(data).hexdigest()
        note(f"read {url} ({len(data)} bytes)")
        yield Pin(url=url, sha256=sha256, size=len(data), version=version)


def changes(before: Iterable[Pin], after: Iterable[Pin]) -> Iterator[str]:
    """A line for each pin that is added, removed or changed."""
    old, new = {pin.url: pin for pin in before}, {pin.url: pin for pin in after}
    for url in sorted(old.keys() | new.keys()):
        if url not in new:
            yield f"removed: {url}"
        elif url not in old:
            yield f"added: {url} (sha256 {new[url].sha256[:12]}, {new[url].size} bytes)"
        elif old[url].sha256 != new[url].sha256:
            yield f"changed: {url} (sha256 {old[url].sha256[:12]} to {new[url].sha256[:12]})"
