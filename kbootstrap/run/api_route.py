"""One route to the API and to etcd: an SSH tunnel through one control plane.

Made by `kbootstrap.run.api_connection`. Nothing is sent before the first request.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

from kbootstrap import codes
from kbootstrap.engine.probe import EtcdLogin, ProbeResult, ProbeResults
from kbootstrap.errors import KbError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.remote.credentials import Credentials
from kbootstrap.remote.etcd import Etcd
from kbootstrap.remote.hosts import Connection, Hosts
from kbootstrap.remote.kubehttp import KubeHttp, TlsHttp
from kbootstrap.secret import Secret
from phases import identity, member

ETCD_NAME = "localhost"  # in the certificate kubeadm makes for every member


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """The API and etcd through one control plane, and the open tunnel to the API."""

    node: Node
    probed: ProbeResult
    http: KubeHttp
    etcd: Etcd | None
    tunnel: ExitStack

    @property
    def ca_pem(self) -> str:
        """The cluster's CA, as this control plane holds it."""
        ca_pem: str = self.probed.facts[identity.PHASE.id].ca_pem
        return ca_pem

    def has_login_of(self, probed: ProbeResult) -> bool:
        """Whether it has the CAs and the logins that the node has now."""
        ca = probed.facts[identity.PHASE.id].ca_pem if identity.PHASE.id in probed.facts else ""
        now = (ca or self.ca_pem, probed.kubeconfig, probed.etcd)
        return now == (self.ca_pem, self.probed.kubeconfig, self.probed.etcd)

    def close(self) -> None:
        """Close without waiting: a tunnel through a dead node ends slowly."""
        threading.Thread(target=self.tunnel.close, daemon=True, name="kb-close").start()


def open_route(
    node: Node, probed: ProbeResult, cluster: Cluster, hosts: Hosts, etcd_tunnels: ExitStack
) -> ApiRoute:
    """Make the route through ``node``.

    Tunnels to etcd go to ``etcd_tunnels``: they stay usable when the API server of this node no
    longer answers.

    Raises:
        KbError: stamped with the node; nothing is left open.

    """
    stack = ExitStack()
    try:
        connection = hosts.connection(node.ssh, node.name)
        place = serves_at(node, probed, cluster)
        tunnel = stack.enter_context(connection.forward(*place))
    except KbError as error:
        error.at(node.name)
        raise
    http = KubeHttp(probed.kubeconfig or Secret(""), *tunnel.address)
    etcd = None
    if probed.etcd is not None and cluster.etcd.external is None:
        etcd = Etcd(place[0], reach_through(connection, probed.etcd, etcd_tunnels, ETCD_NAME))
    return ApiRoute(node, probed, http, etcd, stack)


def serves_at(node: Node, probed: ProbeResult, cluster: Cluster) -> tuple[str, int]:
    """Where its API server listens, which may differ from the inventory."""
    facts = probed.facts.get(identity.PHASE.id, identity.PHASE.facts())
    return facts.serves_address or node.advertise_address, facts.port or cluster.api.bind_port


def reach_through(
    connection: Connection, known: EtcdLogin, tunnels: ExitStack, name: str = ""
) -> Callable[[str, int], TlsHttp]:
    """Requests to every member of etcd through one node.

    Without ``name``, a server's certificate must name its host.
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


def damaged_files(probes: ProbeResults) -> str:
    """Files of kubeadm's that are missing or damaged, for the error of an API that is down."""
    found = {name: result.facts.get(member.PHASE.id) for name, result in probes.items()}
    return "\n".join(
        f"missing or damaged on {name}: {path}"
        for name, facts in found.items()
        if facts is not None
        for path in facts.damaged
    )
