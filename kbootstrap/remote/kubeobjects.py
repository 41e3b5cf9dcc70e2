"""Parses API objects, and builds the objects that kbootstrap creates; pure."""

import base64
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from kbootstrap import plain_yaml
from kbootstrap.kubeadm import INIT_TOKEN, JOIN_TOKEN
from kbootstrap.model.cluster import Taint
from kbootstrap.model.document import EMPTY, Document
from kbootstrap.model.observed import (
    CORDONED_BY,
    DRAINED_BY,
    KUBE_PROXY,
    LAST_APPLIED,
    OUR_LABELS,
    OUR_TAINTS,
    ObservedNode,
    ObservedPod,
    StaticPod,
)
from kbootstrap.remote.pod_reasons import reasons
from kbootstrap.remote.proxy_pods import is_older

SYSTEM, PUBLIC = "kube-system", "kube-public"
PROXY_KUBECONFIG = "kubeconfig.conf"  # entry of the ConfigMap kube-proxy
_TOKEN_TYPE = "bootstrap.kubernetes.io/token"  # noqa: S105 - no secret
TOKENS = f"type={_TOKEN_TYPE}"  # field selector
PROXY_TOKEN = "Proxy for managing TTL for the kubeadm-certs secret"  # noqa: S105 - kubeadm's text
_OWN = {KUBE_PROXY: KUBE_PROXY, "kube-dns": "coredns"}  # label k8s-app -> kbootstrap's name


def token_object(node: str, token_id: str, secret: str, ttl: int) -> dict[str, Any]:
    """A bootstrap token as `kubeadm token create` makes it.

    https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": _TOKEN_TYPE,
        "metadata": {"name": f"bootstrap-token-{token_id}", "namespace": SYSTEM},
        "stringData": {
            "token-id": token_id,
            "token-secret": secret,
            "description": JOIN_TOKEN + node,
            "expiration": expiration(ttl),
            "usage-bootstrap-signing": "true",
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
        },
    }


def random_text(length: int) -> str:
    """Random letters and digits, as in tokens."""
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(length))


def text_of(secret: dict[str, Any], key: str) -> str:
    """One value of a Secret; empty if it has none of that key."""
    return base64.b64decode((secret.get("data") or {}).get(key, "")).decode()


def owner_of(description: str) -> str:
    """The node for which a token was made; ``init`` for that of kubeadm init."""
    if description == INIT_TOKEN:
        return "init"
    return description.removeprefix(JOIN_TOKEN) if description.startswith(JOIN_TOKEN) else ""


def leftovers_of(tokens: list[dict[str, Any]]) -> tuple[str, ...]:
    """Bootstrap tokens and uploaded certificates, as printed, with owner and expiry."""
    found = []
    for token in tokens:
        description = text_of(token, "description")
        owner = owner_of(description)
        what = f"the join of {owner}" if owner != "init" else "kubeadm init"
        end = text_of(token, "expiration") or "never"
        if owner:
            found.append(f"bootstrap token of {what} (expires: {end})")
        elif description == PROXY_TOKEN:
            found.append(f"uploaded certificates, Secret kubeadm-certs (expires: {end})")
    return tuple(sorted(found))


def expiration(seconds: int) -> str:
    """The ``expiration`` of a token that is valid for ``seconds`` from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(stamp: str | None) -> float:
    """A time of the API server's, in seconds since 1970; 0 if there is none."""
    return datetime.fromisoformat(stamp).timestamp() if stamp else 0.0


def node_of(node: dict[str, Any], now: float) -> ObservedNode:
    """The fields of a Node object that plans need; ``now`` by the API server's clock."""
    meta, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or []}
    ready = conditions.get("Ready", {})
    notes = meta.get("annotations") or {}
    info = status.get("nodeInfo") or {}
    addresses = tuple(
        a["address"] for a in status.get("addresses") or [] if a["type"] == "InternalIP"
    )
    return ObservedNode(
        name=meta["name"],
        ready=ready.get("status") == "True",
        age=now - seconds_of(meta.get("creationTimestamp")),
        reason=ready.get("message", ""),
        unschedulable=bool(spec.get("unschedulable")),
        labels=tuple(sorted((meta.get("labels") or {}).items())),
        taints=tuple(
            Taint(t["key"], t.get("value", ""), t["effect"]) for t in spec.get("taints") or []
        ),
        pod_cidrs=tuple(spec.get("podCIDRs") or ()),
        kubelet_version=info.get("kubeletVersion", ""),
        runtime=info.get("containerRuntimeVersion", ""),
        address=next(iter(addresses), ""),
        addresses=addresses,
        cordoned_by=notes.get(CORDONED_BY, ""),
        drained_by=notes.get(DRAINED_BY, ""),
        our_labels=_list(notes.get(OUR_LABELS)),
        our_taints=_list(notes.get(OUR_TAINTS)),
    )


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (text or "").split(",")))


def kubeadm_config_of(maps: list[dict[str, Any]]) -> Document:
    """The ClusterConfiguration among kube-system's ConfigMaps; empty before it exists."""
    return _document(maps, "kubeadm-config", "ClusterConfiguration")


def kubelet_config_of(maps: list[dict[str, Any]]) -> Document:
    """The KubeletConfiguration kubeadm writes on every node."""
    return _document(maps, "kubelet-config", "kubelet")


def kube_proxy_config_of(maps: list[dict[str, Any]]) -> Document:
    """The KubeProxyConfiguration of the addon kube-proxy."""
    return _document(maps, "kube-proxy", "config.conf")


def server_of(kubeconfig: str) -> str:
    """``host:port`` of the first server that a kubeconfig names."""
    config = _mapping(plain_yaml.load(kubeconfig))
    return str(config["clusters"][0]["cluster"]["server"]).removeprefix("https://")


def cluster_info_of(found: dict[str, Any] | None) -> str:
    """The endpoint in kube-public/cluster-info; empty without one."""
    text = ((found or {}).get("data") or {}).get("kubeconfig")
    return server_of(text) if text else ""


def proxy_server_of(maps: list[dict[str, Any]]) -> str:
    """The endpoint in kube-proxy's kubeconfig; empty without one."""
    found = next((one for one in maps if one["metadata"]["name"] == KUBE_PROXY), {})
    text = (found.get("data") or {}).get(PROXY_KUBECONFIG)
    return server_of(text) if text else ""


def last_applied_of(maps: list[dict[str, Any]]) -> Document:
    """What kbootstrap recorded of the inventory's settings; empty if it is damaged."""
    held = next((m.get("data") or {} for m in maps if m["metadata"]["name"] == LAST_APPLIED), {})
    try:
        found = {key: plain_yaml.load(text) for key, text in held.items()}
    except ValueError:
        return EMPTY
    return Document.of({key: doc for key, doc in found.items() if isinstance(doc, dict)})


def _document(maps: list[dict[str, Any]], name: str, key: str) -> Document:
    for config_map in maps:
        if config_map["metadata"]["name"] == name:
            text = (config_map.get("data") or {}).get(key, "{}")
            return Document.of(_mapping(plain_yaml.load(text) or {}))
    return EMPTY


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("a configuration that is no mapping")
    return value


def static_pods_of(pods: list[dict[str, Any]]) -> tuple[StaticPod, ...]:
    """The control plane's pods, as the kubelets report them."""
    return tuple(map(_static_pod, filter(_is_static, pods)))


def _is_static(pod: dict[str, Any]) -> bool:
    return (pod["metadata"].get("labels") or {}).get("tier") == "control-plane"


def _static_pod(pod: dict[str, Any]) -> StaticPod:
    container = pod["spec"]["containers"][0]
    return StaticPod(
        node=pod["spec"].get("nodeName", ""),
        component=(pod["metadata"].get("labels") or {}).get("component", ""),
        version=container["image"].rpartition(":")[2],
    )


def own_pods_of(
    pods: list[dict[str, Any]], maps: list[dict[str, Any]] | None = None
) -> tuple[ObservedPod, ...]:
    """The pods of kubeadm among kube-system's, except terminating ones.

    With the ConfigMaps, those of kube-proxy are compared with theirs.
    """
    proxy = next((one for one in maps or [] if one["metadata"]["name"] == KUBE_PROXY), None)
    found = []
    for pod in pods:
        meta, labels = pod["metadata"], pod["metadata"].get("labels") or {}
        name = _OWN.get(labels.get("k8s-app", ""), "")
        if _is_static(pod):
            name = labels.get("component", "")
        node = pod["spec"].get("nodeName", "")
        ended = (pod.get("status") or {}).get("phase") in {"Failed", "Succeeded"}
        if name and not ended and not meta.get("deletionTimestamp"):
            why = tuple(reasons([pod]))
            older = maps is not None and name == KUBE_PROXY and is_older(pod, proxy)
            found.append(
                ObservedPod(node=node, name=name, pod=meta["name"], reasons=why, older=older)
            )
    return tuple(found)
