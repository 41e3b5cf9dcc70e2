"""Executable files on the operator's workstation as artifacts."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from kbootstrap.artifacts import trust, unpacked
from kbootstrap.artifacts.artifact import Artifact
from kbootstrap.artifacts.checksums import sha256_of
from kbootstrap.model import placeholders
from kbootstrap.model.cluster import Cluster


def binary(path: Path, architecture: str, *, version: str = "") -> Artifact:
    """The artifact that a file is."""
    return Artifact(
        name=path.name,
        version=version,
        architecture=architecture,
        path=str(path),
        sha256=sha256_of(path),
        size=path.stat().st_size,
    )


def binaries(directory: Path, architecture: str) -> Iterator[Artifact]:
    """The executable files of a directory, by name."""
    for path in sorted(directory.iterdir()):
        if path.is_file() and os.access(path, os.X_OK):
            yield binary(path, architecture)


def archived(url: str, cluster: Cluster, architecture: str) -> Iterator[Artifact]:
    """The executable files of an archive.

    Args:
        url: may hold ``{arch}``, ``{version}`` and ``{minor}``, such as ``1.34``.
        cluster: its version is filled in.
        architecture: is filled in too.

    Raises:
        PhaseError: KB311, the archive or its checksum cannot be read.
        TrustError: KB502, the archive is not what its site published.

    """
    full = placeholders.filled(url, architecture, cluster.version)
    return binaries(unpacked.unpacked(full, trust.expected(cluster, full)), architecture)


def cni_plugins(cluster: Cluster, architecture: str) -> Iterator[Artifact]:
    """The plugins of `programs.cni_plugins_folder` or `programs.cni_plugins_url`."""
    programs = cluster.programs
    found: Iterator[Artifact] = iter(())
    if programs.cni_plugins_folder:
        found = binaries(Path(programs.cni_plugins_folder), architecture)
    elif programs.cni_plugins_url:
        found = archived(programs.cni_plugins_url, cluster, architecture)
    return (dataclasses.replace(plugin, cni=True) for plugin in found)
