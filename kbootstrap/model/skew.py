"""Which version may follow which, and what each release asks of a machine; pure.

Kubernetes' own rules: a control plane moves one minor at a time, no kubelet is newer than
an API server it may talk to, and none is more than three minors older.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kbootstrap.model.kubernetes_names import REMOVED_KUBELET_FLAGS
from kbootstrap.model.versions import Version

MOST_BEHIND = 3  # minors a kubelet may be older than its API server
CGROUP_V2_ONLY = 35  # from this minor on the kubelet refuses cgroup v1 unless told not to
CONTAINERD_2 = 36  # from this minor on containerd 1.x is out of support
_CONTAINERD_2_MAJOR = 2


@dataclass(frozen=True, slots=True)
class Versions:
    """What a cluster runs now.

    Attributes:
        servers: node -> version of its API server.
        kubelets: node -> version of its kubelet.

    """

    servers: Mapping[str, Version]
    kubelets: Mapping[str, Version]

    @property
    def oldest_server(self) -> Version:
        """The API server that every kubelet has to get along with."""
        return min(self.servers.values())


def read(text: str) -> Version | None:
    """The version a program says it has; build words such as ``+rke2`` do not count."""
    try:
        return Version.parse(text.partition("+")[0])
    except ValueError:
        return None


def minors(now: Versions, target: Version) -> tuple[int, ...]:
    """The minors to stop at, in order; the last is the target's own.

    A kubelet left behind by an earlier upgrade comes first: it is brought to the minor the
    API servers have before these move on.
    """
    first = now.oldest_server.minor
    if first >= target.minor:
        return (target.minor,)
    behind = any(kubelet.minor < first for kubelet in now.kubelets.values())
    return tuple(range(first if behind else first + 1, target.minor + 1))


def hops(now: Versions, target: Version, known: Mapping[int, Version]) -> tuple[Version | int, ...]:
    """The releases to go through, one a minor; a minor alone where none is known.

    A minor that an API server has already is finished with that very release.
    """
    held = {v.minor: v for v in sorted(now.servers.values())}
    found = {**known, **held, target.minor: target}
    return tuple(found.get(minor, minor) for minor in minors(now, target))


def faults(now: Versions, target: Version) -> Iterator[str]:
    """Why the cluster cannot go to ``target``; nothing when it can."""
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
    """Kubelets that stay as they are and would be too old for API servers of ``target``."""
    for node, kubelet in sorted(kubelets.items()):
        if kubelet.minor + MOST_BEHIND < target.minor:
            yield f"the kubelet on {node} is {kubelet}, more than {MOST_BEHIND} minors behind"


def refused_flags(minor: int) -> tuple[str, ...]:
    """The flags a kubelet of this minor does not start with."""
    return tuple(flag for flag, (since, _) in REMOVED_KUBELET_FLAGS.items() if since <= minor)


def runtime_notes(target: Version, kind: str, version: str) -> Iterator[str]:
    """What the container runtime should be for this release, if it is not."""
    words = version.removeprefix("v").split(".")
    if not words[0].isdigit():
        return
    if kind == "containerd" and target.minor >= CONTAINERD_2:
        if int(words[0]) < _CONTAINERD_2_MAJOR:
            yield f"containerd {version}: Kubernetes 1.{target.minor} wants containerd 2"
    elif kind == "cri-o" and words[1:2] != [str(target.minor)]:
        yield f"cri-o {version}: its minor should be Kubernetes' own, 1.{target.minor}"


def batch(nodes: int, limit: str) -> int:
    """How many of ``nodes`` may be away at once: ``3`` or ``10%``, rounded up, never 0.

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
