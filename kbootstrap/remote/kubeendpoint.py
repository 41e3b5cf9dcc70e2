"""Changes what names the endpoint of the API in the cluster; called by `KubeWriter`."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from kbootstrap import plain_yaml
from kbootstrap.action import ApiAction, RecordEndpoints, SetClusterInfo, SetProxyEndpoint
from kbootstrap.drift import endpoint
from kbootstrap.model.document import Document
from kbootstrap.model.observed import KUBE_PROXY, LAST_APPLIED, PodReason
from kbootstrap.remote.kubeapi import STRATEGIC, KubeApi
from kbootstrap.remote.kubekinds import CONFIG_MAPS, DAEMON_SETS, NODES, PODS
from kbootstrap.remote.kubeobjects import PROXY_KUBECONFIG, PUBLIC, SYSTEM
from kbootstrap.remote.kubestored import CONFLICT_SECONDS, is_conflict, record
from kbootstrap.remote.pod_reasons import Patience, reasons
from kbootstrap.remote.rollout import not_rolled_out
from kbootstrap.remote.workloads import silent
from kbootstrap.wait import retry, until

RESTARTED = "kbootstrap.io/endpoint"  # on kube-proxy's pods: the endpoint that they started with
Handler = Callable[[Any, dict[str, str]], None]


def handlers(api: KubeApi) -> Mapping[type[ApiAction], Handler]:
    """What applies each of these actions."""
    return {
        RecordEndpoints: lambda action, _: _record(api, action),
        SetClusterInfo: lambda action, _: _name(
            api, ("cluster-info", PUBLIC, "kubeconfig"), action.endpoint
        ),
        SetProxyEndpoint: lambda action, _: _set_proxy(api, action),
    }


def _record(api: KubeApi, action: RecordEndpoints) -> None:
    record(api, Document.of({endpoint.RECORD: {"endpoints": list(action.endpoints)}}))


def _set_proxy(api: KubeApi, action: SetProxyEndpoint) -> None:
    """The record has an entry from before the first change until all pods have restarted."""
    record(api, Document.of({endpoint.RESTARTS: {"endpoint": action.endpoint}}))
    _name(api, (KUBE_PROXY, SYSTEM, PROXY_KUBECONFIG), action.endpoint)
    template = {"metadata": {"annotations": {RESTARTED: action.endpoint}}}
    api.patch(DAEMON_SETS, KUBE_PROXY, {"spec": {"template": template}}, SYSTEM, how=STRATEGIC)
    _await_restart(api, action)
    api.patch(CONFIG_MAPS, LAST_APPLIED, {"data": {endpoint.RESTARTS: None}}, SYSTEM)


def _await_restart(api: KubeApi, action: SetProxyEndpoint) -> None:
    """Delete the pods that have not restarted, one by one, except on nodes that are off.

    The DaemonSet's own rollout ends at such a node: it counts as the one that may be unavailable.

    Raises:
        PhaseError: KB334, a new pod cannot start, or not all have restarted in time.

    """
    workload, patience = ("DaemonSet", SYSTEM, KUBE_PROXY), Patience()
    found: tuple[PodReason, ...] = ()

    def over() -> bool:
        nonlocal found
        off = silent(api.items(NODES))
        pods = [pod for pod in _pods(api) if pod["spec"].get("nodeName", "") not in off]
        old = [pod for pod in pods if _started_with(pod) != action.endpoint]
        found = tuple(reasons(pod for pod in pods if pod not in old))
        if permanent := patience.look(found, time.monotonic()):
            raise not_rolled_out(api, workload, "its pods cannot start", permanent)
        if found or any(_ends(pod) for pod in pods):
            return False
        if old:
            api.remove(PODS, old[0]["metadata"]["name"], SYSTEM)
            return False
        return len(pods) >= _desired(api) - len(off)

    if not until(over, action.seconds):
        what = f"not all pods have restarted after {action.seconds} s"
        raise not_rolled_out(api, workload, what, found)


def _pods(api: KubeApi) -> list[dict[str, Any]]:
    return api.items(PODS, SYSTEM, labels=f"k8s-app={KUBE_PROXY}")


def _desired(api: KubeApi) -> int:
    status = api.get(DAEMON_SETS, KUBE_PROXY, SYSTEM).get("status") or {}
    return int(status.get("desiredNumberScheduled", 0))


def _started_with(pod: dict[str, Any]) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(RESTARTED, ""))


def _ends(pod: dict[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _name(api: KubeApi, place: tuple[str, str, str], server: str) -> None:
    """Change the server of a kubeconfig in a ConfigMap; repeated after a concurrent change."""
    name, namespace, entry = place

    def attempt() -> None:
        live = api.get(CONFIG_MAPS, name, namespace)
        config = plain_yaml.load(live["data"][entry])
        for one in config["clusters"]:
            one["cluster"]["server"] = f"https://{server}"
        meta = {"resourceVersion": live["metadata"]["resourceVersion"]}
        body = {"metadata": meta, "data": {entry: yaml.safe_dump(config, sort_keys=False)}}
        api.patch(CONFIG_MAPS, name, body, namespace)

    retry(attempt, CONFLICT_SECONDS, is_conflict)
