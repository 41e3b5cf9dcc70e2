"""The version skew policy, and what each release requires of a node; pure.

https://kubernetes.io/releases/version-skew-policy/: a control plane is upgraded one minor at a
time; a kubelet is not newer than any API server and at most three minors older.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kbootstrap.model.kubernetes_names import REMOVED_KUBELET_FLAGS
from kbootstrap.model.versions import Version

MOST_BEHIND = 3  # minors a kubelet may be older than its API server
CGROUP_V2_ONLY = 35  # from this minor on the kubelet refuses cgroup v1 by default
CONTAINERD_2 = 36  # from this minor on containerd 1.x is out of support
_CONTAINERD_2_MAJOR = 2


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions that a cluster runs now.

    Attributes:
        servers: node -> version of its API server.
        kubelets: node -> version of its kubelet.

    """

    servers: Mapping[str, Version]
    kubelets: Mapping[str, Version]

    @property
    def oldest_server(self) -> Version:
        """The oldest API server; no kubelet may be newer."""
        return min(self.servers.values())


def read(text: str) -> Version | None:
    """The version in a binary's output; build metadata such as ``+rke2`` is ignored."""
    try:
        return Version.parse(text.partition("+")[0])
    except ValueError:
        return None


def minors(now: Versions, target: Version) -> tuple[int, ...]:
    """The minors to upgrade to, in order; the last is the target's.

    A kubelet left behind by an earlier upgrade comes first: it is upgraded to the minor of the
    API servers before these are upgraded.
    """
    first = now.oldest_server.minor
    if first >= target.minor:
        return (target.minor,)
    behind = any(kubelet.minor < first for kubelet in now.kubelets.values())
    return tuple(range(first if behind else first + 1, target.minor + 1))


def hops(now: Versions, target: Version, known: Mapping[int, Version]) -> tuple[Version | int, ...]:
    """One release per minor to upgrade to; the number of the minor where none is known.

    If an API server already has a minor, the release of that API server is used for it.
    """
    held = {v.minor: v for v in sorted(now.servers.values())}
    found = {**known, **held, target.minor: target}
    return tuple(found.get(minor, minor) for minor in minors(now, target))


def faults(now: Versions, target: Version) -> Iterator[str]:
    """Why the cluster cannot be upgraded to ``target``; nothing if it can."""
    for node, server in sorted(now.servers.items()):
        if server > target:
            yield f"the API server on {node} is {server}, newer than {target}"
    for node, kubelet in sorted(now.kubelets.items()):
        server = now.servers.get(node, now.oldest_server)
        if kubelet > target:
            yield f"the kubelet on {node} is {kubelet}, newer than {target}"
        elif kubelet.minor > server.minor:
            yield f"the kubelet on {node} is {kubelet}, newer than the API server's {server}"


def left_behind(kubelets: Mapping[str, Version], target: Version) -> Iterator[str]:
    """Kubelets that are not upgraded and would be too old for API servers of ``target``."""
    for node, kubelet in sorted(kubelets.items()):
        if kubelet.minor + MOST_BEHIND < target.minor:
            yield f"the kubelet on {node} is {kubelet}, more than {MOST_BEHIND} minors behind"


def refused_flags(minor: int) -> tuple[str, ...]:
    """The flags with which a kubelet of this minor does not start."""
    return tuple(flag for flag, (since, _) in REMOVED_KUBELET_FLAGS.items() if since <= minor)


def runtime_notes(target: Version, kind: str, version: str) -> Iterator[str]:
    """Advice about the container runtime's version for this release, if it differs."""
    parts = version.removeprefix("v").split(".")
    if not parts[0].isdigit():
        return
    if kind == "containerd" and target.minor >= CONTAINERD_2:
        if int(parts[0]) < _CONTAINERD_2_MAJOR:
            yield f"containerd {version}: Kubernetes 1.{target.minor} needs containerd 2"
    elif kind == "cri-o" and parts[1:2] != [str(target.minor)]:
        yield f"cri-o {version}: its minor should be that of Kubernetes, 1.{target.minor}"


def batch(nodes: int, limit: str) -> int:
    """How many of ``nodes`` may be unavailable at once: ``3`` or ``10%``, rounded up, never 0.

    Raises:
        ValueError: the limit is neither.

    """
    number, percent = limit.removesuffix("%"), limit.endswith("%")
    if not number.isascii() or not number.isdigit() or int(number) < 1:
        raise ValueError(f"{limit!r} is neither a number of nodes nor a percentage")
    if percent and int(number) > 100:  # noqa: PLR2004 - of a hundred
        raise ValueError(f"{limit!r} is more than all nodes")
    return max(1, -(-nodes * int(number) // 100)) if percent else int(number)


def newest(versions: Iterable[Version]) -> dict[int, Version]:
    """The newest release of each minor."""
    return {version.minor: version for version in sorted(versions)}
