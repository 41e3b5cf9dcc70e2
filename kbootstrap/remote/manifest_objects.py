"""Reads the live objects of manifests: one request for all objects of a kind in a namespace.

Called by `KubeReader`. Workloads are read as a whole; of other objects the metadata is enough.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from kbootstrap.model.document import Document
from kbootstrap.remote.kubeapi import KubeApi, Object
from kbootstrap.remote.kubekinds import WORKLOADS, Kind
from kbootstrap.remote.workloads import Live

Place = tuple[Kind | None, str, str]  # kind, None if it is not served; namespace; name


def live_objects(api: KubeApi, manifests: Sequence[Document]) -> Iterator[tuple[Document, Live]]:
    """Each object of the manifests with the live one; empty if that does not exist."""
    wanted = [manifest.data for manifest in manifests]
    kinds = api.kinds((data["apiVersion"], data["kind"]) for data in wanted)
    places = [_place(data, kinds) for data in wanted]
    names: dict[tuple[Kind, str], list[str]] = defaultdict(list)
    for kind, namespace, name in places:
        if kind:
            names[kind, namespace].append(name)
    found: dict[Place, Live] = {
        (*place, live["metadata"]["name"]): live
        for place, some in names.items()
        for live in _read(api, *place, some)
    }
    for manifest, place in zip(manifests, places, strict=True):
        yield manifest, found.get(place, {})


def _place(data: Object, kinds: Mapping[tuple[str, str], Kind]) -> Place:
    kind = kinds.get((data["apiVersion"], data["kind"]))
    return kind, kind.namespace_of(data) if kind else "", data["metadata"]["name"]


def _read(api: KubeApi, kind: Kind, namespace: str, names: Sequence[str]) -> Iterator[Live]:
    """These objects, and maybe others of the same kind in the namespace."""
    metadata = kind.kind not in WORKLOADS
    if len(names) > 1:
        found = api.items(kind, namespace, metadata=metadata)
    else:
        one = api.find(kind, names[0], namespace, metadata=metadata)
        found = [one] if one else []
    for live in found:
        yield {**live, "kind": kind.kind}  # items of a list have none
