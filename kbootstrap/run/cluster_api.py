"""The API of the cluster, through the control plane in use.

Made by `kbootstrap.run.api_connection`; plans read and steps write through it.
"""

from collections.abc import Collection, Iterable

from kbootstrap import codes
from kbootstrap.action import ApiAction, EtcdAction
from kbootstrap.drift.by_hand import Reset
from kbootstrap.errors import RefusedError
from kbootstrap.model.document import Document
from kbootstrap.model.etcd import EtcdMember
from kbootstrap.model.observed import Observed
from kbootstrap.remote.drain import Budgeted, Held
from kbootstrap.remote.etcd import Etcd
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubewrite import KubeWriter
from kbootstrap.run.api_route import ApiRoute


class ClusterApi:
    """The API and etcd through the control plane in use; writes only in `perform`."""

    def __init__(self, reader: KubeReader, ca_pem: str, etcd: Etcd | None) -> None:
        self._reader, self._ca, self._etcd = reader, ca_pem, etcd
        self._writer: KubeWriter | None = None

    @property
    def kube(self) -> KubeApi:
        """The API server."""
        return self._reader.api

    def observe(self, manifests: tuple[Document, ...] = (), since: float = 0.0) -> Observed:
        """The cluster at a moment after ``since``, and how these objects are in it."""
        return self._reader.observe(manifests, since)

    def held_pods(self) -> tuple[Held, ...]:
        """The pods that a drain would refuse to evict."""
        return self._reader.held_pods()

    def budgeted_pods(self) -> tuple[Budgeted, ...]:
        """The pods that no drain can evict, because of a PodDisruptionBudget."""
        return self._reader.budgeted_pods()

    def addon_resets(
        self, without: Collection[str], patches: Iterable[Document]
    ) -> tuple[Reset, ...]:
        """What an upgrade resets in the objects of kubeadm's addons."""
        return self._reader.addon_resets(without, patches)

    def members(self) -> tuple[EtcdMember, ...]:
        """Of etcd, now; none if it is not ours."""
        return self._etcd.members() if self._etcd else ()

    def perform(self, action: ApiAction, slots: dict[str, str]) -> None:
        """Carry out an action; the writer is made on the first one."""
        if isinstance(action, EtcdAction):
            if self._etcd is None:
                raise RefusedError(codes.EXTERNAL_ETCD, "this cluster has no etcd of its own")
            self._etcd.perform(action)
        else:
            self._write(action, slots)
        self._reader.forget()

    def follow(self, other: ApiRoute) -> None:
        """Go through the control plane that ``other`` goes through."""
        self._reader.follow(other.http, other.etcd)
        self._etcd, self._ca, self._writer = other.etcd, other.ca_pem, None

    def _write(self, action: ApiAction, slots: dict[str, str]) -> None:
        self._writer = self._writer or KubeWriter(self._reader, self._ca)
        self._writer.perform(action, slots)
