"""Reads the cluster's state through one API server."""

import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes
from kbootstrap.drift.by_hand import Reset
from kbootstrap.errors import PhaseError
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed, manifest_ref
from kbootstrap.remote.addon_objects import addon_resets
from kbootstrap.remote.answers import checked, reading
from kbootstrap.remote.drain import Budgeted, Held, budgeted_pods, busy_nodes, held_pods
from kbootstrap.remote.etcd import Etcd
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubehttp import ApiError, KubeHttp
from kbootstrap.remote.kubekinds import (
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    NODES,
    PODS,
    SECRETS,
)
from kbootstrap.remote.kubeobjects import (
    PROXY_TOKEN,
    PUBLIC,
    SYSTEM,
    TOKENS,
    cluster_info_of,
    kube_proxy_config_of,
    kubeadm_config_of,
    kubelet_config_of,
    last_applied_of,
    leftovers_of,
    node_of,
    own_pods_of,
    owner_of,
    proxy_server_of,
    static_pods_of,
    text_of,
)
from kbootstrap.remote.manifest_objects import live_objects
from kbootstrap.remote.proxy_pods import is_of_kubeadm, is_open
from kbootstrap.remote.workloads import is_applied, rolled_out, silent_nodes, workload_of

FRESH = 0.5  # seconds for which concurrent steps share an observation
NEVER: tuple[float, float, None] = (0.0, 0.0, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """What a command reads in addition to the common objects.

    Attributes:
        pods: also pods, for a drain.
        own_pods: the reasons why pods of kubeadm do not run.
        endpoint: which endpoint cluster-info names.
        etcd: etcd's members, for commands that change them or restart a control plane.

    """

    pods: bool = False
    own_pods: bool = False
    endpoint: bool = False
    etcd: bool = False


NOTHING_MORE = Asks()


def usable(http: KubeHttp, seconds: float | None = None) -> bool:
    """Whether the API answers, that is, kubeadm init has got that far; one request."""
    try:
        KubeApi(http).once(seconds).get(CONFIG_MAPS, "kubeadm-config", SYSTEM)
    except (ApiError, PhaseError):
        return False
    return True


@contextmanager
def _looking() -> Iterator[None]:
    try:
        with reading("the cluster's state"):
            yield
    except ApiError as error:
        raise PhaseError(
            codes.API_REFUSED, f"reading the cluster's state: {error}", detail=str(error.status)
        ) from error


class KubeReader:
    """Reads a cluster's state through one API server."""

    def __init__(
        self,
        http: KubeHttp,
        *,
        asks: Asks = NOTHING_MORE,
        etcd: Etcd | None = None,
    ) -> None:
        self.api = KubeApi(http)
        self._asks, self._etcd = asks, etcd
        self._lock = threading.Lock()
        # When the request for each answer began and ended, by the monotonic clock.
        self._seen: dict[tuple[Document, ...], tuple[float, float, Observed]] = {}

    def observe(self, manifests: tuple[Document, ...] = (), since: float = 0.0) -> Observed:
        """The cluster's state now, with that of the manifests' objects.

        Steps share an answer for half a second, but never one that was requested before ``since``
        (monotonic clock), when the caller last changed something.
        """
        with self._lock:
            began, ended, observed = self._seen.get(manifests, NEVER)
            if observed is not None and began >= since and time.monotonic() - ended < FRESH:
                return observed
            began = time.monotonic()
            with _looking():
                observed = checked(self._observe(manifests))
            self._seen[manifests] = (began, time.monotonic(), observed)
            return observed

    def held_pods(self) -> tuple[Held, ...]:
        """The pods that a drain would refuse to evict."""
        with _looking():
            return held_pods(self.api)

    def budgeted_pods(self) -> tuple[Budgeted, ...]:
        """The pods that no drain can evict, because of a PodDisruptionBudget."""
        with _looking():
            return budgeted_pods(self.api)

    def addon_resets(
        self, without: Collection[str], patches: Iterable[Document]
    ) -> tuple[Reset, ...]:
        """What an upgrade resets in the objects of kubeadm's addons, see `addon_objects`."""
        with _looking():
            return addon_resets(self.api, without, patches)

    def forget(self) -> None:
        """Drop the cached answer, after a change."""
        with self._lock:
            self._seen.clear()

    def follow(self, http: KubeHttp, etcd: Etcd | None) -> None:
        """Use the API server of ``http`` and this member of etcd from now on."""
        self.api.http.target = http.target
        self._etcd = etcd if self._asks.etcd else None

    def _observe(self, manifests: tuple[Document, ...]) -> Observed:
        live = tuple(live_objects(self.api, manifests))
        nodes = self.api.items(NODES)
        maps = self.api.items(CONFIG_MAPS, SYSTEM)
        tokens = self.api.items(SECRETS, SYSTEM, fields=TOKENS)
        descriptions = [text_of(token, "description") for token in tokens]
        pods = self._pods()
        silent = silent_nodes(nodes)
        workloads = [*self._workloads()]
        return Observed(
            reachable=True,
            ready=self.api.ready(),
            nodes=tuple(node_of(node, self.api.http.now()) for node in nodes),
            config_maps=frozenset(m["metadata"]["name"] for m in maps),
            kubeadm_config=kubeadm_config_of(maps),
            kubelet_config=kubelet_config_of(maps),
            kube_proxy_config=kube_proxy_config_of(maps),
            last_applied=last_applied_of(maps),
            cluster_info=self._cluster_info(),
            proxy_server=proxy_server_of(maps),
            static_pods=static_pods_of(pods),
            own_pods=own_pods_of(pods, maps) if self._asks.own_pods else (),
            token_owners=frozenset(owner for w in descriptions if (owner := owner_of(w))),
            certs_uploaded=PROXY_TOKEN in descriptions,
            workloads=frozenset(one["metadata"]["name"] for one in workloads),
            made_by_kubeadm=frozenset(
                one["metadata"]["name"] for one in (*workloads, *maps) if is_of_kubeadm(one)
            ),
            kube_proxy_open=any(is_open(one) for one in workloads),
            leftovers=leftovers_of(tokens),
            busy=busy_nodes(self.api) if self._asks.pods else frozenset(),
            applied=frozenset(manifest_ref(m) for m, there in live if is_applied(m, there)),
            rolled_out=frozenset(
                workload_of(there) for _, there in live if rolled_out(there, silent)
            ),
            etcd=self._etcd.members() if self._etcd else None,
        )

    def _cluster_info(self) -> str:
        if not self._asks.endpoint:
            return ""
        return cluster_info_of(self.api.find(CONFIG_MAPS, "cluster-info", PUBLIC))

    def _workloads(self) -> Iterator[dict[str, Any]]:
        for kind in (DAEMON_SETS, DEPLOYMENTS):
            yield from self.api.items(kind, SYSTEM, metadata=True)

    def _pods(self) -> list[dict[str, Any]]:
        """Pods of kube-system: of the control plane, or all if their reasons are needed."""
        some = "" if self._asks.own_pods else "tier=control-plane"
        return self.api.items(PODS, SYSTEM, labels=some)

    def events(self, pod: str) -> list[dict[str, Any]]:
        """Warning events of a pod of kube-system; none if the API does not have them."""
        fields = f"involvedObject.name={pod},type=Warning"
        try:
            return self.api.items(EVENTS, SYSTEM, fields=fields)
        except ApiError:
            return []
