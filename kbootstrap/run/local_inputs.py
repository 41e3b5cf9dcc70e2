"""Reads the operator's files that a plan needs, once and before planning."""

from collections.abc import Iterable
from pathlib import Path

from kbootstrap.artifacts import manifests, source_of
from kbootstrap.engine.inputs import LocalInputs
from kbootstrap.model.cluster import Cluster


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
        manifests=tuple(manifests.objects(cluster.cni.manifests)),
        kubeconfig=str(kubeconfig) if kubeconfig else "",
    )


def _patches(cluster: Cluster) -> dict[str, str]:
    directory = cluster.kubeadm.patches_dir
    if directory is None:
        return {}
    return {path.name: path.read_text() for path in sorted(Path(directory).iterdir())}
