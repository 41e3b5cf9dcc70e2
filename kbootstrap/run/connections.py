"""The SSH connections of one run, and the figures of what they cost."""

import threading
from collections.abc import Callable

from kbootstrap import codes
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import UnreachableError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.options import RunOptions
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.hosts import Connection, Hosts
from kbootstrap.remote.logins import FromSshConfig
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.secret_source import Secrets
from kbootstrap.run.api_route import serves_at


def _ignore(text: str) -> None:
    del text


class Connections:
    """One connection to each node, opened by its first request.

    Attributes:
        hosts: the connections of the run.
        meter: counts round trips and bytes of all connections.

    """

    def __init__(self, options: RunOptions, cluster: Cluster, note: Callable[[str], None]) -> None:
        """``note`` prints a line for people."""
        self._cluster = cluster
        self._without_api = options.without_api
        self._trust = HostKeys(
            [options.known_hosts] if options.known_hosts else None,
            accept_new=options.accept_new,
            warn=note,
        )
        tell = note if options.verbose else _ignore
        self._logins = FromSshConfig(tell, note)
        self._secrets = Secrets()
        self._released = threading.Event()
        self.meter = Meter()
        self.hosts = self.new_hosts()

    def new_hosts(self) -> Hosts:
        """Further connections with the same login; the caller closes them."""
        bin_dir = self._cluster.programs.bin_dir
        return Hosts(self._trust, self._secrets, self.meter, self._logins, bin_dir=bin_dir)

    def to(self, node: Node) -> Connection:
        """The connection to a node."""
        return self.hosts.connection(node.ssh, node.name)

    def check_forwarding(self, node: Node, probed: ProbeResult) -> None:
        """Open the way to the API once, before anything is changed, if the run may need it.

        Raises:
            UnreachableError: KB211, a control plane does not allow port forwarding.

        """
        if self._without_api or not node.is_control_plane:
            return
        try:
            self.to(node).tunnel(*serves_at(node, probed, self._cluster)).close()
        except UnreachableError as error:
            if error.code is codes.NO_FORWARD:
                raise

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
