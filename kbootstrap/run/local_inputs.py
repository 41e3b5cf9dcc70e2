"""Reads the operator's files that a plan needs, once and before planning."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from kbootstrap import bounded_file, codes, kubeconfig_file, pki
from kbootstrap.artifacts import manifests, source_of, trust
from kbootstrap.engine.inputs import LocalInputs, LocalState
from kbootstrap.errors import InventoryError
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.local_paths import files_in


def read(cluster: Cluster, arches: Iterable[str], kubeconfig: Path | None) -> LocalInputs:
    """Everything that a plan needs from this workstation.

    Raises:
        PhaseError: KB311, a binary is not available.
        TrustError: KB502, a download is not what its site published.
        InventoryError: a manifest cannot be read.

    """
    source = source_of(cluster)
    return LocalInputs(
        patches=_patches(cluster),
        programs={arch: tuple(source.resolve(arch)) for arch in arches},
        manifests=tuple(manifests.objects(cluster.cni.manifests, partial(trust.manifest, cluster))),
        kubeconfig=str(kubeconfig) if kubeconfig else "",
    )


def kubeconfig(state: LocalState, path: Path) -> LocalState:
    """The state with what the operator's kubeconfig has now."""
    file = kubeconfig_file.read(path)
    return replace(
        state,
        kubeconfig_ca=file.ca,
        kubeconfig_server=file.server,
        kubeconfig_ends=pki.read(file.login).ends,
    )


def _patches(cluster: Cluster) -> dict[str, str]:
    directory = cluster.kubeadm.patches_dir
    if directory is None:
        return {}
    most = bounded_file.MOST_BYTES
    try:
        return {
            name: bounded_file.text(f"{directory}/{name}", most) for name in files_in(directory)
        }
    except OSError as error:
        message = f"{error.filename}: {(error.strerror or '').lower()}"
        raise InventoryError(codes.INV_PATCHES, message) from error
