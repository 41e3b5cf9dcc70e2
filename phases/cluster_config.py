"""Brings the stored configuration of the kubelet to what the inventory says.

Each node then takes it from there (phase `kubelet-config`, and kubeadm at the next join). Only
fields that the inventory sets, or set before, are changed (`kbootstrap.drift.stored`).
"""

from collections.abc import Iterator

from kbootstrap.action import Action, SetStored
from kbootstrap.drift import stored
from kbootstrap.drift.stored import Stored
from kbootstrap.engine.phase import NoFacts, Phase, View, on_first
from kbootstrap.model.document import Document
from kbootstrap.model.observed import LAST_APPLIED

FIELDS = {  # of `Observed`
    stored.KUBELET: "kubelet_config",
    stored.KUBE_PROXY: "kube_proxy_config",
}


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Change what differs; of what kubeadm init stores, only the record is made."""
    yield from changed(view, stored.KUBELET)


def changed(view: View[NoFacts], part: Stored) -> Iterator[SetStored]:
    """The change of one document, with its record."""
    cluster, api = view.cluster, view.api
    changes = stored.changes(part, cluster, api)
    if not changes and stored.recorded(part, cluster, api):
        return
    record = stored.with_record(part, cluster, api)
    after: dict[str, object] = {
        "last_applied": record,
        "config_maps": api.config_maps | {LAST_APPLIED},
    }
    if changes:
        after[FIELDS[part]] = Document.of(stored.becomes(part, cluster, api))
    yield SetStored(
        why="it differs from the inventory"
        if changes
        else "one that is removed from the inventory is reset to kubeadm's default",
        part=part.key,
        config_map=part.config_map,
        entry=part.entry,
        patch=Document.of(stored.patch(part, cluster, api)),
        record=record,
        changes=tuple(
            (one.key.partition(".")[2], f"{one.live} -> {one.wanted}") for one in changes
        ),
        effect={"api": after},
    )


PHASE = Phase(
    id="cluster-config",
    title="Settings stored in the cluster",
    facts=NoFacts,
    plan=plan,
    on=on_first,
    api=True,
)
