"""Applies API actions; only the runner makes a `KubeWriter`."""

import base64
import secrets
from collections.abc import Callable
from typing import Any

from kbootstrap import action as act
from kbootstrap import codes, plain_yaml
from kbootstrap.errors import PhaseError, TrustError
from kbootstrap.model.observed import (
    CORDONED_BY,
    DRAINED_BY,
    MANIFEST_SUM,
    OUR_LABELS,
    OUR_TAINTS,
    manifest_ref,
)
from kbootstrap.pki import ca_hash, ca_hashes, token_signs
from kbootstrap.remote import kubeconfiguration, kubeendpoint, kuberotation
from kbootstrap.remote.answers import reading
from kbootstrap.remote.drain import drain
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kube_proxy import roll_out
from kbootstrap.remote.kubeapi import STRATEGIC
from kbootstrap.remote.kubehttp import CONFLICT, ApiError
from kbootstrap.remote.kubekinds import CONFIG_MAPS, NODES, SECRETS
from kbootstrap.remote.kubeobjects import (
    PROXY_TOKEN,
    PUBLIC,
    SYSTEM,
    TOKENS,
    expiration,
    owner_of,
    random_text,
    text_of,
    token_object,
)
from kbootstrap.remote.kubestored import (
    CONFLICT_SECONDS,
    is_conflict,
    set_stored,
    switch_addon,
)
from kbootstrap.remote.rollout import await_rollout
from kbootstrap.remote.system_pods import await_own_pods
from kbootstrap.secret import remember
from kbootstrap.wait import retry, until

REGISTER_SECONDS = 60  # for a kubelet to register its Node after a join
SERVED_SECONDS = 30  # for a kind to be served after its CustomResourceDefinition was applied


class KubeWriter:
    """Applies API actions.

    Attributes:
        values: of placeholders, by name; `secret` has the names of those never to show.

    """

    def __init__(self, reader: KubeReader, ca_pem: str) -> None:
        self._reader, self._api, self._ca = reader, reader.api, ca_pem
        self._does: dict[type[act.ApiAction], Callable[[Any, dict[str, str]], None]] = {
            act.MakeToken: self._make_token,
            act.DeleteTokens: self._drop_tokens,
            act.ExpireCerts: self._bound_certs,
            act.DeleteCerts: self._drop_certs,
            act.MakeCertificateKey: _mint_key,
            act.SetNodeMeta: self._set_node_meta,
            act.SwitchAddon: lambda action, _: switch_addon(self._api, action),
            act.RollOutProxy: lambda action, _: roll_out(self._api, action),
            act.SetStored: lambda action, _: set_stored(self._api, action),
            act.ApplyManifest: self._apply,
            act.AwaitRollout: self._await_rollout,
            act.ReadCaHash: lambda _, slots: slots.update(ca_hash=ca_hash(self._ca)),
            act.AwaitPodCidr: self._await_pod_cidr,
            act.AwaitReady: self._await_ready,
            act.AwaitPods: lambda action, _: await_own_pods(reader, action),
            act.Cordon: self._cordon,
            act.Drain: self._drain,
            act.Uncordon: self._uncordon,
            act.DeleteNode: self._delete_node,
            **kubeconfiguration.handlers(self._api),
            **kubeendpoint.handlers(self._api),
            **kuberotation.handlers(self._api, ca_pem),
        }

    def perform(self, action: act.ApiAction, slots: dict[str, str]) -> None:
        """Apply one action; it may read and set values of placeholders.

        Raises:
            KbError: what went wrong, with the API server's message.

        """
        try:
            with reading(action.text):
                self._does[type(action)](action, slots)
        except ApiError as error:
            raise PhaseError(
                codes.API_REFUSED, f"{action.text}: {error}", detail=f"status {error.status}"
            ) from error

    def _make_token(self, action: act.MakeToken, slots: dict[str, str]) -> None:
        self._drop_tokens(act.DeleteTokens(why="", node=action.node), slots)
        token_id, token_secret = random_text(6), remember(random_text(16))
        token = token_object(action.node, token_id, token_secret, action.ttl)
        try:
            self._api.create(SECRETS, token)
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
        data = self._api.get(CONFIG_MAPS, "cluster-info", PUBLIC).get("data") or {}
        kubeconfig = str(data.get("kubeconfig", ""))
        jws = str(data.get(f"jws-kubeconfig-{token_id}", ""))
        return kubeconfig if token_signs(kubeconfig, jws, token_id, token_secret) else None

    def _check_ca(self, kubeconfig: str) -> None:
        """Refuse a cluster-info with another CA than that of the control plane."""
        ours = ca_hashes(self._ca)
        shown = ", ".join(sorted(ours))
        try:
            cluster = plain_yaml.load(kubeconfig)["clusters"][0]["cluster"]
            served = ca_hashes(base64.b64decode(cluster["certificate-authority-data"]).decode())
        except (LookupError, TypeError, ValueError):
            raise TrustError(
                codes.CA_MISMATCH, f"cluster-info serves no CA, ca.crt is {shown}"
            ) from None
        if not ours & served & ca_hashes(self._api.http.ca_pem):
            raise TrustError(
                codes.CA_MISMATCH,
                f"cluster-info serves CA {', '.join(sorted(served))}, ca.crt is {shown}",
            )

    def _drop_tokens(self, action: act.DeleteTokens, slots: dict[str, str]) -> None:
        del slots
        for token in self._tokens():
            if owner_of(text_of(token, "description")) == action.node:
                self._api.remove(SECRETS, token["metadata"]["name"], SYSTEM)

    def _drop_certs(self, action: act.DeleteCerts, slots: dict[str, str]) -> None:
        del action, slots
        for name in ("kubeadm-certs", *self._proxy_tokens()):
            self._api.remove(SECRETS, name, SYSTEM)

    def _bound_certs(self, action: act.ExpireCerts, slots: dict[str, str]) -> None:
        """Shorten the token that owns the Secret kubeadm-certs, which is deleted with it."""
        del slots
        end = base64.b64encode(expiration(action.ttl).encode()).decode()
        for name in self._proxy_tokens():
            self._api.patch(SECRETS, name, {"data": {"expiration": end}}, SYSTEM)

    def _proxy_tokens(self) -> list[str]:
        ours = (t for t in self._tokens() if text_of(t, "description") == PROXY_TOKEN)
        return [token["metadata"]["name"] for token in ours]

    def _tokens(self) -> list[dict[str, Any]]:
        return self._api.items(SECRETS, SYSTEM, fields=TOKENS)

    def _set_node_meta(self, action: act.SetNodeMeta, slots: dict[str, str]) -> None:
        del slots
        # the kubelet registers its Node shortly after kubeadm join ends
        if not until(lambda: self._reader.observe().node(action.node), REGISTER_SECONDS):
            raise PhaseError(
                codes.NOT_READY, f"node {action.node} is not registered after {REGISTER_SECONDS} s"
            )
        retry(lambda: self._patch_meta(action), CONFLICT_SECONDS, is_conflict)

    def _patch_meta(self, action: act.SetNodeMeta) -> None:
        """Patch labels and taints; a concurrent change of the list of taints is a conflict."""
        labels = {**dict(action.labels), **dict.fromkeys(action.old_labels)}
        notes = {
            OUR_LABELS: ",".join(action.our_labels) or None,
            OUR_TAINTS: ",".join(action.our_taints) or None,
        }
        metadata: dict[str, Any] = {"labels": labels, "annotations": notes}
        patch: dict[str, Any] = {"metadata": metadata}
        if action.taints or action.old_taints:
            live = self._api.get(NODES, action.node)
            metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
            patch["spec"] = {"taints": _taints(live, action)}
        self._api.patch(NODES, action.node, patch)

    def _apply(self, action: act.ApplyManifest, slots: dict[str, str]) -> None:
        del slots
        data = action.manifest.data
        mark = {MANIFEST_SUM: manifest_ref(action.manifest).rsplit(" ", 1)[1]}
        data["metadata"]["annotations"] = (data["metadata"].get("annotations") or {}) | mark
        name = data["apiVersion"], data["kind"]
        kind = until(lambda: self._api.kinds([name]).get(name), SERVED_SECONDS)
        if kind is None:
            raise PhaseError(codes.API_REFUSED, f"the API has no kind {' '.join(name)}")
        self._api.apply(kind, data)

    def _await_rollout(self, action: act.AwaitRollout, slots: dict[str, str]) -> None:
        del slots
        await_rollout(self._api, action)

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
        drain(self._api, action)
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
        self._api.patch(NODES, name, body, how=STRATEGIC)

    def _delete_node(self, action: act.DeleteNode, slots: dict[str, str]) -> None:
        del slots
        self._api.remove(NODES, action.node)


def _taints(live: dict[str, Any], action: act.SetNodeMeta) -> list[dict[str, str]]:
    """The Node's taints after the action."""
    new = [{"key": t.key, "value": t.value, "effect": t.effect} for t in action.taints]
    gone = {(t.key, t.effect) for t in (*action.taints, *action.old_taints)}
    kept = [t for t in live["spec"].get("taints") or [] if (t["key"], t["effect"]) not in gone]
    return [*kept, *new]


def _mint_key(action: act.MakeCertificateKey, slots: dict[str, str]) -> None:
    del action
    slots["certificate_key"] = remember(secrets.token_hex(32))
