"""Reads the `HostFacts` of a node: one part at the beginning of its first request.

The values come from files that others write, so each has a shape. A value of another shape is an
error of that node (KB319) and goes no further.
"""

from collections.abc import Callable, Iterable
from functools import cache
from ipaddress import IPv4Address
from typing import Any

from kbootstrap import codes, distro
from kbootstrap.engine.phase import like
from kbootstrap.errors import PhaseError
from kbootstrap.model.host_facts import FIREWALLS, PACKET_FILTERS, TIME_SERVICES, HostFacts
from kbootstrap.remote.protocol import Part, PartResult
from kbootstrap.render import render

PART = "read:host"
MOST_VALUES = 32  # of one name
# Below /proc, or absolute; the first line of each is a fact named after the file.
LINES = (
    "sys/kernel/arch",
    "sys/kernel/hostname",
    "sys/kernel/osrelease",
    "sys/kernel/random/boot_id",
    "net/ip_tables_names",
    "/etc/machine-id",
    "/sys/fs/selinux/enforce",
    "/sys/module/apparmor/parameters/enabled",
)


@cache
def part() -> Part:
    """Read-only; two or three processes."""
    script = render(
        "host_facts/probe.sh.j2",
        tools=(*distro.package_managers(), *PACKET_FILTERS),
        units=(*(unit for unit in FIREWALLS if unit != "ufw"), *TIME_SERVICES),
        lines=LINES,
    )
    return Part(PART, f"{script}\n:", "probe", always=True)


Reader = Callable[[str], object]


def _shape(pattern: str) -> Callable[[str], str]:
    check = like(pattern)

    def read(value: str) -> str:
        check(value)
        return value

    return read


def _word(value: str) -> str:
    """A value of os-release(5), which may be quoted."""
    return _shape(r"[A-Za-z0-9._+~-]{0,64}")(value.strip("\"'")).lower()


def _words(value: str) -> tuple[str, ...]:
    """A list of os-release(5); some distributions put commas between its values."""
    return tuple(_word(word) for word in value.strip("\"'").replace(",", " ").split())


def _number(value: str) -> int:
    return int(_shape(r"[0-9]{1,18}")(value))


def _flag(value: str) -> bool:
    return _shape("[01YN]")(value) in {"1", "Y"}


def _cpus(value: str) -> int:
    """The size of a list such as ``0-3,8``."""
    ranges = [one.partition("-") for one in _RANGES(value).split(",")]
    return sum(int(last or first) - int(first) + 1 for first, _, last in ranges)


def _route(value: str) -> str:
    """Interface and gateway of a default route in /proc/net/route, in the host's byte order."""
    link, gateway = _LINE(value).split(" ")
    return f"default via {IPv4Address(bytes.fromhex(gateway)[::-1])} dev {link}"


def _mount(value: str) -> str:
    """Path, type, and the options of the mount and of the file system in /proc/self/mountinfo."""
    path, kind, options, whole = _LINE(value).split(" ")
    found = {*options.split(","), whole}
    return " ".join([path, kind, *(one for one in ("ro", "noexec") if one in found)])


_LINE = _shape(r"[\x21-\x7e]([\x20-\x7e]{0,199})")
_RANGES = _shape(r"(?=.{1,200}$)[0-9]{1,6}(-[0-9]{1,6})?(,[0-9]{1,6}(-[0-9]{1,6})?)*")
_ID = _shape(r"[0-9a-z-]{0,64}")
# name in the output -> field, what reads the value, where it comes from
_ONE: dict[str, tuple[str, Reader, str]] = {
    "arch": ("machine", _shape(r"[A-Za-z0-9_]{1,32}"), "uname -m"),
    "osrelease": ("kernel", _LINE, "/proc/sys/kernel/osrelease"),
    "hostname": ("hostname", _LINE, "/proc/sys/kernel/hostname"),
    "machine-id": ("machine_id", _ID, "/etc/machine-id"),
    "boot_id": ("boot_id", _ID, "/proc/sys/kernel/random/boot_id"),
    "ID": ("os_id", _word, "ID of os-release"),
    "ID_LIKE": ("os_like", _words, "ID_LIKE of os-release"),
    "VERSION_ID": ("os_version", _word, "VERSION_ID of os-release"),
    "systemd": ("systemd", _flag, "/run/systemd/system"),
    "cgroup": ("cgroup", _number, "/sys/fs/cgroup"),
    "enforce": ("selinux", lambda v: "enforcing" if _flag(v) else "permissive", "enforce"),
    "enabled": ("apparmor", _flag, "/sys/module/apparmor/parameters/enabled"),
    "mem": ("memory_mib", lambda kib: _number(kib) // 1024, "/proc/meminfo"),
    "cpus": ("cpus", _cpus, "Cpus_allowed_list of /proc/self/status"),
    "clock": ("clock", _number, "date +%s"),
    "ip_tables_names": ("iptables_table", _LINE, "/proc/net/ip_tables_names"),
}
_MANY: dict[str, tuple[str, Reader, str]] = {
    "tool": ("tools", _LINE, "PATH"),
    "unit": ("units", _LINE, "/run/systemd/units"),
    "swap": ("swap", _LINE, "/proc/swaps"),
    "fstab": ("swap_fstab", _LINE, "/etc/fstab"),
    "route": ("routes", _route, "/proc/net/route"),
    "mount": ("mounts", _mount, "/proc/self/mountinfo"),
}


def read(result: PartResult) -> HostFacts:
    """The facts that the probe printed.

    Raises:
        PhaseError: KB319, the probe failed, or a value does not have its shape.

    """
    if result.rc != 0 or result.truncated:
        what = "prints too much" if result.truncated else f"ended with {result.rc}"
        raise PhaseError(codes.ODD_HOST, f"the probe of the host {what}", detail=result.stderr)
    return HostFacts(**_values(result.output.splitlines()))


def _values(lines: Iterable[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for line in lines:
        name, _, text = line.partition("=")
        field, value = _value(name, text)
        if name in _MANY:
            value = (*values.get(field, ()), value)[:MOST_VALUES]
        values[field] = value
    return values


def _value(name: str, text: str) -> tuple[str, object]:
    known = _ONE.get(name) or _MANY.get(name)
    if known is None:
        raise PhaseError(codes.ODD_HOST, f"the probe of the host prints {name[:60]!a}")
    field, reader, source = known
    try:
        return field, reader(text)
    except ValueError as error:
        message = f"{source} is {text[:60]!a}, which cannot be right"
        raise PhaseError(codes.ODD_HOST, message) from error
