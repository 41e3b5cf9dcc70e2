"""Addresses, ranges, endpoints and URLs."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from kbootstrap import codes
from kbootstrap.model import placeholders
from kbootstrap.model.validators.base import bad
from kbootstrap.model.validators.names import is_subdomain

MAX_PORT = 65535


def _no_zone(text: str) -> str:
    """An address without a zone (RFC 4007, section 11): it may hold any character.

    Raises:
        ValueError: it has one.
    """
    if "%" in text:
        raise ValueError("an address with a zone")
    return text


def address(text: str) -> str:
    """A unicast IP address that a node can have, in its shortest form."""
    try:
        parsed = ip_address(_no_zone(text))
    except ValueError:
        raise bad(
            codes.INV_ADDRESS,
            f"{text!r} is not an IP address",
            allowed="an IPv4 or IPv6 address; a DNS name goes to ssh.host",
        ) from None
    for wrong, why in (
        (parsed.is_unspecified, "means any address"),
        (parsed.is_loopback, "is a loopback address"),
        (parsed.is_multicast, "is a multicast address"),
        (parsed.is_link_local, "is link-local and not routed"),
        (parsed == IPv4Address("255.255.255.255"), "is the broadcast address"),
    ):
        if wrong:
            raise bad(codes.INV_ADDRESS, f"{text} {why}", allowed="a unicast address")
    return str(parsed)


def host(text: str) -> str:
    """An IP address or a DNS name."""
    try:
        return str(ip_address(_no_zone(text)))
    except ValueError:
        pass
    if not is_subdomain(text.lower()) or re.fullmatch(r"[0-9.]+", text):
        raise bad(
            codes.INV_ADDRESS,
            f"{text!r} is neither an IP address nor a DNS name",
            allowed="such as 192.0.2.10 or node1.example.org, without scheme and port",
            meant=_host_guess(text),
        )
    return text


def _host_guess(text: str) -> str:
    bare = (
        text.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0].rsplit(":", 1)[0].strip("[]")
    )
    return bare if bare != text and is_subdomain(bare.lower()) else ""


def port(number: int) -> int:
    """A TCP port."""
    if not 1 <= number <= MAX_PORT:
        allowed = f"a port between 1 and {MAX_PORT}"
        raise bad(codes.INV_VALUE, f"{number} is not a port", allowed=allowed)
    return number


def split_host_port(text: str) -> tuple[str, int]:
    """Splits ``host:port`` or ``[v6]:port``.

    Raises:
        ValueError: it has another form; the message says what is wrong.
    """
    if "://" in text:
        raise ValueError("it has a scheme")
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+)):([0-9]{1,9})", text)
    if match is None:
        raise ValueError("an IPv6 address needs brackets" if text.count(":") > 1 else "no port")
    number = int(match[3])
    if not 1 <= number <= MAX_PORT:
        raise ValueError(f"port {number} is not between 1 and {MAX_PORT}")
    return match[1] or match[2], number


def join_host_port(name: str, number: int) -> str:
    """``host:port``, with brackets around an IPv6 address."""
    return f"[{name}]:{number}" if ":" in name else f"{name}:{number}"


def endpoint(text: str) -> str:
    """The API endpoint: host and port, no scheme."""
    try:
        name, number = split_host_port(text)
    except ValueError as error:
        raise bad(
            codes.INV_ENDPOINT,
            f"{text!r} is not host:port: {error}",
            allowed="host:port, such as api.example.org:6443 or [2001:db8::1]:6443",
            meant=_endpoint_guess(text),
        ) from None
    return join_host_port(host(name), number)


def _endpoint_guess(text: str) -> str:
    bare = text.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0].strip("[]")
    for guess in (bare, f"{bare}:6443", f"[{bare}]:6443"):
        try:
            host(split_host_port(guess)[0])
        except (ValueError, PydanticCustomError):
            continue
        return guess if guess != text else ""
    return ""


def cert_san(text: str) -> str:
    """A name or address in the API server's certificate; a name may start with ``*.``."""
    host(text.removeprefix("*."))
    return text


def cidr(text: str) -> str:
    """One address range without host bits."""
    allowed = "address/length, such as 10.244.0.0/16"
    if "/" not in text:
        raise bad(codes.INV_CIDR, f"{text!r} has no /length", allowed=allowed)
    try:
        return str(ip_network(_no_zone(text)))
    except ValueError:
        pass
    try:
        meant = str(ip_network(_no_zone(text), strict=False))
    except ValueError:
        raise bad(codes.INV_CIDR, f"{text!r} is not an address range", allowed=allowed) from None
    message = f"{text!r} has host bits set: it is one address inside {meant}"
    raise bad(codes.INV_CIDR, message, allowed=allowed, meant=meant)


def url(*schemes: str, known: tuple[str, ...] = ()) -> Callable[[str], str]:
    """A check for a URL of one of these schemes, with no placeholders but the known ones."""

    def check(text: str) -> str:
        allowed = " or ".join(f"{scheme}://host[:port]/path" for scheme in schemes)
        try:
            parts = urlsplit(text)
            name = _no_zone(parts.hostname or "")
            good = parts.scheme in schemes and name and parts.port != 0
        except ValueError:
            good = False
        if "@" in text.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0]:
            message = "a URL must not hold a user or password"
            raise bad(codes.INV_SECRET, message, allowed=allowed)
        if not good or not re.fullmatch(r"[!-~]+", text):  # RFC 3986, section 2: printable ASCII
            raise bad(codes.INV_URL, f"{text!r} is not a usable URL", allowed=allowed)
        if odd := placeholders.unknown(text, known):
            raise bad(codes.INV_URL, f"{odd} is no placeholder", allowed=_named(known))
        return text.rstrip("/")

    return check


def _named(known: tuple[str, ...]) -> str:
    return f"the placeholders {', '.join(known)}" if known else "no braces"


def url_with_port(text: str) -> str:
    """``https://host:port`` of an etcd member; etcd has no usual https port."""
    good = url("https")(text)
    if urlsplit(good).port is None or urlsplit(good).path:
        message = f"{text!r} does not end with a port"
        allowed = "https://host:port, such as https://192.0.2.10:2379"
        raise bad(codes.INV_URL, message, allowed=allowed)
    return good


def registry_host(text: str) -> str:
    """A registry as in image names: ``host`` or ``host:port``."""
    try:
        name, number = split_host_port(text)
    except ValueError:
        if "://" in text or "/" in text:
            meant = text.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0]
            message = f"{text!r} is not a registry host"
            raise bad(codes.INV_URL, message, allowed="host[:port]", meant=meant) from None
        return host(text)
    return join_host_port(host(name), number)
