"""Compares the stored configuration of a component with the inventory and its defaults."""

from collections.abc import Iterator, Mapping
from typing import Any

from kbootstrap.model.difference import Difference, shown

Doc = Mapping[str, Any]


def settings(key: str, wanted: Doc, live: Doc, defaults: Doc) -> Iterator[Difference]:
    """Each leaf of a component's configuration that differs.

    Args:
        key: the inventory's key of the document, such as ``kubelet``.
        wanted: what the inventory sets.
        live: the whole document as the cluster stores it.
        defaults: what kubeadm sets if the inventory does not; None means any value, since
            kubeadm derives it from the node or the cluster.

    """
    for name in sorted({*wanted, *live} - {"apiVersion", "kind"}):
        have, want = live.get(name), wanted.get(name)
        path = f"{key}.{name}"
        if name not in wanted:
            yield from _removed(path, have, defaults.get(name, ...))
        elif isinstance(want, Mapping) and want:
            known = defaults.get(name)
            yield from settings(path, want, _mapping(have), _mapping(known))
        elif not same(want, have):
            yield Difference(key=path, live=shown(have), wanted=shown(want))


def _removed(path: str, have: object, default: object) -> Iterator[Difference]:
    """A value that neither the inventory nor kubeadm sets."""
    if default is None or (_is_zero(have) if default is ... else same(default, have)):
        return
    if isinstance(have, Mapping):
        known = default if isinstance(default, Mapping) else {}
        for name, value in sorted(have.items()):
            yield from _removed(f"{path}.{name}", value, known.get(name, ...))
        return
    yield Difference(key=path, live=shown(have), wanted="unset")


def same(want: object, have: object) -> bool:
    """Whether two values are equal: Go writes ``1m`` as ``1m0s`` and omits zeros."""
    if _is_zero(want) and _is_zero(have):
        return True
    return want == have or shortened(want) == shortened(have)


def shortened(value: object) -> object:
    """A Go duration without trailing zero units; any other value unchanged."""
    text = str(value)
    for unit in ("0s", "0m"):
        head = text.removesuffix(unit)
        if head and head != text and head[-1] in "hm":
            text = head
    return text


def _is_zero(value: object) -> bool:
    """Whether it is what Go encodes for a field that was never set."""
    if isinstance(value, Mapping):
        return all(_is_zero(held) for held in value.values())
    return value is None or value in ("", "0s", "0", 0, False, [], ())


def _mapping(value: object) -> Doc:
    return value if isinstance(value, Mapping) else {}
