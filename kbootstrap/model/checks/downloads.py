"""URLs that are downloaded: https unless `insecure`, and pins of what is downloaded only."""

import re
from collections.abc import Iterable, Iterator, Mapping

from kbootstrap import codes
from kbootstrap.components import BINARIES
from kbootstrap.model import placeholders
from kbootstrap.model.checks.base import CheckContext
from kbootstrap.model.cluster import Programs
from kbootstrap.model.problems import Path as Keys
from kbootstrap.model.problems import Violation

_ARCHITECTURE, _VERSION, _MINOR = "(amd64|arm64)", r"v1\.[0-9]+\.[0-9]+[^/]*", r"1\.[0-9]+"
_URLS = ("base_url", "crictl_url", "cni_plugins_url")


def programs(context: CheckContext) -> Iterator[Violation]:
    """The URLs of `programs`."""
    section = context.inventory.programs
    written: dict[Keys, str] = {
        ("programs", key): url for key in _URLS if (url := getattr(section, key))
    }
    if not section.insecure:
        yield from _plain(written)
    base = section.base_url or Programs().base_url
    files = (f"{base}/{{version}}/bin/linux/{{arch}}/{name}" for name in BINARIES)
    archives = filter(None, (section.crictl_url, section.cni_plugins_url))
    yield from _strays("programs", section.sha256, (*files, *archives))


def manifests(context: CheckContext) -> Iterator[Violation]:
    """The URLs of `cni.manifests`."""
    section = context.inventory.cni
    if not section.insecure:
        yield from _plain({("cni", "manifests", i): m for i, m in enumerate(section.manifests)})
    yield from _strays("cni", section.sha256, section.manifests)


def _plain(written: Mapping[Keys, str]) -> Iterator[Violation]:
    for path, url in written.items():
        if url.startswith("http://"):
            yield Violation(
                code=codes.INV_CONTRADICTION,
                path=path,
                message=f"plain http needs insecure: true in `{path[0]}`",
                allowed="https, or insecure: true",
            )


def _strays(section: str, sums: Mapping[str, str], urls: Iterable[str]) -> Iterator[Violation]:
    """A pin that belongs to no download would protect nothing."""
    patterns = [_pattern(url) for url in urls]
    for url in sums:
        if not any(pattern.fullmatch(url) for pattern in patterns):
            yield Violation(
                code=codes.INV_CONTRADICTION,
                path=(section, "sha256", url),
                message=f"nothing in `{section}` is downloaded from this URL",
                allowed="a URL with its placeholders replaced",
                at_key=True,
            )


def _pattern(url: str) -> re.Pattern[str]:
    text = re.escape(url)
    values = (_ARCHITECTURE, _VERSION, _MINOR)
    for placeholder, value in zip(placeholders.IN_URLS, values, strict=True):
        text = text.replace(re.escape(placeholder), value)
    return re.compile(text)


CHECKS = (programs, manifests)
