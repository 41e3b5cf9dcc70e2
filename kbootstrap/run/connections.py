"""The SSH connections of one run, and the figures of what they cost."""

import threading

from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.options import RunOptions
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.hosts import Connection, Hosts
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.secret_source import Secrets


class Connections:
    """One connection to each node, opened by its first request.

    Attributes:
        hosts: the connections of the run.
        meter: counts round trips and bytes of all connections.

    """

    def __init__(self, options: RunOptions, cluster: Cluster) -> None:
        self._cluster = cluster
        self._trust = HostKeys(
            [options.known_hosts] if options.known_hosts else None, accept_new=options.accept_new
        )
        self._secrets = Secrets()
        self._released = threading.Event()
        self.meter = Meter()
        self.hosts = self.new_hosts()

    def new_hosts(self) -> Hosts:
        """Further connections with the same login; the caller closes them."""
        bin_dir = self._cluster.programs.bin_dir
        return Hosts(self._trust, self._secrets, self.meter, bin_dir=bin_dir)

    def to(self, node: Node) -> Connection:
        """The connection to a node."""
        return self.hosts.connection(node.ssh, node.name)

    @property
    def released(self) -> bool:
        """Whether the run gave its connections up before its end."""
        return self._released.is_set()

    def mark_released(self) -> None:
        """From now on the connections count as closed; `close` follows."""
        self._released.set()

    def close(self) -> None:
        """Close every connection; commands that run on nodes continue there."""
        self.hosts.close()
