"""What the API shows, through one API server."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes_phase as codes
from kbootstrap.errors import PhaseError
from kbootstrap.model.document import Document
from kbootstrap.model.observed import MANIFEST_SUM, Observed, manifest_ref
from kbootstrap.remote.drain import Held, busy_nodes, held_pods
from kbootstrap.remote.etcd import Etcd
from kbootstrap.remote.kubehttp import ApiError, KubeHttp
from kbootstrap.remote.kubeobjects import (
    NOT_FOUND,
    PROXY_TOKEN,
    SYSTEM,
    SYSTEM_APPS,
    TOKENS,
    kube_proxy_config_of,
    kubeadm_config_of,
    kubelet_config_of,
    leftovers_of,
    node_of,
    object_path,
    owner_of,
    rolled_out,
    static_pods_of,
    text_of,
)

FRESH = 0.5  # seconds an observation serves concurrent steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """What a verb looks at besides what every verb does.

    Attributes:
        pods: pods too, which only a drain needs.
        etcd: etcd's members, for who changes them or takes a control plane down.

    """

    pods: bool = False
    etcd: bool = False


NOTHING_MORE = Asks()


@contextmanager
def _looking() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        raise PhaseError(
            codes.API_REFUSED, f"looking at the cluster: {error}", detail=str(error.status)
        ) from error


class KubeReader:
    """Looks at a cluster through one API server."""

    def __init__(
        self,
        http: KubeHttp,
        manifests: tuple[Document, ...] = (),
        *,
        asks: Asks = NOTHING_MORE,
        etcd: Etcd | None = None,
    ) -> None:
        self.http = http
        self._manifests, self._asks, self._etcd = manifests, asks, etcd
        self._lock = threading.Lock()
        self._seen: tuple[float, Observed] | None = None

    def observe(self) -> Observed:
        """The cluster now; steps that ask within half a second share one answer."""
        with self._lock:
            if self._seen and time.monotonic() - self._seen[0] < FRESH:
                return self._seen[1]
            with _looking():
                observed = self._observe()
            self._seen = (time.monotonic(), observed)
            return observed

    def held_pods(self) -> tuple[Held, ...]:
        """The pods that a drain would refuse to evict."""
        with _looking():
            return held_pods(self.http)

    def forget(self) -> None:
        """Look anew next time: something was changed."""
        with self._lock:
            self._seen = None

    def usable(self) -> bool:
        """Whether kubeadm init has come so far that the API answers us; asks once."""
        try:
            self.http.request("GET", f"{SYSTEM}/configmaps/kubeadm-config", patient=False)
        except (ApiError, PhaseError):
            return False
        return True

    def _observe(self) -> Observed:
        nodes = self.http.request("GET", "/api/v1/nodes")["items"]
        maps = self.http.request("GET", f"{SYSTEM}/configmaps")["items"]
        tokens = self.http.request("GET", TOKENS)["items"]
        words = [text_of(token, "description") for token in tokens]
        return Observed(
            reachable=True,
            ready=self._ready(),
            nodes=tuple(node_of(node) for node in nodes),
            config_maps=frozenset(m["metadata"]["name"] for m in maps),
            kubeadm_config=kubeadm_config_of(maps),
            kubelet_config=kubelet_config_of(maps),
            kube_proxy_config=kube_proxy_config_of(maps),
            static_pods=static_pods_of(self._control_plane()),
            token_owners=frozenset(owner for w in words if (owner := owner_of(w))),
            certs_uploaded=PROXY_TOKEN in words,
            workloads=frozenset(self._workloads()),
            leftovers=leftovers_of(tokens),
            busy=busy_nodes(self.http) if self._asks.pods else frozenset(),
            applied=frozenset(manifest_ref(m) for m in self._manifests if self._is_applied(m)),
            rolled_out=frozenset(w for m in self._manifests if (w := self._rolled_out(m))),
            etcd=self._etcd.members() if self._etcd else None,
        )

    def _workloads(self) -> Iterator[str]:
        for kind in ("daemonsets", "deployments"):
            for item in self.http.request("GET", f"{SYSTEM_APPS}/{kind}")["items"]:
                yield item["metadata"]["name"]

    def _control_plane(self) -> list[dict[str, Any]]:
        path = f"{SYSTEM}/pods?labelSelector=tier%3Dcontrol-plane"
        items: list[dict[str, Any]] = self.http.request("GET", path)["items"]
        return items

    def _ready(self) -> bool:
        try:
            return str(self.http.request("GET", "/readyz", patient=False)) == "ok"
        except (ApiError, PhaseError):
            return False

    def _is_applied(self, manifest: Document) -> bool:
        live = self._live(manifest)
        notes = (live or {}).get("metadata", {}).get("annotations") or {}
        return notes.get(MANIFEST_SUM) == manifest_ref(manifest).rsplit(" ", 1)[1]

    def _rolled_out(self, manifest: Document) -> tuple[str, str, str] | None:
        live = self._live(manifest) or {}
        if not rolled_out(live):
            return None
        meta = live["metadata"]
        return live.get("kind", manifest.data["kind"]), meta["namespace"], meta["name"]

    def _live(self, manifest: Document) -> dict[str, Any] | None:
        try:
            path = object_path(self.http, manifest)
            live: dict[str, Any] = self.http.request("GET", path)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return live
