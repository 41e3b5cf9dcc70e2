"""Names of nodes, clusters, labels, taints and arguments."""

import re

from kbootstrap import codes
from kbootstrap.errors import Code
from kbootstrap.model.validators.base import bad, closest

MAX_NAME, MAX_SUBDOMAIN = 63, 253
_PART = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
SUBDOMAIN = rf"{_PART}(\.{_PART})*"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_SUBDOMAIN = re.compile(SUBDOMAIN)
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_ARGUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KUBELET_LABELS = (
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
)


def is_subdomain(text: str) -> bool:
    """Whether this is an RFC 1123 subdomain in lower case."""
    return len(text) <= MAX_SUBDOMAIN and _SUBDOMAIN.fullmatch(text) is not None


def name(text: str) -> str:
    """A lower-case RFC 1123 name that also fits into a label value."""
    if is_subdomain(text) and len(text) <= MAX_NAME:
        return text
    guess = re.sub(r"[^a-z0-9.-]+", "-", text.lower())[:MAX_NAME].strip("-.")
    problem = f"has {len(text)} characters" if len(text) > MAX_NAME else "is not an RFC 1123 name"
    raise bad(
        codes.INV_NAME,
        f"{text!r} {problem}",
        allowed=f"a-z, 0-9, '-' and '.', at most {MAX_NAME}, a letter or digit at both ends",
        meant=guess if guess != text and is_subdomain(guess) else "",
    )


def dns_domain(text: str) -> str:
    """The cluster's DNS domain."""
    if not is_subdomain(text):
        guess = text.lower().strip(".")
        raise bad(
            codes.INV_NAME,
            f"{text!r} is not a DNS domain in lower case",
            allowed="such as cluster.local",
            meant=guess if is_subdomain(guess) else "",
        )
    return text


def group_name(text: str) -> str:
    """The name of a group of settings."""
    if not _GROUP.fullmatch(text):
        allowed = "letters, digits, '.', '_' and '-'"
        raise bad(codes.INV_NAME, f"{text!r} is not a group name", allowed=allowed)
    return text


def env_name(text: str) -> str:
    """The name of an environment variable; never shown, as it may be the secret itself."""
    if not _ENV.fullmatch(text):
        allowed = "the name of an environment variable: letters, digits and '_'"
        raise bad(codes.INV_SECRET, "this is not a variable's name", allowed=allowed)
    return text


def label_key(text: str) -> str:
    """``[prefix/]name`` of a label, except those that the kubelet resets at every start."""
    _qualified_key(codes.INV_LABEL, text)
    if text in _KUBELET_LABELS:
        raise bad(codes.INV_OWNED, f"{text} is set by the kubelet itself")
    return text


def _qualified_key(code: Code, text: str) -> None:
    prefix, slash, last = text.rpartition("/")
    if _QUALIFIED.fullmatch(last) and (not slash or is_subdomain(prefix)):
        return
    lower = prefix.lower()
    fits = slash and is_subdomain(lower) and _QUALIFIED.fullmatch(last)
    raise bad(
        code,
        f"{text!r} is not a key",
        allowed="[dns-prefix/]name; name: letters, digits, '-', '_', '.', at most 63",
        meant=f"{lower}/{last}" if fits else "",
    )


def label_value(text: str) -> str:
    """The value of a label; may be empty."""
    if text and not _QUALIFIED.fullmatch(text):
        allowed = "empty, or letters, digits, '-', '_', '.', at most 63, no mark at the ends"
        raise bad(codes.INV_LABEL, f"{text!r} is not a label value", allowed=allowed)
    return text


def taint_key(text: str) -> str:
    """The key of a taint."""
    _qualified_key(codes.INV_TAINT, text)
    return text


def taint_value(text: str) -> str:
    """The value of a taint; may be empty."""
    if text and not _QUALIFIED.fullmatch(text):
        allowed = "empty, or letters, digits, '-', '_', '.', at most 63"
        raise bad(codes.INV_TAINT, f"{text!r} is not the value of a taint", allowed=allowed)
    return text


def split_taint(text: str) -> dict[str, str]:
    """The parts of ``key[=value]:Effect``."""
    left, colon, effect = text.rpartition(":")
    key, _, value = left.partition("=")
    if not colon or not key or effect not in EFFECTS:
        near = closest(effect, EFFECTS) if colon and key else ""
        raise bad(
            codes.INV_TAINT,
            f"{text!r} is not a taint",
            allowed=f"key=value:Effect or key:Effect; Effect is {', '.join(EFFECTS)}",
            meant=f"{left}:{near}" if near else "",
        )
    return {"key": key, "value": value, "effect": effect}


def argument(text: str) -> str:
    """The name of a component's argument, without leading dashes."""
    if not _ARGUMENT.fullmatch(text):
        meant = text.lstrip("-").split("=")[0].replace("_", "-")
        raise bad(
            codes.INV_ARGUMENT,
            f"{text!r} is not the name of an argument",
            allowed="a name without leading dashes, such as audit-log-maxage",
            meant=meant if _ARGUMENT.fullmatch(meant) else "",
        )
    return text
