"""The way to the API: the first control plane that is up, found from the probes.

Shared by all threads of a run. Before there is a control plane it answers None, and plans
are made as for an empty cluster.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from functools import cache

from kbootstrap import codes_etcd
from kbootstrap.action import ApiAction, EtcdAction
from kbootstrap.engine.survey import EtcdLogin, Snapshot
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import Document
from kbootstrap.model.etcd import EtcdMember, prefix
from kbootstrap.model.observed import Observed
from kbootstrap.remote.etcd import Etcd
from kbootstrap.remote.external_etcd import ExternalEtcd
from kbootstrap.remote.kube import NOTHING_MORE, Asks, KubeReader
from kbootstrap.remote.kubehttp import KubeHttp, Login, TlsHttp
from kbootstrap.remote.kubewrite import KubeWriter
from kbootstrap.remote.session import Hosts
from kbootstrap.secret import Secret
from phases import identity, init, join

ETCD_NAME = "localhost"  # in the certificate kubeadm makes for every member


class Api:
    """The API through one control plane: looks always, writes only when told to."""

    def __init__(self, reader: KubeReader, ca_pem: str, etcd: Etcd | None) -> None:
        self._reader, self._ca, self._etcd = reader, ca_pem, etcd
        self._writer: KubeWriter | None = None

    @property
    def http(self) -> KubeHttp:
        """Requests to the API server."""
        return self._reader.http

    def observe(self) -> Observed:
        """The cluster now."""
        return self._reader.observe()

    def members(self) -> tuple[EtcdMember, ...]:
        """Of etcd, now; none if it is not ours."""
        return self._etcd.members() if self._etcd else ()

    def perform(self, action: ApiAction, slots: dict[str, str]) -> None:
        """Carry out an action; the writer is made on the first one."""
        if isinstance(action, EtcdAction):
            if self._etcd is None:
                raise RefusedError(codes_etcd.EXTERNAL_ETCD, "this cluster has no etcd of its own")
            self._etcd.perform(action)
        else:
            self._write(action, slots)
        self._reader.forget()

    def _write(self, action: ApiAction, slots: dict[str, str]) -> None:
        self._writer = self._writer or KubeWriter(self._reader, self._ca)
        self._writer.perform(action, slots)


class Access:
    """Finds and keeps the way to the API.

    Args:
        cluster: whose control planes are tried, in inventory order.
        hosts: the connections to them.
        without: nodes not to go through, since they are about to leave.
        asks: what to look at.

    """

    def __init__(
        self,
        cluster: Cluster,
        hosts: Hosts,
        *,
        without: frozenset[str] = frozenset(),
        asks: Asks = NOTHING_MORE,
    ) -> None:
        self._cluster, self._hosts = cluster, hosts
        self._without, self._asks = without, asks
        self._manifests: tuple[Document, ...] = ()
        self._lock = threading.Lock()
        self._snapshots: dict[str, Snapshot] = {}
        self._api: Api | None = None
        self._seed: tuple[str, str] = ("", "")
        self._open = contextlib.ExitStack()
        self.kubeconfig: Secret | None = None

    def use_manifests(self, manifests: tuple[Document, ...]) -> None:
        """Watch these objects too; said before the first look at the API."""
        self._manifests = manifests

    def learn(self, snapshots: Mapping[str, Snapshot]) -> None:
        """Take in what nodes' probes said."""
        with self._lock:
            self._snapshots.update(snapshots)

    def seed(self) -> tuple[str, str]:
        """Name and CA of the control plane in use; empty before there is one."""
        self.api()
        return self._seed

    def api(self) -> Api | None:
        """The API, connected on the first call that finds a control plane."""
        with self._lock:
            if self._api is None:
                self._connect()
            return self._api

    def current(self) -> Api | None:
        """The API, if somebody has connected already."""
        return self._api

    @property
    def through(self) -> str:
        """The name of the control plane in use; empty while there is none."""
        return self._seed[0]

    @property
    def possible(self) -> bool:
        """Whether there may be an API to go through; not when all control planes leave."""
        return any(node.name not in self._without for node in self._cluster.control_planes)

    def anew(self, hosts: Hosts) -> "Access":
        """The same way over other connections."""
        access = Access(self._cluster, hosts, without=self._without, asks=self._asks)
        access.learn(self._snapshots)
        return access

    def give_up(self) -> None:
        """Let requests under way end soon: the connections are about to be closed."""
        if self._api is not None:
            self._api.http.give_up()

    def close(self) -> None:
        """Close the tunnel."""
        self._open.close()

    def _connect(self) -> None:
        """Take the first control plane that answers; the only one is waited for.

        One whose init was cut short does not count unless it answers: its phase goes on
        with it.
        """
        found = [(n, s) for n, s in self._candidates() if s.kubeconfig is not None]
        found.sort(key=lambda one: not _came_to_its_end(one[1]))
        patient = [node for node, snapshot in found if _came_to_its_end(snapshot)]
        for node, snapshot in found:
            reader = self._reader(node, snapshot)
            if [node] == patient or reader.usable():
                return self._use(node, snapshot, reader)
        if patient:
            node = patient[0]
            snapshot = self._snapshots[node.name]
            self._use(node, snapshot, self._reader(node, snapshot))
        return None

    def _candidates(self) -> list[tuple[Node, Snapshot]]:
        return [
            (node, snapshot)
            for node in self._cluster.control_planes
            if node.name not in self._without
            and (snapshot := self._snapshots.get(node.name)) is not None
            and _serves(snapshot)
        ]

    def _use(self, node: Node, snapshot: Snapshot, reader: KubeReader) -> None:
        ca_pem = snapshot.facts[identity.PHASE.id].ca_pem
        self._api = Api(reader, ca_pem, self._etcd(node, snapshot))
        self._seed = (node.name, ca_pem)
        self.kubeconfig = snapshot.kubeconfig

    def _reader(self, node: Node, snapshot: Snapshot) -> KubeReader:
        try:
            connection = self._hosts.connection(node.ssh, node.name)
            tunnel = self._open.enter_context(
                connection.forward(node.advertise_address, self._cluster.api.bind_port)
            )
        except KbError as error:
            error.at(node.name)
            raise
        http = KubeHttp(snapshot.kubeconfig or Secret(""), *tunnel.address)
        etcd = self._etcd(node, snapshot) if self._asks.etcd else None
        return KubeReader(http, self._manifests, asks=self._asks, etcd=etcd)

    def _etcd(self, node: Node, snapshot: Snapshot) -> Etcd | None:
        """Every member is reached through this node, so no other one is logged in to."""
        if snapshot.etcd is None or self._cluster.etcd.external is not None:
            return None
        return Etcd(node.advertise_address, self._reach(node, snapshot.etcd, ETCD_NAME))

    def external_etcd(self) -> ExternalEtcd | None:
        """The etcd somebody else runs, if the first control plane has the way to log in."""
        external, node = self._cluster.etcd.external, self._cluster.first
        snapshot = self._snapshots.get(node.name)
        if external is None or snapshot is None or snapshot.etcd is None:
            return None
        return ExternalEtcd(external.endpoints, self._reach(node, snapshot.etcd))

    def prove_empty(self) -> None:
        """See that the external etcd holds no cluster, if there is a way to log in.

        Raises:
            RefusedError: KB437, it does.

        """
        etcd, external = self.external_etcd(), self._cluster.etcd.external
        if etcd is None or external is None:
            return
        held = etcd.held(prefix(self._cluster))
        if held.keys:
            words = f"{external.endpoints[0]} holds {held.text}, below {prefix(self._cluster)}"
            raise RefusedError(codes_etcd.HOLDS_CLUSTER, words)

    def _reach(self, node: Node, known: EtcdLogin, name: str = "") -> Callable[[str, int], TlsHttp]:
        """Requests through this node; without ``name`` a server's certificate names its host."""
        connection = self._hosts.connection(node.ssh, node.name)

        @cache
        def reach(host: str, port: int) -> TlsHttp:
            login = Login(
                ca_pem=known.ca_pem,
                pair=known.pair,
                server_name=name or host,
                down=codes_etcd.ETCD_DOWN,
            )
            tunnel = self._open.enter_context(connection.forward(host, port))
            return TlsHttp(login, *tunnel.address)

        return reach


def _serves(snapshot: Snapshot) -> bool:
    facts = snapshot.facts.get(identity.PHASE.id)
    return facts is not None and facts.control_plane


def _came_to_its_end(snapshot: Snapshot) -> bool:
    """Whether no init or join is half done there."""
    phases = (init.PHASE.id, join.CONTROL_PLANE.id)
    runs = [snapshot.facts[p].run for p in phases if p in snapshot.facts]
    return all(run in {"ok", "none"} for run in runs)
