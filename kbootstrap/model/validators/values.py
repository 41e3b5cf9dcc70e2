"""Versions, durations, images, paths, modes and SSH keys."""

import base64
import binascii
import re
from typing import Any

from kbootstrap import codes
from kbootstrap.model import placeholders
from kbootstrap.model.validators.base import bad, closest
from kbootstrap.model.validators.net import url
from kbootstrap.model.versions import NEWEST_MINOR, OLDEST_MINOR, Version

HOST_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)
_IMAGE_PATH = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DURATION = re.compile(r"(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?", re.ASCII)
_DURATIONS = "such as 90s, 4m or 1h30m"
_MAX_PATH, _MAX_PART = 1024, 255
_MODE = re.compile(r"0[0-7]{3}")
_OWNER = re.compile(r"[a-z_][a-z0-9_-]*(:[a-z_][a-z0-9_-]*)?")


_VERSIONS = f"an exact release from v1.{OLDEST_MINOR} to v1.{NEWEST_MINOR}, such as v1.34.2"


def version_input(value: Any) -> Any:
    """Reject a number where a version is expected; anything else passes."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        message = "YAML reads this as a number, and it is not an exact version"
        raise bad(codes.INV_VERSION, message, allowed=_VERSIONS)
    return value


def version(text: str) -> str:
    """An exact Kubernetes release that kbootstrap supports."""
    try:
        parsed = Version.parse(text)
    except ValueError:
        exact = re.fullmatch(r"V?\d+\.\d+\.\d+", text)
        meant = f"v{text.lstrip('V')}" if exact else ""
        message = f"{text!r} is not an exact version"
        raise bad(codes.INV_VERSION, message, allowed=_VERSIONS, meant=meant) from None
    if parsed.major != 1 or not OLDEST_MINOR <= parsed.minor <= NEWEST_MINOR:
        raise bad(codes.INV_VERSION, f"{text} is not supported", allowed=_VERSIONS)
    return str(parsed)


def seconds(text: str) -> int:
    """The seconds in ``1h30m``; 0 if it is not a duration."""
    match = _DURATION.fullmatch(text)
    hours, minutes, rest = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    return hours * 3600 + minutes * 60 + rest


def duration(text: str) -> str:
    """A Go duration of whole seconds."""
    if not seconds(text):
        meant = f"{text}s" if re.fullmatch("[1-9][0-9]*", text) else ""
        message = f"{text!r} is not a duration above zero"
        raise bad(codes.INV_DURATION, message, allowed=_DURATIONS, meant=meant)
    return text


def with_unit(value: Any) -> Any:
    """Reject a number without a unit where a duration is expected; anything else passes."""
    if isinstance(value, int) and not isinstance(value, bool):
        message = f"{value} has no unit"
        raise bad(codes.INV_DURATION, message, allowed=_DURATIONS, meant=f"{value}s")
    return value


def image_repository(text: str) -> str:
    """An image repository: registry host and path, no scheme, no tag."""
    if _IMAGE_PATH.fullmatch(text):
        return text
    meant = text.rsplit("://", maxsplit=1)[-1].rstrip("/").lower()
    raise bad(
        codes.INV_IMAGE,
        f"{text!r} is not an image repository",
        allowed="host[:port][/path], no scheme and no tag, such as registry.example.org/k8s",
        meant=meant if _IMAGE_PATH.fullmatch(meant) else "",
    )


def image(text: str) -> str:
    """A full image reference with a tag or digest."""
    repository, at, digest = text.partition("@")
    path, colon, tag = repository.rpartition(":")
    tagged = bool(colon and "/" not in tag and _TAG.fullmatch(tag))
    repository = path if tagged else repository
    good = _DIGEST.fullmatch(digest) if at else tagged
    if not good or not _IMAGE_PATH.fullmatch(repository):
        allowed = "repository/name:tag, such as registry.k8s.io/pause:3.10.1"
        raise bad(codes.INV_IMAGE, f"{text!r} is not an image with a tag", allowed=allowed)
    return text


def image_tag(text: str) -> str:
    """An image's tag."""
    if not _TAG.fullmatch(text):
        raise bad(codes.INV_IMAGE, f"{text!r} is not an image tag", allowed="such as 3.6.4-0")
    return text


def node_path(text: str) -> str:
    """An absolute path on a node."""
    parts = text.split("/")
    if not text.startswith("/") or ".." in parts or not text.isprintable() or not text.strip("/"):
        allowed = "an absolute path below / without '..'"
        raise bad(codes.INV_PATH, f"{text!r} is not a usable path on a node", allowed=allowed)
    return text.rstrip("/")


def binary_directory(text: str) -> str:
    """An absolute path on a node that systemd and the shell read as it is."""
    if not re.fullmatch(r"[A-Za-z0-9._/-]+", text):
        allowed = "an absolute path of letters, digits, '.', '_' and '-'"
        raise bad(codes.INV_PATH, f"{text!r} is not a directory for binaries", allowed=allowed)
    return node_path(text)


def operator_path(text: str) -> str:
    """A local path; whether it exists is checked elsewhere."""
    too_long = len(text) > _MAX_PATH or any(len(part) > _MAX_PART for part in text.split("/"))
    if not text or not text.isprintable() or too_long:
        allowed = "a path, relative to the inventory, absolute, or below ~"
        raise bad(codes.INV_PATH, "this is not a path", allowed=allowed)
    if text.startswith("~") and not text.startswith("~/"):
        message = f"{text!r} starts with the name of a user"
        raise bad(codes.INV_PATH, message, allowed="~/PATH for a path in your home")
    return text


def source_directory(text: str) -> str:
    """A local path that may hold ``{version}``."""
    if odd := placeholders.unknown(text, (placeholders.VERSION,)):
        allowed = f"the placeholder {placeholders.VERSION}"
        raise bad(codes.INV_PATH, f"{odd} is no placeholder", allowed=allowed)
    return operator_path(text)


def sha256(text: str) -> str:
    """A checksum in hex."""
    if not re.fullmatch("[0-9a-f]{64}", text):
        allowed = "64 hex digits, in lower case"
        raise bad(codes.INV_VALUE, f"{text!r} is not a sha256", allowed=allowed)
    return text


def line(text: str) -> str:
    """Some text on one line."""
    if not text.strip() or not text.isprintable():
        raise bad(codes.INV_VALUE, "must not be empty", allowed="text on one line")
    return text


def manifest(text: str) -> str:
    """A URL or a local path."""
    return url("https", "http")(text) if "://" in text else operator_path(text)


def ca_hash(text: str) -> str:
    """The hash of a CA, as ``kubeadm join --discovery-token-ca-cert-hash`` takes it."""
    if not _DIGEST.fullmatch(text):
        allowed = "sha256: and 64 lower-case hex digits"
        raise bad(codes.INV_VALUE, f"{text!r} is not the hash of a CA", allowed=allowed)
    return text


def mode(text: str) -> str:
    """A file mode in four octal digits."""
    if not _MODE.fullmatch(text):
        meant = text.zfill(4) if re.fullmatch(r"[0-7]{3}", text) else ""
        allowed = 'four octal digits in quotes, such as "0644"'
        raise bad(codes.INV_MODE, f"{text!r} is not a file mode", allowed=allowed, meant=meant)
    return text


def owner(text: str) -> str:
    """``user`` or ``user:group``."""
    if not _OWNER.fullmatch(text):
        allowed = "user or user:group, such as root:root"
        raise bad(codes.INV_MODE, f"{text!r} is not an owner", allowed=allowed)
    return text


def host_key(text: str) -> str:
    """A public key, ``type base64 [comment]``; returned without the comment."""
    allowed = f"type and key; types: {', '.join(HOST_KEY_TYPES)}"
    kind, _, rest = text.strip().partition(" ")
    encoded = rest.split()[0] if rest.split() else ""
    if encoded in HOST_KEY_TYPES:
        message = "the host name in front of the key must be left out"
        raise bad(codes.INV_HOST_KEY, message, allowed=allowed)
    if kind not in HOST_KEY_TYPES:
        message, near = f"{kind[:40]!r} is not a key type", closest(kind, HOST_KEY_TYPES)
        raise bad(codes.INV_HOST_KEY, message, allowed=allowed, meant=near)
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        blob = b""
    if not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
        message = f"the key after {kind} is damaged or of another type"
        raise bad(codes.INV_HOST_KEY, message, allowed=allowed)
    return f"{kind} {encoded}"
