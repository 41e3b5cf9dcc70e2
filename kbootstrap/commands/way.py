"""One way to the API: through one control plane, which is the only machine that is logged in to.

Made by `kbootstrap.commands.access`. Nothing is asked before the first request.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

from kbootstrap import codes
from kbootstrap.engine.survey import EtcdLogin, Snapshot
from kbootstrap.errors import KbError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.remote.credentials import Credentials
from kbootstrap.remote.etcd import Etcd
from kbootstrap.remote.hosts import Connection, Hosts
from kbootstrap.remote.kubehttp import KubeHttp, TlsHttp
from kbootstrap.secret import Secret
from phases import identity

ETCD_NAME = "localhost"  # in the certificate kubeadm makes for every member


@dataclass(frozen=True, slots=True)
class Way:
    """The API and etcd through one control plane, and the tunnel that is open for the API."""

    node: Node
    snapshot: Snapshot
    http: KubeHttp
    etcd: Etcd | None
    tunnel: ExitStack

    @property
    def ca_pem(self) -> str:
        """The cluster's CA, as this control plane holds it."""
        ca_pem: str = self.snapshot.facts[identity.PHASE.id].ca_pem
        return ca_pem

    def close(self) -> None:
        """Without waiting: a tunnel through a node that died ends slowly."""
        threading.Thread(target=self.tunnel.close, daemon=True, name="kb-close").start()


def open_way(
    node: Node, snapshot: Snapshot, cluster: Cluster, hosts: Hosts, etcd_tunnels: ExitStack
) -> Way:
    """Make the way through ``node``.

    Tunnels to etcd go to ``etcd_tunnels``: who talks to etcd through this node may go on with
    that when the API server does not answer any more.

    Raises:
        KbError: stamped with the node; nothing is left open.

    """
    stack = ExitStack()
    try:
        connection = hosts.connection(node.ssh, node.name)
        place = _serves_at(node, snapshot, cluster)
        tunnel = stack.enter_context(connection.forward(*place))
    except KbError as error:
        error.at(node.name)
        raise
    http = KubeHttp(snapshot.kubeconfig or Secret(""), *tunnel.address)
    etcd = None
    if snapshot.etcd is not None and cluster.etcd.external is None:
        etcd = Etcd(place[0], reach_through(connection, snapshot.etcd, etcd_tunnels, ETCD_NAME))
    return Way(node, snapshot, http, etcd, stack)


def _serves_at(node: Node, snapshot: Snapshot, cluster: Cluster) -> tuple[str, int]:
    """Where its API server listens, which is not always where the inventory says by now."""
    facts = snapshot.facts[identity.PHASE.id]
    return facts.serves_address or node.advertise_address, facts.port or cluster.api.bind_port


def reach_through(
    connection: Connection, known: EtcdLogin, tunnels: ExitStack, name: str = ""
) -> Callable[[str, int], TlsHttp]:
    """Requests to etcd through one node; every member is reached through it.

    Without ``name`` a server's certificate names its host.
    """

    @cache
    def reach(host: str, port: int) -> TlsHttp:
        login = Credentials(
            ca_pem=known.ca_pem,
            pair=known.pair,
            server_name=name or host,
            down=codes.ETCD_DOWN,
        )
        tunnel = tunnels.enter_context(connection.forward(host, port))
        return TlsHttp(login, *tunnel.address)

    return reach
