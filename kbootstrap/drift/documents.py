"""Compares the stored configuration of a component with the inventory and its defaults."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kbootstrap.model.difference import Difference, shown

Doc = Mapping[str, Any]
_NAMES = (
    "cgroupsPerQOS containerLogMaxFiles containerLogMaxWorkers cpuCFSQuota "
    "enableControllerAttachDetach enableDebugFlagsHandler enableDebuggingHandlers "
    "enableProfilingHandler enableServer enableSystemLogHandler enableSystemLogQuery enabled "
    "eventRecordQPS failCgroupV1 failSwapOn healthzPort imageGCHighThresholdPercent "
    "imageGCLowThresholdPercent iptablesDropBit iptablesMasqueradeBit kubeAPIQPS "
    "localStorageCapacityIsolation localhostNodePorts makeIPTablesUtilChains masqueradeBit "
    "maxParallelImagePulls maxPerCore memoryThrottlingFactor mergeDefaultEvictionSettings "
    "min nodeStatusMaxImages oomScoreAdj podPidsLimit registerNode registryPullQPS "
    "seccompDefault serializeImagePulls singleProcessOOMKill"
)
# Fields whose zero is a value of its own, as Go keeps it apart from unset: the pointers to numbers
# and bools of kubelet/config/v1beta1 and kube-proxy/config/v1alpha1 (types.go).
_POINTERS = frozenset(_NAMES.split())
_MAPS = frozenset({"featureGates"})  # of which each entry is a value of its own
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_TERM = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")


def settings(key: str, wanted: Doc, live: Doc, defaults: Doc) -> Iterator[Difference]:
    """Each leaf of a component's configuration that differs.

    Args:
        key: the inventory's key of the document, such as ``kubelet``.
        wanted: what the inventory sets.
        live: the whole document as the cluster stores it.
        defaults: what kubeadm sets if the inventory does not; None means any value, and a
            frozenset any of its values, since kubeadm derives them from the node.

    """
    exact = key.rpartition(".")[2] in _MAPS
    for name in sorted({*wanted, *live} - {"apiVersion", "kind"}):
        have, want = live.get(name), wanted.get(name)
        path = f"{key}.{name}"
        if name not in wanted:
            yield from _removed(path, have, defaults.get(name, ...), exact=exact)
        elif isinstance(want, Mapping) and want:
            known = defaults.get(name)
            yield from settings(path, want, _mapping(have), _mapping(known))
        elif not same(want, have) or (
            want is not None and have is None and _kept(name, exact=exact)
        ):
            yield Difference(key=path, live=shown(have), wanted=shown(want))


def _kept(name: str, *, exact: bool) -> bool:
    """Whether the field's zero is not the same as no value."""
    return exact or name in _POINTERS


def _removed(path: str, have: object, default: object, *, exact: bool) -> Iterator[Difference]:
    """A value that neither the inventory nor kubeadm sets."""
    if default is None or have is None:
        return
    name = path.rpartition(".")[2]
    if isinstance(have, Mapping):
        known = _mapping(default)
        for inner, value in sorted(have.items()):
            yield from _removed(
                f"{path}.{inner}", value, known.get(inner, ...), exact=name in _MAPS
            )
    elif not _usual(have, default, exact=_kept(name, exact=exact)):
        yield Difference(key=path, live=shown(have), wanted="unset")


def _usual(have: object, default: object, *, exact: bool) -> bool:
    """Whether kubeadm or Go sets the value; ``exact``: its zero is not unset."""
    if isinstance(default, frozenset):
        return _is_zero(have) or have in default
    return same(default, have) if default is not ... else _is_zero(have) and not exact


def same(want: object, have: object) -> bool:
    """Whether two values are equal: Go writes ``90m`` as ``1h30m0s`` and omits zeros."""
    if _is_zero(want) and _is_zero(have):
        return True
    if isinstance(want, Mapping) and isinstance(have, Mapping):
        return all(same(want.get(name), have.get(name)) for name in {*want, *have})
    if isinstance(want, list) and isinstance(have, list):
        return len(want) == len(have) and all(map(same, want, have))
    return want == have or normal(want) == normal(have)


def normal(value: object) -> object:
    """A Go duration in seconds; any other value as text."""
    text = str(value)
    terms = _TERM.findall(text)
    if terms and "".join(number + unit for number, unit in terms) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in terms)
    return text


def _is_zero(value: object) -> bool:
    """Whether it is what Go encodes for a field that was never set."""
    if isinstance(value, Mapping):
        return all(_is_zero(held) for held in value.values())
    return value is None or value in ("", "0s", "0", 0, False, [], ())


def _mapping(value: object) -> Doc:
    return value if isinstance(value, Mapping) else {}
