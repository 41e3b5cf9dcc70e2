"""Changes what kubeadm stores in the cluster, and its addons; called by `KubeWriter`."""

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from kbootstrap.action import ApiAction, RemoveAddon, SetAddonImage, SetClusterConfiguration
from kbootstrap.model.observed import KUBE_PROXY
from kbootstrap.remote.kubeapi import STRATEGIC, KubeApi
from kbootstrap.remote.kubekinds import CONFIG_MAPS, DAEMON_SETS, DEPLOYMENTS, OF_ADDONS
from kbootstrap.remote.kubeobjects import SYSTEM
from kbootstrap.remote.proxy_pods import is_of_kubeadm

Handler = Callable[[Any, dict[str, str]], None]


def handlers(api: KubeApi) -> Mapping[type[ApiAction], Handler]:
    """What applies each of these actions."""
    return {
        SetClusterConfiguration: lambda action, _: _store(api, action),
        SetAddonImage: lambda action, _: _set_image(api, action),
        RemoveAddon: lambda action, _: _remove(api, action),
    }


def _store(api: KubeApi, action: SetClusterConfiguration) -> None:
    """Replace the document; kubeadm reads it for each join and upgrade."""
    text = yaml.safe_dump(action.document.data)
    patch = {"data": {"ClusterConfiguration": text}}
    api.patch(CONFIG_MAPS, "kubeadm-config", patch, SYSTEM)


def _set_image(api: KubeApi, action: SetAddonImage) -> None:
    kind = DAEMON_SETS if action.addon == KUBE_PROXY else DEPLOYMENTS
    live = api.get(kind, action.addon, SYSTEM)
    containers = live["spec"]["template"]["spec"]["containers"]
    now = next((one["image"] for one in containers if one["name"] == action.addon), "")
    changed = {"name": action.addon, "image": f"{action.image}:{now.rpartition(':')[2]}"}
    spec = {"template": {"spec": {"containers": [changed]}}}
    api.patch(kind, action.addon, {"spec": spec}, SYSTEM, how=STRATEGIC)


def _remove(api: KubeApi, action: RemoveAddon) -> None:
    """Delete its objects; one that others made is retained.

    An object without fields, such as kubeadm's ServiceAccounts, has no field manager.
    """
    for name_of_kind, name in action.objects:
        kind = OF_ADDONS[name_of_kind]
        namespace = SYSTEM if kind.namespaced else ""
        live = api.find(kind, name, namespace, metadata=True)
        if live and (is_of_kubeadm(live) or not live["metadata"].get("managedFields")):
            api.remove(kind, name, namespace)
