"""The lab's network: one bridge per lab and, per node, a network namespace plugged into it.

The host has `.1` on the bridge and nodes have it as their default route, because kubeadm asks
for one; a routing rule refuses everything which would leave through it. So nodes reach each other
and the host, and nothing else, whatever the host's own forwarding settings are.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from tests.lab.shell import LabError, run, wait_until

NETNS = Path("/var/run/netns")
SLOTS = range(10)  # labs side by side: 10.80.0.0/24 ... 10.89.0.0/24


@dataclass(frozen=True)
class Network:
    """Bridge, addresses and routing rule of one lab."""

    slot: int
    prefix: int = 24

    @property
    def bridge(self) -> str:
        return f"kbl{self.slot}"

    @property
    def gateway(self) -> str:
        """The host's own address on the bridge."""
        return self.address(1)

    def address(self, host: int) -> str:
        """The address of a host by its number, which may pass 255 in a wider network."""
        return f"10.{80 + self.slot}.{host // 256}.{host % 256}"

    def _cables(self) -> list[Path]:
        return list(Path("/sys/class/net").glob(f"{self.bridge}p*"))

    def ports(self) -> "list[Port]":
        """Every port plugged in now, also by earlier processes."""
        names = [path.name for path in NETNS.glob(f"{self.bridge}p*")]
        return [Port(self, int(name.removeprefix(f"{self.bridge}p"))) for name in names]

    def up(self) -> None:
        """Make the bridge, before anything asks the outside world for its addresses."""
        if Path("/sys/class/net", self.bridge).exists():
            return
        _ip(f"link add {self.bridge} type bridge forward_delay 0")
        _ip(f"addr add {self.gateway}/{self.prefix} dev {self.bridge}")
        _ip(f"rule add pref {900 + self.slot} iif {self.bridge} unreachable")
        _ip(f"link set {self.bridge} up")

    def down(self) -> None:
        """Remove bridge, ports and rule; the processes in the ports must have ended before."""
        # Deleted namespaces take their cables with them, all in one go; one by one is slow.
        commands = [f"netns del {port.name}" for port in self.ports()]
        run(["ip", "-force", "-batch", "-"], stdin="\n".join(commands), check=False)
        try:
            wait_until(f"the ports of {self.bridge} vanish", lambda: not self._cables())
        except LabError:  # a process that will not end keeps its namespace
            for cable in self._cables():
                _ip(f"link del {cable.name}")
        for command in (
            f"rule del pref {900 + self.slot} iif {self.bridge} unreachable",
            f"link del {self.bridge}",
        ):
            with contextlib.suppress(LabError):
                _ip(command)


@dataclass(frozen=True)
class Port:
    """One node's place on the bridge: a namespace whose eth0 is a cable to it."""

    network: Network
    host: int

    @property
    def name(self) -> str:
        """What both the namespace and the host's end of the cable are called."""
        return f"{self.network.bridge}p{self.host}"

    @property
    def address(self) -> str:
        return self.network.address(self.host)

    @property
    def mac(self) -> str:
        """Stays the same over reboots, as a network card's does: neighbours cache it."""
        return f"02:90:00:{self.network.slot:02x}:{self.host // 256:02x}:{self.host % 256:02x}"

    @property
    def path(self) -> Path:
        return NETNS / self.name

    def plug(self) -> None:
        """Make a fresh namespace: new firewall tables, new routes, default sysctls."""
        self.unplug()
        _ip(f"netns add {self.name}")
        peer = f"peer name eth0 address {self.mac} netns {self.name}"
        _ip(f"link add {self.name} type veth {peer}")
        _ip(f"link set {self.name} master {self.network.bridge} up")
        commands = (
            "link set lo up",
            f"addr add {self.address}/{self.network.prefix} dev eth0",
            "link set eth0 up",
            f"route add default via {self.network.gateway}",
        )
        run(["ip", "-netns", self.name, "-batch", "-"], stdin="\n".join(commands))

    def unplug(self) -> None:
        """Delete cable and namespace; processes still inside it lose their network at once."""
        with contextlib.suppress(LabError):
            _ip(f"link del {self.name}")
        if self.path.exists():
            _ip(f"netns del {self.name}")

    def cut(self) -> None:
        """Pull the cable: packets vanish both ways, as when the switch dies."""
        _ip(f"link set {self.name} down")

    @property
    def is_cut(self) -> bool:
        return not int(Path("/sys/class/net", self.name, "flags").read_text(), 16) & 1

    def reconnect(self) -> None:
        """Plug it in; the host forgets that it did not find the address meanwhile."""
        _ip(f"link set {self.name} up")
        _ip(f"neigh flush to {self.address} dev {self.network.bridge}")


def _ip(command: str) -> None:
    run(["ip", *command.split()])
