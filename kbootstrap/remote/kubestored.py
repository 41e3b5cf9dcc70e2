"""Changes the configuration that kubeadm stores in the cluster; called by `KubeWriter`."""

import json
from typing import Any

import yaml

from kbootstrap import action as act
from kbootstrap import plain_yaml
from kbootstrap.model.document import Document, merged
from kbootstrap.model.observed import KUBE_PROXY, LAST_APPLIED
from kbootstrap.remote.kube_proxy import keep
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubehttp import CONFLICT, ApiError
from kbootstrap.remote.kubekinds import CONFIG_MAPS
from kbootstrap.remote.kubeobjects import SYSTEM, last_applied_of
from kbootstrap.wait import retry

CONFLICT_SECONDS = 20  # for concurrent changes of the same object


def switch_addon(api: KubeApi, action: act.SwitchAddon) -> None:
    """Set or remove ``disabled`` of an addon in the ClusterConfiguration."""
    patch = {action.key: {"disabled": None if action.on else True}}
    _change(api, "kubeadm-config", "ClusterConfiguration", patch)


def set_stored(api: KubeApi, action: act.SetStored) -> None:
    """Change the document, and record what the inventory sets.

    Until the document is changed, the record also has what the inventory set before, so that an
    interrupted change is continued.
    """
    if action.config_map == KUBE_PROXY and action.changes:
        keep(api)
    held = api.find(CONFIG_MAPS, LAST_APPLIED, SYSTEM)
    before = last_applied_of([held] if held else []).data
    _record(api, Document.of(merged(before, action.record.data)), new=held is None)
    if action.changes:
        _change(api, action.config_map, action.entry, action.patch.data)
        _record(api, action.record)


def record(api: KubeApi, entries: Document) -> None:
    """Set these entries of the record; the others are retained."""
    _record(api, entries, new=api.find(CONFIG_MAPS, LAST_APPLIED, SYSTEM) is None)


def _record(api: KubeApi, entries: Document, *, new: bool = False) -> None:
    data = {key: json.dumps(doc, sort_keys=True) for key, doc in entries.data.items()}
    if not new:
        api.patch(CONFIG_MAPS, LAST_APPLIED, {"data": data}, SYSTEM)
        return
    meta = {"name": LAST_APPLIED, "namespace": SYSTEM}
    api.create(
        CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
    )


def _change(api: KubeApi, name: str, entry: str, patch: dict[str, Any]) -> None:
    """Change one document of a ConfigMap; repeated after a concurrent change."""

    def attempt() -> None:
        live = api.get(CONFIG_MAPS, name, SYSTEM)
        stored = plain_yaml.load(live["data"][entry])
        body: dict[str, Any] = {
            "metadata": {"resourceVersion": live["metadata"]["resourceVersion"]},
            "data": {entry: yaml.safe_dump(merged(stored, patch))},
        }
        api.patch(CONFIG_MAPS, name, body, SYSTEM)

    retry(attempt, CONFLICT_SECONDS, is_conflict)


def is_conflict(error: BaseException) -> bool:
    """Whether the server refused a request because of a concurrent change."""
    return isinstance(error, ApiError) and error.status == CONFLICT
