"""What a rotation of the CAs changes in the API; called by `KubeWriter`."""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from kbootstrap import pki, plain_yaml
from kbootstrap.action import ApiAction, AwaitRollout, FinishRotation, RestartWorkloads
from kbootstrap.drift import rotation
from kbootstrap.remote.kubeapi import STRATEGIC, KubeApi
from kbootstrap.remote.kubekinds import CONFIG_MAPS, WORKLOADS
from kbootstrap.remote.kubeobjects import PUBLIC, SYSTEM
from kbootstrap.remote.kubestored import CONFLICT_SECONDS, is_conflict, record
from kbootstrap.remote.rollout import Workload, await_rollout
from kbootstrap.remote.workloads import Live, rolled_out
from kbootstrap.wait import retry

TRUSTS = "kbootstrap.io/trusted-cas"  # on pods: of the CAs that they found when they started
AUTHENTICATION = "extension-apiserver-authentication"  # the API servers add their CAs to it
_CLIENT_CAS = ("client-ca-file", "requestheader-client-ca-file")
Handler = Callable[[Any, dict[str, str]], None]


def handlers(api: KubeApi, ca_pem: str) -> Mapping[type[ApiAction], Handler]:
    """What applies each of these actions; ``ca_pem``: of the control plane in use."""
    return {
        RestartWorkloads: lambda action, _: _restart(api, ca_pem, action),
        FinishRotation: lambda action, _: _finish(api, ca_pem, action),
    }


def _restart(api: KubeApi, ca_pem: str, action: RestartWorkloads) -> None:
    """Workloads that were changed by an interrupted run are waited for as well."""
    hashes = pki.ca_hashes(ca_pem)
    mark = " ".join(sorted(one.removeprefix("sha256:")[:12] for one in hashes))
    chosen = tuple(_workloads(api, mark))
    template = {"metadata": {"annotations": {TRUSTS: mark}}}
    for kind, namespace, name in chosen:
        body = {"spec": {"template": template}}
        api.patch(WORKLOADS[kind], name, body, namespace, how=STRATEGIC)
    waited = AwaitRollout(
        why=action.why, workloads=chosen, nodes=action.nodes, seconds=action.seconds
    )
    await_rollout(api, waited)
    record(api, rotation.pods(hashes))


def _workloads(api: KubeApi, mark: str) -> Iterator[Workload]:
    """Those that run; without the token of a service account a pod has no CA."""
    for kind in WORKLOADS.values():
        for one in api.items(kind):
            live: Live = {**one, "kind": kind.kind}
            pod = one["spec"]["template"]
            notes = (pod.get("metadata") or {}).get("annotations") or {}
            if (pod.get("spec") or {}).get("automountServiceAccountToken") is False:
                continue
            if notes.get(TRUSTS) == mark or rolled_out(live):
                yield kind.kind, one["metadata"]["namespace"], one["metadata"]["name"]


def _finish(api: KubeApi, ca_pem: str, action: FinishRotation) -> None:
    """The API servers never remove a CA from what aggregated servers read."""
    retry(lambda: _name_in_cluster_info(api, ca_pem), CONFLICT_SECONDS, is_conflict)
    found = api.find(CONFIG_MAPS, AUTHENTICATION, SYSTEM)
    data = (found or {}).get("data") or {}
    kept = {key: pki.newest(data[key]) for key in _CLIENT_CAS if data.get(key)}
    if kept:
        api.patch(CONFIG_MAPS, AUTHENTICATION, {"data": kept}, SYSTEM)
    record(api, rotation.end(pki.ca_hash(ca_pem), action.at))


def _name_in_cluster_info(api: KubeApi, ca_pem: str) -> None:
    live = api.find(CONFIG_MAPS, "cluster-info", PUBLIC)
    text = ((live or {}).get("data") or {}).get("kubeconfig")
    if live is None or not text:
        return
    config = plain_yaml.load(text)
    for one in config["clusters"]:
        encoded = base64.b64encode(ca_pem.encode()).decode()
        one["cluster"]["certificate-authority-data"] = encoded
    meta = {"resourceVersion": live["metadata"]["resourceVersion"]}
    body = {"metadata": meta, "data": {"kubeconfig": yaml.safe_dump(config, sort_keys=False)}}
    api.patch(CONFIG_MAPS, "cluster-info", body, PUBLIC)
