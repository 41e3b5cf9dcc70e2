"""Compares what the static pods of a control plane run with the inventory; pure.

Arguments are compared by name. Those that kubeadm adds are no difference; one that an earlier
inventory set is in the stored ClusterConfiguration. kubeadm's own arguments are in `kubeadm_args`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from kbootstrap.components import API_SERVER, CONTROLLER_MANAGER, ETCD, SCHEDULER
from kbootstrap.drift.configuration import at
from kbootstrap.drift.endpoint import host
from kbootstrap.drift.kubeadm_args import BY_TAG, arguments, sans
from kbootstrap.model.cluster import Arg, Cluster, Node

Doc = Mapping[str, Any]
Values = Mapping[str, tuple[str, ...]]  # name of an argument -> its values, sorted


@dataclass(frozen=True, slots=True)
class Component:
    """A static pod.

    Attributes:
        name: of the pod, its container and its binary.
        section: its section of ClusterConfiguration.
        phase: of ``kubeadm init`` that writes its manifest.

    """

    name: str
    section: str
    phase: str


COMPONENTS = (
    Component(API_SERVER, "apiServer", "control-plane apiserver"),
    Component(CONTROLLER_MANAGER, "controllerManager", "control-plane controller-manager"),
    Component(SCHEDULER, "scheduler", "control-plane scheduler"),
    Component(ETCD, "etcd.local", "etcd local"),  # last, since the API server needs it
)


@dataclass(frozen=True, slots=True)
class Change:
    """How a component has to change; ``texts`` is empty if it runs as the inventory has it.

    Attributes:
        texts: each change, for the plan.
        args: the arguments after it, as ``--name=value``.
        image: the image after it.

    """

    texts: tuple[str, ...]
    args: tuple[str, ...]
    image: str


def components(cluster: Cluster) -> tuple[Component, ...]:
    """The components of a control plane of this cluster."""
    return COMPONENTS[:-1] if cluster.etcd.external else COMPONENTS


@dataclass(frozen=True, slots=True)
class Running:
    """What a component runs with.

    Attributes:
        args: its arguments, as ``--name=value``.
        image: of its manifest.
        patched: a patch of the inventory changes its manifest.

    """

    args: tuple[str, ...]
    image: str
    patched: bool


def change(component: Component, cluster: Cluster, node: Node, stored: Doc, now: Running) -> Change:
    """Compare one component of ``node``; ``stored`` is the cluster's ClusterConfiguration."""
    image = _image(component, cluster, stored, now)
    own = arguments(component.name, cluster, node, image.rpartition(":")[2])
    wanted, before = _wanted(component, cluster), _stored(component, stored)
    have = grouped(_split(now.args))
    ours = {*wanted, *(before.keys() & have.keys())}
    after = {name: wanted.get(name) or _own(own, name) for name in {*have, *ours}}
    if now.patched:
        after |= {name: have[name] for name in have.keys() - ours}
    chosen = _chosen(component, new_image=image != now.image) - ours
    after |= {name: _own(own, name) for name in chosen}
    differ = sorted(name for name in after if have.get(name, ()) != after[name])
    texts = [_text(name, have.get(name, ()), after[name]) for name in differ if name in ours]
    if image != now.image:
        texts.append(f"image {image} (now {now.image})")
    if texts:
        by_hand = sorted({*differ} - ours - chosen)
        texts += [f"{_text(name, have[name], after[name])}, changed by hand" for name in by_hand]
    flat = (f"--{name}={value}" for name in sorted(after) for value in after[name])
    return Change(tuple(texts), tuple(flat), image)


def _chosen(component: Component, *, new_image: bool) -> frozenset[str]:
    """Arguments that kubeadm chooses whatever runs: by the tag of etcd, and its members.

    kubeadm renders a joined member without the others; a member that has data ignores them.
    """
    if component.name != ETCD:
        return frozenset()
    members = frozenset({"initial-cluster", "initial-cluster-state"})
    return members | BY_TAG if new_image else members


def _own(own: Mapping[str, str], name: str) -> tuple[str, ...]:
    return (own[name],) if name in own else ()


def _text(name: str, now: tuple[str, ...], new: tuple[str, ...]) -> str:
    if not new:
        return f"remove --{name}={','.join(now)}"
    was = f"now {','.join(now)}" if now else "now unset"
    return " ".join(f"--{name}={value}" for value in new) + f" ({was})"


def grouped(args: Iterable[Arg]) -> Values:
    """The values of each argument; kubeadm sorts them, so that their order has no meaning."""
    found: dict[str, tuple[str, ...]] = {}
    for arg in args:
        found[arg.name] = tuple(sorted((*found.get(arg.name, ()), arg.value)))
    return found


def _split(args: Iterable[str]) -> Iterator[Arg]:
    """``--name=value``; a name alone means true."""
    for text in args:
        name, equals, value = text.removeprefix("--").partition("=")
        yield Arg(name, value if equals else "true")


def _wanted(component: Component, cluster: Cluster) -> Values:
    extra = cluster.kubeadm
    return grouped(
        {
            API_SERVER: extra.api_server_args,
            CONTROLLER_MANAGER: extra.controller_manager_args,
            SCHEDULER: extra.scheduler_args,
            ETCD: extra.etcd_args,
        }[component.name]
    )


def section(stored: Doc, path: str) -> Mapping[str, Any]:
    """A section of ClusterConfiguration; empty if it is not there."""
    value = at(path, stored)
    return value if isinstance(value, Mapping) else {}


def _stored(component: Component, stored: Doc) -> Values:
    """The extra arguments that the cluster was last configured with, in either API version."""
    extra = section(stored, component.section).get("extraArgs") or []
    if isinstance(extra, Mapping):
        return grouped(Arg(str(name), str(value)) for name, value in extra.items())
    known = (one for one in extra if isinstance(one, Mapping) and "name" in one)
    return grouped(Arg(str(one["name"]), str(one.get("value", ""))) for one in known)


def _image(component: Component, cluster: Cluster, stored: Doc, now: Running) -> str:
    """The image that kubeadm would choose; that of a patch is retained."""
    place, _, tag = now.image.rpartition(":")
    images = cluster.images
    if component.name == ETCD:
        repository = images.etcd_repository or images.repository
        tag = cluster.etcd.image_tag or tag
        before = section(stored, component.section).get("imageRepository")
    else:
        repository, before = images.repository, None
    before = before or stored.get("imageRepository", "")
    known = place == f"{before}/{component.name}"
    if "@" in now.image or not now.image or (now.patched and not known):
        return now.image
    return f"{repository}/{component.name}:{tag}"


def san_change(cluster: Cluster, node: Node, stored: Doc, names: Iterable[str]) -> Change:
    """Compare the names in the API server's certificate; ``args`` are the names after it."""
    have = {normal(name) for name in names}
    own = {normal(name) for name in sans(cluster, node)}
    wanted = {normal(name) for name in (*cluster.api.cert_sans, host(cluster.api.endpoint))}
    staying = {normal(name) for name in left_name(cluster, stored)}
    listed = section(stored, "apiServer").get("certSANs")
    before = {normal(str(name)) for name in listed} if isinstance(listed, list) else set()
    missing, surplus = wanted - have, (before - wanted - own - staying) & have
    texts = [f"add {name}" for name in sorted(missing)]
    texts += [f"remove {name}" for name in sorted(surplus)]
    if texts:
        foreign = have - wanted - own - surplus - staying
        texts += [f"{n} is in the certificate only and is removed" for n in sorted(foreign)]
    return Change(tuple(texts), tuple(sorted(own | wanted | staying)), "")


def left_name(cluster: Cluster, stored: Doc) -> tuple[str, ...]:
    """The host of the endpoint that the cluster is about to leave; clients still use it."""
    before = host(str(stored.get("controlPlaneEndpoint") or ""))
    return (before,) if before not in {"", host(cluster.api.endpoint)} else ()


def normal(name: str) -> str:
    """A name in a certificate, in the form in which two of them are compared."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name.lower()
