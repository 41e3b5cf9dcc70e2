"""Applies API actions; only the runner makes a `KubeWriter`."""

import base64
import secrets
from collections.abc import Callable
from typing import Any

import yaml

from kbootstrap import action as act
from kbootstrap import codes
from kbootstrap.errors import PhaseError, TrustError
from kbootstrap.model.observed import (
    CORDONED_BY,
    DRAINED_BY,
    MANIFEST_SUM,
    OUR_LABELS,
    OUR_TAINTS,
    manifest_ref,
)
from kbootstrap.pki import ca_hash, token_signs
from kbootstrap.remote.drain import drain
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubehttp import ApiError
from kbootstrap.remote.kubeobjects import (
    CONFLICT,
    NOT_FOUND,
    PROXY_TOKEN,
    SYSTEM,
    TOKENS,
    expiration,
    owner_of,
    random_text,
    text_of,
    token_object,
)
from kbootstrap.remote.rollout import await_rollout
from kbootstrap.remote.system_pods import await_own_pods
from kbootstrap.wait import retry, until

CLUSTER_INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_APPLY = "application/apply-patch+yaml"
REGISTER_SECONDS = 60  # for a kubelet to register its Node after a join
CONFLICT_SECONDS = 20  # for concurrent changes of the same object
SERVED_SECONDS = 30  # for a kind to be served after its CustomResourceDefinition was applied


class KubeWriter:
    """Applies API actions.

    Attributes:
        values: of placeholders, by name; `secret` has the names of those never to show.

    """

    def __init__(self, reader: KubeReader, ca_pem: str) -> None:
        self._reader, self._http, self._ca = reader, reader.http, ca_pem
        self._paths = reader.paths
        self._does: dict[type[act.ApiAction], Callable[[Any, dict[str, str]], None]] = {
            act.MakeToken: self._make_token,
            act.DeleteTokens: self._drop_tokens,
            act.ExpireCerts: self._bound_certs,
            act.DeleteCerts: self._drop_certs,
            act.MakeCertificateKey: _mint_key,
            act.SetNodeMeta: self._set_node_meta,
            act.EnableAddon: self._enable_addon,
            act.ApplyManifest: self._apply,
            act.AwaitRollout: self._await_rollout,
            act.AwaitPodCidr: self._await_pod_cidr,
            act.AwaitReady: self._await_ready,
            act.AwaitPods: lambda action, _: await_own_pods(reader, action),
            act.Cordon: self._cordon,
            act.Drain: self._drain,
            act.Uncordon: self._uncordon,
            act.DeleteNode: self._delete_node,
        }

    def perform(self, action: act.ApiAction, slots: dict[str, str]) -> None:
        """Apply one action; it may read and set values of placeholders.

        Raises:
            KbError: what went wrong, with the API server's message.

        """
        try:
            self._does[type(action)](action, slots)
        except ApiError as error:
            raise PhaseError(
                codes.API_REFUSED, f"{action.text}: {error}", detail=f"status {error.status}"
            ) from error

    def _make_token(self, action: act.MakeToken, slots: dict[str, str]) -> None:
        self._drop_tokens(act.DeleteTokens(why="", node=action.node), slots)
        token_id, token_secret = random_text(6), random_text(16)
        token = token_object(action.node, token_id, token_secret, action.ttl)
        try:
            self._http.request("POST", f"{SYSTEM}/secrets", token)
        except ApiError as error:
            if error.status != CONFLICT:  # it is this one; the answer to the first attempt was lost
                raise
        kubeconfig = until(lambda: self._signed(token_id, token_secret), 60)
        if kubeconfig is None:
            raise PhaseError(
                codes.API_REFUSED,
                "the controller manager did not sign cluster-info for the token within 60 s",
            )
        self._check_ca(kubeconfig)
        slots["token"] = f"{token_id}.{token_secret}"
        slots["ca_hash"] = ca_hash(self._ca)

    def _signed(self, token_id: str, token_secret: str) -> str | None:
        data = self._http.request("GET", CLUSTER_INFO).get("data") or {}
        kubeconfig, jws = data.get("kubeconfig", ""), data.get(f"jws-kubeconfig-{token_id}", "")
        if jws and token_signs(kubeconfig, jws, token_id, token_secret):
            return str(kubeconfig)
        return None

    def _check_ca(self, kubeconfig: str) -> None:
        """Refuse a cluster-info with another CA than that of the control plane."""
        cluster = yaml.safe_load(kubeconfig)["clusters"][0]["cluster"]
        served = base64.b64decode(cluster.get("certificate-authority-data", "")).decode()
        hashes = {ca_hash(served), ca_hash(self._http.ca_pem), ca_hash(self._ca)}
        if len(hashes) > 1:
            raise TrustError(
                codes.CA_MISMATCH,
                f"cluster-info serves CA {ca_hash(served)}, ca.crt is {ca_hash(self._ca)}",
            )

    def _drop_tokens(self, action: act.DeleteTokens, slots: dict[str, str]) -> None:
        del slots
        for token in self._http.request("GET", TOKENS)["items"]:
            if owner_of(text_of(token, "description")) == action.node:
                self._delete(f"{SYSTEM}/secrets/{token['metadata']['name']}")

    def _drop_certs(self, action: act.DeleteCerts, slots: dict[str, str]) -> None:
        del action, slots
        for path in (f"{SYSTEM}/secrets/kubeadm-certs", *self._proxy_tokens()):
            self._delete(path)

    def _bound_certs(self, action: act.ExpireCerts, slots: dict[str, str]) -> None:
        """Shorten the token that owns the Secret kubeadm-certs, which is deleted with it."""
        del slots
        end = base64.b64encode(expiration(action.ttl).encode()).decode()
        for path in self._proxy_tokens():
            self._http.request("PATCH", path, {"data": {"expiration": end}}, content_type=_MERGE)

    def _proxy_tokens(self) -> list[str]:
        tokens = self._http.request("GET", TOKENS)["items"]
        found = [t["metadata"]["name"] for t in tokens if text_of(t, "description") == PROXY_TOKEN]
        return [f"{SYSTEM}/secrets/{name}" for name in found]

    def _delete(self, path: str) -> None:
        try:
            self._http.request("DELETE", path)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise

    def _set_node_meta(self, action: act.SetNodeMeta, slots: dict[str, str]) -> None:
        del slots
        # the kubelet registers its Node shortly after kubeadm join ends
        if not until(lambda: self._reader.observe().node(action.node), REGISTER_SECONDS):
            raise PhaseError(
                codes.NOT_READY, f"node {action.node} is not registered after {REGISTER_SECONDS} s"
            )
        retry(lambda: self._patch_meta(action), CONFLICT_SECONDS, _is_conflict)

    def _patch_meta(self, action: act.SetNodeMeta) -> None:
        """Patch labels and taints; a concurrent change of the list of taints is a conflict."""
        path = f"/api/v1/nodes/{action.node}"
        labels = {**dict(action.labels), **dict.fromkeys(action.old_labels)}
        notes = {
            OUR_LABELS: ",".join(action.our_labels) or None,
            OUR_TAINTS: ",".join(action.our_taints) or None,
        }
        metadata: dict[str, Any] = {"labels": labels, "annotations": notes}
        patch: dict[str, Any] = {"metadata": metadata}
        if action.taints or action.old_taints:
            live = self._http.request("GET", path)
            metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
            patch["spec"] = {"taints": _taints(live, action)}
        self._http.request("PATCH", path, patch, content_type=_MERGE)

    def _enable_addon(self, action: act.EnableAddon, slots: dict[str, str]) -> None:
        del slots
        retry(lambda: self._enable(action.key), CONFLICT_SECONDS, _is_conflict)

    def _enable(self, key: str) -> None:
        """Change one field of kubeadm's document; a concurrent change is a conflict."""
        path = f"{SYSTEM}/configmaps/kubeadm-config"
        live = self._http.request("GET", path)
        stored = yaml.safe_load(live["data"]["ClusterConfiguration"])
        (stored.get(key) or {}).pop("disabled", None)
        patch: dict[str, Any] = {
            "metadata": {"resourceVersion": live["metadata"]["resourceVersion"]},
            "data": {"ClusterConfiguration": yaml.safe_dump(stored)},
        }
        self._http.request("PATCH", path, patch, content_type=_MERGE)

    def _apply(self, action: act.ApplyManifest, slots: dict[str, str]) -> None:
        del slots
        data = action.manifest.data
        notes = data.setdefault("metadata", {}).setdefault("annotations", {})
        notes[MANIFEST_SUM] = manifest_ref(action.manifest).rsplit(" ", 1)[1]
        path = until(lambda: self._paths.find(action.manifest), SERVED_SECONDS)
        if path is None:
            raise PhaseError(codes.API_REFUSED, f"the API has no kind {data.get('kind')}")
        query = "?fieldManager=kbootstrap&force=true"
        self._http.request("PATCH", path + query, data, content_type=_APPLY)

    def _await_rollout(self, action: act.AwaitRollout, slots: dict[str, str]) -> None:
        del slots
        await_rollout(self._http, action)

    def _await_pod_cidr(self, action: act.AwaitPodCidr, slots: dict[str, str]) -> None:
        def cidr() -> str | None:
            node = self._reader.observe().node(action.node)
            return node.pod_cidrs[0] if node and node.pod_cidrs else None

        found = until(cidr, action.seconds)
        if found is None:
            raise PhaseError(
                codes.NOT_READY, f"node {action.node} has no pod CIDR after {action.seconds} s"
            )
        slots["pod_cidr"] = found

    def _await_ready(self, action: act.AwaitReady, slots: dict[str, str]) -> None:
        del slots
        last: list[str] = [f"node {action.node} is not registered"]

        def ready() -> bool:
            observed = self._reader.observe()
            node = observed.node(action.node)
            if node:
                last[0] = node.reason or "the kubelet gives no reason"
            waits_for_network = not action.network and "cni" in last[0].lower()
            if node and action.version not in {"", node.kubelet_version}:
                last[0] = f"the running kubelet is {node.kubelet_version}"
                return False
            return bool(observed.ready and node and (node.ready or waits_for_network))

        if not until(ready, action.seconds):
            raise PhaseError(codes.NOT_READY, f"not Ready after {action.seconds} s", detail=last[0])

    def _cordon(self, action: act.Cordon, slots: dict[str, str]) -> None:
        del slots
        body: dict[str, Any] = {"spec": {"unschedulable": True}}
        if action.mark:
            notes = {CORDONED_BY: action.mark, DRAINED_BY: None}
            body["metadata"] = {"annotations": notes}
        self._patch_node(action.node, body)

    def _drain(self, action: act.Drain, slots: dict[str, str]) -> None:
        del slots
        drain(self._http, action)
        if action.mark:
            notes = {DRAINED_BY: action.mark}
            self._patch_node(action.node, {"metadata": {"annotations": notes}})

    def _uncordon(self, action: act.Uncordon, slots: dict[str, str]) -> None:
        del slots
        notes = {CORDONED_BY: None, DRAINED_BY: None}
        body: dict[str, Any] = {"metadata": {"annotations": notes}}
        if not action.keep:
            body["spec"] = {"unschedulable": None}
        self._patch_node(action.node, body)

    def _patch_node(self, name: str, body: dict[str, Any]) -> None:
        self._http.request("PATCH", f"/api/v1/nodes/{name}", body, content_type=_STRATEGIC)

    def _delete_node(self, action: act.DeleteNode, slots: dict[str, str]) -> None:
        del slots
        self._delete(f"/api/v1/nodes/{action.node}")


def _taints(live: dict[str, Any], action: act.SetNodeMeta) -> list[dict[str, str]]:
    """The Node's taints after the action."""
    new = [{"key": t.key, "value": t.value, "effect": t.effect} for t in action.taints]
    gone = {(t.key, t.effect) for t in (*action.taints, *action.old_taints)}
    kept = [t for t in live["spec"].get("taints") or [] if (t["key"], t["effect"]) not in gone]
    return [*kept, *new]


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, ApiError) and error.status == CONFLICT


def _mint_key(action: act.MakeCertificateKey, slots: dict[str, str]) -> None:
    del action
    slots["certificate_key"] = secrets.token_hex(32)
