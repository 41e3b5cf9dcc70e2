"""The way to the API: the first control plane that is up, found from the probes.

Shared by all threads of a run. Before there is a control plane it answers None, and plans
are made as for an empty cluster.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from kbootstrap import codes
from kbootstrap.commands.api import Api
from kbootstrap.commands.attempt import Attempt
from kbootstrap.commands.way import Way, open_way, reach_through
from kbootstrap.engine.survey import Snapshot
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.etcd import prefix
from kbootstrap.remote.external_etcd import ExternalEtcd
from kbootstrap.remote.hosts import Hosts
from kbootstrap.remote.kube import NOTHING_MORE, Asks, KubeReader, usable
from kbootstrap.remote.kubehttp import Target
from kbootstrap.secret import Secret
from phases import certificates, identity, init, join

OTHER_SECONDS = 5  # for another control plane to answer when the one in use does not


class Access:
    """Finds and keeps the way to the API; takes another one when its control plane dies.

    Only control planes that this run has probed are gone through.

    Args:
        cluster: whose control planes are tried, in inventory order.
        hosts: the connections to them.
        without: nodes not to go through, since they are about to leave.
        asks: what to look at.
        note: told when another control plane is gone through.

    """

    def __init__(
        self,
        cluster: Cluster,
        hosts: Hosts,
        *,
        without: frozenset[str] = frozenset(),
        asks: Asks = NOTHING_MORE,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._cluster, self._hosts = cluster, hosts
        self._without, self._asks, self._note = without, asks, note
        self._lock = threading.Lock()  # of what follows; never held while anything is contacted
        self._snapshots: dict[str, Snapshot] = {}
        self._version = 0  # of what is known of control planes
        self._api: Api | None = None
        self._way: Way | None = None
        self._etcd_tunnels = contextlib.ExitStack()
        self._given_up = False
        self._first = ""  # the control plane to be tried first
        self._connecting = Attempt(self._connect)
        self._moving = threading.Lock()
        self._stayed = 0.0  # when no other control plane was found last
        self.kubeconfig: Secret | None = None

    def learn(self, snapshots: Mapping[str, Snapshot]) -> None:
        """Take in what nodes' probes said."""
        planes = {node.name for node in self._cluster.control_planes}
        with self._lock:
            self._snapshots.update(snapshots)
            self._version += not planes.isdisjoint(snapshots)

    def seed(self) -> tuple[str, str]:
        """Name and CA of the control plane in use; empty before there is one."""
        self.api()
        way = self._way
        return (way.node.name, way.ca_pem) if way else ("", "")

    def api(self) -> Api | None:
        """The API, connected on the first call that finds a control plane."""
        with self._lock:
            if self._api is not None or not self._candidates():
                return self._api
            version = self._version
        self._connecting.share(version)
        return self._api

    def current(self) -> Api | None:
        """The API, if somebody has connected already."""
        return self._api

    @property
    def through(self) -> str:
        """The name of the control plane in use; empty while there is none."""
        return self._way.node.name if self._way else ""

    @property
    def possible(self) -> bool:
        """Whether there may be an API to go through; not when all control planes leave."""
        return any(node.name not in self._without for node in self._cluster.control_planes)

    def anew(self, hosts: Hosts) -> "Access":
        """The same way over other connections."""
        access = Access(self._cluster, hosts, without=self._without, asks=self._asks)
        access.learn(self._snapshots)
        access._first = self.through
        return access

    def give_up(self) -> None:
        """Let requests under way end soon: the connections are about to be closed."""
        self._given_up = True
        if self._api is not None:
            self._api.http.give_up()

    def close(self) -> None:
        """Close the tunnels."""
        if self._way is not None:
            self._way.tunnel.close()
        self._etcd_tunnels.close()

    def _connect(self) -> None:
        """Take the first control plane that answers; the only one is waited for.

        One whose init was cut short does not count unless it answers: its phase goes on
        with it.
        """
        with self._lock:
            if self._api is not None:
                return
            found = _with_valid_login(self._candidates())
        found.sort(key=lambda one: (one[0].name != self._first, not _came_to_its_end(one[1])))
        patient = [(node, known) for node, known in found if _came_to_its_end(known)]
        failed: list[KbError] = []
        for node, known in found:
            try:
                way = self._open(node, known)
            except KbError as error:
                failed.append(error)
                continue
            if [(node, known)] == patient or node.name == self._first or usable(way.http):
                self._use(way)
                return
            way.close()
        if failed:
            raise failed[0]
        if patient:
            self._use(self._open(*patient[0]))

    def _candidates(self) -> list[tuple[Node, Snapshot]]:
        return [
            (node, snapshot)
            for node in self._cluster.control_planes
            if node.name not in self._without
            and (snapshot := self._snapshots.get(node.name)) is not None
            and snapshot.kubeconfig is not None
            and _serves(snapshot)
        ]

    def _use(self, way: Way) -> None:
        with self._lock:
            self._way, self.kubeconfig = way, way.snapshot.kubeconfig
            if self._api is None:
                self._api = Api(self._reader(way), way.ca_pem, way.etcd)
                self._api.http.on_failure(self._elsewhere)
            else:
                self._api.follow(way)

    def _elsewhere(self, failed: Target) -> bool:
        """Whether requests go to another control plane now than to the one that ``failed``."""
        with self._moving:
            api, old = self._api, self._way
            if api is None or old is None or self._given_up:
                return False
            if api.http.target is not failed:
                return True  # another thread was faster
            if time.monotonic() - self._stayed < OTHER_SECONDS:
                return False
            way = self._another(old)
            if way is None:
                self._stayed = time.monotonic()
                return False
            self._use(way)
            old.close()
        words = f"the API server of {old.node.name} does not answer: the control plane in use"
        self._note(f"{words} is {way.node.name} now")
        return True

    def _another(self, old: Way) -> Way | None:
        """The first of the others that answers at once."""
        with self._lock:
            others = [one for one in self._candidates() if one[0] != old.node]
        for node, snapshot in others:
            if not _came_to_its_end(snapshot):
                continue
            with contextlib.suppress(KbError):
                way = self._open(node, snapshot)
                if usable(way.http, OTHER_SECONDS):
                    return way
                way.close()
        return None

    def _open(self, node: Node, snapshot: Snapshot) -> Way:
        return open_way(node, snapshot, self._cluster, self._hosts, self._etcd_tunnels)

    def _reader(self, way: Way) -> KubeReader:
        etcd = way.etcd if self._asks.etcd else None
        return KubeReader(way.http, asks=self._asks, etcd=etcd)

    def external_etcd(self) -> ExternalEtcd | None:
        """The etcd somebody else runs, if the first control plane has the way to log in."""
        external, node = self._cluster.etcd.external, self._cluster.first
        snapshot = self._snapshots.get(node.name)
        if external is None or snapshot is None or snapshot.etcd is None:
            return None
        connection = self._hosts.connection(node.ssh, node.name)
        reach = reach_through(connection, snapshot.etcd, self._etcd_tunnels)
        return ExternalEtcd(external.endpoints, reach)

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
            raise RefusedError(codes.HOLDS_CLUSTER, words)


def _serves(snapshot: Snapshot) -> bool:
    facts = snapshot.facts.get(identity.PHASE.id)
    return facts is not None and facts.control_plane


def _with_valid_login(candidates: list[tuple[Node, Snapshot]]) -> list[tuple[Node, Snapshot]]:
    """Those whose admin.conf the API would accept.

    Raises:
        PhaseError: KB352, there are some and none is valid now.

    """
    ended = {node: [*_ended_login(snapshot)] for node, snapshot in candidates}
    valid = [(node, snapshot) for node, snapshot in candidates if not ended[node]]
    if candidates and not valid:
        first = candidates[0][0]
        raise ended[first][0].at(first.name, certificates.PHASE.id)
    return valid


def _ended_login(snapshot: Snapshot) -> Iterator[KbError]:
    return certificates.ended(certificates.of(snapshot.facts), snapshot.at, certificates.ADMIN)


def _came_to_its_end(snapshot: Snapshot) -> bool:
    """Whether no init or join is half done there."""
    phases = (init.PHASE.id, join.CONTROL_PLANE.id)
    runs = [snapshot.facts[p].run for p in phases if p in snapshot.facts]
    return all(run in {"ok", "none"} for run in runs)
