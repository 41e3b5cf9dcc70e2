"""What a node's operating system and hardware are, as its first probe found them.

Every `kbootstrap.engine.phase.View` has the `HostFacts` of its node as ``host``, so no phase asks
again. `kbootstrap.engine.host_probe` reads them and refuses values that cannot be right.
"""

from dataclasses import dataclass

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # uname -m -> as Kubernetes says it
FIREWALLS = ("firewalld", "iptables", "nftables", "ufw")  # units
TIME_SERVICES = ("chrony", "chronyd", "ntpd", "ntpsec", "systemd-timesyncd")
PACKET_FILTERS = ("iptables", "nft")  # commands


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """Facts about a node that do not depend on the inventory; empty values are unknown.

    Attributes:
        machine: as ``uname -m`` prints it.
        os_id: ``ID`` of os-release(5); os_like: ``ID_LIKE``; os_version: ``VERSION_ID``.
        tools: those commands of `PACKET_FILTERS` and of the package managers that are in PATH.
        systemd: the system was booted with it.
        cgroup: 1 or 2, the version of the hierarchy at /sys/fs/cgroup.
        selinux: ``enforcing``, ``permissive``, or empty if it is off.
        units: active units among `FIREWALLS` and `TIME_SERVICES`, without ``.service``.
        iptables_table: a table of the older iptables in the kernel, which nft does not show.
        memory_mib: MemTotal.
        cpus: how many a process may use.
        swap: active devices and files.
        swap_fstab: what an active line of /etc/fstab enables at boot.
        clock: seconds since 1970, when the probe ran.
        routes: default ones of IPv4, such as ``default via 192.0.2.1 dev eth0``.
        mounts: ``path type [ro] [noexec]`` of the directories that Kubernetes uses.

    """

    machine: str = ""
    kernel: str = ""
    hostname: str = ""
    machine_id: str = ""
    boot_id: str = ""
    os_id: str = ""
    os_like: tuple[str, ...] = ()
    os_version: str = ""
    tools: tuple[str, ...] = ()
    systemd: bool = False
    cgroup: int = 2
    selinux: str = ""
    apparmor: bool = False
    units: tuple[str, ...] = ()
    iptables_table: str = ""
    memory_mib: int = 0
    cpus: int = 0
    swap: tuple[str, ...] = ()
    swap_fstab: tuple[str, ...] = ()
    clock: int = 0
    routes: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()

    @property
    def arch(self) -> str:
        """``amd64`` or ``arm64``; empty for others, which Kubernetes nodes here cannot have."""
        return ARCHITECTURES.get(self.machine, "")

    @property
    def firewall(self) -> str:
        """The active firewalls; empty if none is known."""
        return ", ".join(unit for unit in self.units if unit in FIREWALLS)

    @property
    def time_service(self) -> str:
        """What sets the clock; empty if nothing is known to do so."""
        return ", ".join(unit for unit in self.units if unit in TIME_SERVICES)

    @property
    def text(self) -> str:
        """All that helps to understand an error there, on one line, for the journal of a run."""
        named = {
            "firewall": self.firewall,
            "time": self.time_service,
            "SELinux": self.selinux,
            "AppArmor": "enabled" if self.apparmor else "",
            "packet filters": ", ".join(t for t in self.tools if t in PACKET_FILTERS),
            "table of the older iptables": self.iptables_table,
            "swap": ", ".join((*self.swap, *(f"{one} at boot" for one in self.swap_fstab))),
            "routes": ", ".join(self.routes),
            "mounts": ", ".join(self.mounts),
        }
        system = f"{self.os_id or 'unknown system'} {self.os_version}".strip()
        init = "systemd" if self.systemd else "no systemd"
        parts = [self.hostname, system, self.machine, f"kernel {self.kernel}", init]
        parts += [f"cgroup v{self.cgroup}", f"{self.memory_mib} MiB", f"{self.cpus} CPUs"]
        return "; ".join([", ".join(parts), *(f"{k}: {v}" for k, v in named.items() if v)])


UNKNOWN = HostFacts()  # of a node that was not probed
