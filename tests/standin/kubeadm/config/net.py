"""Addresses, CIDRs, names and versions as kubeadm parses them."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path

from tests.standin import stamp
from tests.standin.common.klog import FatalError, warning

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used"
    rf" for validation is '{_LABEL}(\.{_LABEL})*')"
)
_VERSION = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-\w.+]*)?")
_VERSION_LABEL = re.compile(r"(latest|stable)+(-[1-9](\.[1-9](\d)?)?)?")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def subdomain_errors(text: str) -> list[str]:
    out = []
    if len(text) > 253:
        out.append("must be no more than 253 bytes")
    if not _SUBDOMAIN.fullmatch(text):
        out.append(SUBDOMAIN_TEXT)
    return out


def join_host_port(host: str, port: int | str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_host_port(text: str) -> tuple[str, str]:
    """net.SplitHostPort with its errors."""
    found = re.fullmatch(r"\[([^\]]*)\]:([^:]*)|([^:\[\]]*):([^:]*)", text)
    if found:
        groups = found.groups()
        return (groups[0], groups[1]) if groups[0] is not None else (groups[2], groups[3])
    many = ":" in text and not text.startswith("[")
    where = f"address {text}: " if text else ""
    raise ValueError(f"{where}{'too many colons' if many else 'missing port'} in address")


def parse_host_port(text: str) -> tuple[str, str]:
    """Host and port of a controlPlaneEndpoint; the port may be absent."""
    try:
        host, port = split_host_port(text)
    except ValueError:
        host, port = text, ""
    if port and not (port.isdigit() and 1 <= int(port) <= 65535):
        raise FatalError(
            f"hostport {text}: port {port} must be a valid number between 1 and 65535, inclusive"
        )
    if is_ip(host) or not subdomain_errors(host):
        return host, port
    raise FatalError(
        f"hostport {text}: host '{host}' must be a valid IP address or a valid RFC-1123 DNS"
        " subdomain"
    )


def cidrs(text: str) -> list[Network]:
    return [ipaddress.ip_network(part, strict=False) for part in text.split(",")]


def default_address() -> str:
    """The address of the interface with the default route."""
    for target, family in (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6)):
        if family == socket.AF_INET and not _has_default_route():
            continue
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target, 9))
                found: str = probe.getsockname()[0]
            except OSError:
                continue
            return found
    return ""


def _has_default_route() -> bool:
    try:
        lines = Path("/proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return True
    return any(line.split()[1] == "00000000" for line in lines if len(line.split()) > 1)


def advertise_address(given: str) -> str:
    """localAPIEndpoint.advertiseAddress after defaulting."""
    if given and not is_ip(given):
        raise FatalError(
            f'couldn\'t use "{given}" as "apiserver-advertise-address", must be ipv4 or ipv6'
            f" address"
        )
    if given and ipaddress.ip_address(given).is_loopback:
        raise FatalError("unable to select an IP from lo network interface")
    if given and not ipaddress.ip_address(given).is_unspecified:
        return given
    found = default_address()
    if not found:
        warning(
            "WARNING: could not obtain a bind address for the API Server: no default routes found"
            ' in "/proc/net/route" or "/proc/net/ipv6_route"; using: 0.0.0.0',
            "common.go:152",
        )
    return found or "0.0.0.0"  # noqa: S104


def verify_bind_address(address: str) -> None:
    ip = ipaddress.ip_address(address)
    if ip.is_loopback:
        return
    if ip.is_unspecified or ip.is_multicast or ip.is_link_local:
        raise FatalError(f'cannot use "{address}" as the bind address for the API Server')


def semantic(version: str) -> tuple[int, int, int]:
    """1.34.2 from v1.34.2-x."""
    found = _VERSION.fullmatch(version)
    if not found:
        raise FatalError(f'could not parse "{version}" as version')
    return int(found[1]), int(found[2]), int(found[3])


def is_version(text: str) -> bool:
    return bool(_VERSION.fullmatch(text))


def normalize_version(text: str) -> str:
    """KubernetesVersion with a v; labels cannot be looked up here, as in an air gap."""
    if _VERSION.fullmatch(text):
        return text if text.startswith("v") else "v" + text
    label = text.removeprefix("release/")
    if not _VERSION_LABEL.fullmatch(label):
        raise FatalError(
            f'version "{text}" doesn\'t match patterns for neither semantic version nor labels'
            " (stable, latest, ...)"
        )
    url = f"https://dl.k8s.io/release/{label}.txt"
    warning(
        "could not fetch a Kubernetes version from the internet: unable to get URL"
        f' "{url}": Get "{url}": dial tcp: lookup dl.k8s.io: no such host',
        "version.go:108",
    )
    warning(f"falling back to the local client version: {stamp.VERSION}", "version.go:109")
    return stamp.VERSION


def check_minimum(version: str) -> None:
    major, minor, _ = semantic(stamp.VERSION)
    if semantic(version)[:2] < (major, minor - 1):
        raise FatalError(
            "this version of kubeadm only supports deploying clusters with the control plane"
            f" version >= {major}.{minor - 1}.0. Current version: {version}"
        )
