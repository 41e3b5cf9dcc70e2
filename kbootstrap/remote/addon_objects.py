"""Reads the objects of kubeadm's addons that an upgrade replaces."""

from collections.abc import Collection, Iterable, Iterator

from kbootstrap.drift.addon_fields import objects
from kbootstrap.drift.by_hand import Reset, resets
from kbootstrap.model.document import Document
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubekinds import OF_ADDONS
from kbootstrap.remote.kubeobjects import SYSTEM


def addon_resets(
    api: KubeApi, without: Collection[str], patches: Iterable[Document]
) -> tuple[Reset, ...]:
    """What an upgrade resets in them.

    Args:
        api: of the cluster.
        without: names of objects of disabled addons, which kubeadm does not touch.
        patches: of the target corednsdeployment.

    """
    return tuple(resets(_live(api, without), patches))


def _live(api: KubeApi, without: Collection[str]) -> Iterator[Document]:
    for kind, name in objects():
        found = None if name in without else api.find(OF_ADDONS[kind], name, SYSTEM)
        if found is not None:
            yield Document.of({**found, "kind": kind})
