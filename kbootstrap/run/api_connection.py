"""The connection to the API: through the first control plane that is up, found from the probes.

Shared by all threads of a run. Before there is a control plane it is None, and plans are made as
for an empty cluster.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from kbootstrap import codes
from kbootstrap.engine.probe import ProbeResult, ProbeResults
from kbootstrap.errors import Finding, KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.etcd import prefix
from kbootstrap.remote.credentials import operator_kubeconfig
from kbootstrap.remote.external_etcd import ExternalEtcd
from kbootstrap.remote.hosts import Hosts
from kbootstrap.remote.https import Target
from kbootstrap.remote.kube import NOTHING_MORE, Asks, KubeReader, usable
from kbootstrap.run.api_route import ApiRoute, open_route, reach_through
from kbootstrap.run.cluster_api import ClusterApi
from kbootstrap.run.shared_attempt import SharedAttempt
from phases import certificates, identity, init, join
from phases.ownership import carries_record

OTHER_SECONDS = 5  # for another control plane to answer when the one in use does not


class ApiConnection:
    """Finds a control plane and connects to its API; changes to another one when it dies.

    Only control planes that this run has probed are used.

    Args:
        cluster: whose control planes are tried, in inventory order.
        hosts: the connections to them.
        probes: what is known of them.
        without: names of nodes that are not used, because they are about to leave.
        asks: what to read.
        note: called with a line for people when another control plane is used.

    """

    def __init__(
        self,
        cluster: Cluster,
        hosts: Hosts,
        probes: ProbeResults,
        *,
        without: frozenset[str] = frozenset(),
        asks: Asks = NOTHING_MORE,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._cluster, self._hosts, self._probes = cluster, hosts, probes
        self._without, self._asks, self._note = without, asks, note
        self._lock = threading.Lock()  # of what follows; never held while anything is contacted
        self._api: ClusterApi | None = None
        self._route: ApiRoute | None = None
        self._etcd_tunnels = contextlib.ExitStack()
        self._given_up = False
        self._first = ""  # the control plane to be tried first
        self._connecting = SharedAttempt(self._connect)
        self._moving = threading.Lock()
        self._stayed = 0.0  # when no other control plane was found last

    def in_use(self) -> tuple[str, str]:
        """Name and CA of the control plane in use; empty before there is one."""
        self.api()
        return self.through, self.ca_pem

    def api(self) -> ClusterApi | None:
        """The API, connected on the first call that finds a control plane."""
        self._follow_login()
        with self._lock:
            if self._api is not None or not self._candidates():
                return self._api
            version = self._probes.version
        self._connecting.share(version)
        return self._api

    def current(self) -> ClusterApi | None:
        """The API, if a thread has connected already."""
        return self._api

    @property
    def through(self) -> str:
        """The name of the control plane in use; empty while there is none."""
        return self._route.node.name if self._route else ""

    @property
    def ca_pem(self) -> str:
        """The CA of the control plane in use; empty while there is none."""
        return self._route.ca_pem if self._route else ""

    @property
    def possible(self) -> bool:
        """Whether there may be an API; not when all control planes leave."""
        return any(node.name not in self._without for node in self._cluster.control_planes)

    def anew(self, hosts: Hosts) -> "ApiConnection":
        """The same control plane over other connections."""
        without, asks = self._without, self._asks
        anew = ApiConnection(self._cluster, hosts, self._probes, without=without, asks=asks)
        anew._first = self.through
        return anew

    def give_up(self) -> None:
        """End requests soon: the connections are about to be closed."""
        self._given_up = True
        if self._api is not None:
            self._api.kube.http.give_up()

    def close(self) -> None:
        """Close the tunnels."""
        if self._route is not None:
            self._route.tunnel.close()
        self._etcd_tunnels.close()

    def _connect(self) -> None:
        """Use the first control plane that answers; if there is only one, wait for it.

        One whose init was interrupted counts only if it answers: its phase resumes it.
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
                route = self._open(node, known)
            except KbError as error:
                failed.append(error)
                continue
            if [(node, known)] == patient or node.name == self._first or usable(route.http):
                self._use(route)
                return
            route.close()
        if failed:
            raise failed[0]
        if patient:
            self._use(self._open(*patient[0]))

    def _candidates(self) -> list[tuple[Node, ProbeResult]]:
        return [
            (node, probed)
            for node in self._cluster.control_planes
            if node.name not in self._without
            and (probed := self._probes.get(node.name)) is not None
            and probed.kubeconfig is not None
            and _serves(probed)
            and carries_record(self._cluster, probed.facts[identity.PHASE.id])
        ]

    def _use(self, route: ApiRoute) -> None:
        with self._lock:
            self._route = route
            if self._api is None:
                self._api = ClusterApi(self._reader(route), route.ca_pem, route.etcd)
                self._api.kube.http.on_failure(self._change_route)
            else:
                self._api.follow(route)

    def _change_route(self, failed: Target) -> bool:
        """Whether requests now go to another control plane than the one that ``failed``."""
        with self._moving:
            api, old = self._api, self._route
            if api is None or old is None or self._given_up:
                return False
            if api.kube.http.target is not failed:
                return True  # another thread was faster
            if time.monotonic() - self._stayed < OTHER_SECONDS:
                return False
            route = self._another(old)
            if route is None:
                self._stayed = time.monotonic()
                return False
            self._use(route)
            old.close()
        message = f"the API server of {old.node.name} does not answer: the control plane in use"
        self._note(f"{message} is {route.node.name} now")
        return True

    def _follow_login(self) -> None:
        """Connect again with the files that the node has now, if this run replaced them."""
        old = self._route
        if old is None or self._given_up:
            return
        probed = self._probes.get(old.node.name)
        if probed is None or probed.kubeconfig is None or old.has_login_of(probed):
            return
        with self._moving:
            if self._route is not old:
                return  # another thread was faster
            with contextlib.suppress(KbError):  # the next call tries again, and requests fail over
                self._use(self._open(old.node, probed))
                old.close()

    def _another(self, old: ApiRoute) -> ApiRoute | None:
        """The first of the others that answers at once."""
        with self._lock:
            others = [one for one in self._candidates() if one[0] != old.node]
        for node, probed in others:
            if not _came_to_its_end(probed):
                continue
            with contextlib.suppress(KbError):
                route = self._open(node, probed)
                if usable(route.http, OTHER_SECONDS):
                    return route
                route.close()
        return None

    def _open(self, node: Node, probed: ProbeResult) -> ApiRoute:
        return open_route(node, probed, self._cluster, self._hosts, self._etcd_tunnels)

    def _reader(self, route: ApiRoute) -> KubeReader:
        etcd = route.etcd if self._asks.etcd else None
        return KubeReader(route.http, asks=self._asks, etcd=etcd)

    def operator_kubeconfig(self) -> str:
        """A kubeconfig with the login of the control plane in use, which `api` has found.

        Raises:
            KbError: KB441 or KB503, its admin.conf is damaged or of another CA.

        """
        route = self._route
        if route is None or route.probed.kubeconfig is None:
            raise RefusedError(codes.NO_CONTROL_PLANE, "there is no control plane yet")
        name, server = self._cluster.name, self._cluster.api.endpoint
        try:
            return operator_kubeconfig(
                route.probed.kubeconfig, name=name, server=server, ca_pem=route.ca_pem
            )
        except KbError as error:
            error.at(route.node.name)
            raise

    def external_etcd(self) -> ExternalEtcd | None:
        """The external etcd, if the first control plane has the certificate to log in."""
        external, node = self._cluster.etcd.external, self._cluster.first
        probed = self._probes.get(node.name)
        if external is None or probed is None or probed.etcd is None:
            return None
        connection = self._hosts.connection(node.ssh, node.name)
        reach = reach_through(connection, probed.etcd, self._etcd_tunnels)
        return ExternalEtcd(external.endpoints, reach)

    def prove_empty(self) -> None:
        """Check that the external etcd holds no cluster, if there is a certificate to log in.

        Raises:
            RefusedError: KB437, it does.

        """
        etcd, external = self.external_etcd(), self._cluster.etcd.external
        if etcd is None or external is None:
            return
        held = etcd.held(prefix(self._cluster))
        if held.keys:
            message = f"{external.endpoints[0]} holds {held.text}, below {prefix(self._cluster)}"
            raise RefusedError(codes.HOLDS_CLUSTER, message)


def _serves(probed: ProbeResult) -> bool:
    facts = probed.facts.get(identity.PHASE.id)
    return facts is not None and facts.control_plane


def _with_valid_login(candidates: list[tuple[Node, ProbeResult]]) -> list[tuple[Node, ProbeResult]]:
    """Those whose admin.conf the API would accept.

    Raises:
        PhaseError: KB352, there are some and none is valid now.

    """
    ended = {node: [*_ended_login(probed)] for node, probed in candidates}
    valid = [(node, probed) for node, probed in candidates if not ended[node]]
    if candidates and not valid:
        first = candidates[0][0]
        raise ended[first][0].at(first.name, certificates.PHASE.id).error()
    return valid


def _ended_login(probed: ProbeResult) -> Iterator[Finding]:
    return certificates.ended(certificates.of(probed.facts), probed.at, certificates.ADMIN)


def _came_to_its_end(probed: ProbeResult) -> bool:
    """Whether no init or join is half done there."""
    phases = (init.PHASE.id, join.CONTROL_PLANE.id)
    runs = [probed.facts[p].run for p in phases if p in probed.facts]
    return all(run in {"ok", "none"} for run in runs)
