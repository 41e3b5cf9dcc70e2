"""Moves the endpoint of the API in each member's kubeconfigs, and restarts its kubelet with it.

A file is changed only if it names an endpoint that the cluster has left. Since kubeadm 1.33 the
kubelet.conf of a control plane names its own API server, and stays, as do controller-manager.conf
and scheduler.conf. The old files are put back if the kubelet does not renew its lease with the new.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes
from kbootstrap.action import Action, AwaitReady, Detached, Risk
from kbootstrap.drift import endpoint
from kbootstrap.engine.phase import Phase, View, Wait, Window, fact, forward, like
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.node_paths import STATE_DIR
from kbootstrap.render import render
from phases import ready
from phases.control_plane_config import whole
from phases.endpoint import url

RUN = "kubelet-endpoint"
ETC = "/etc/kubernetes"
KEPT = f"{STATE_DIR}/endpoint"  # the files before an unfinished change
KUBELET = "kubelet.conf"
AT_ONCE = 10  # nodes whose kubelets restart at the same time, after the first node


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/endpoint/probe.sh.j2 prints on a member.

    Attributes:
        run: state of the detached change.
        server: "FILE URL" of each kubeconfig that may name the endpoint.
        silent: why the endpoint does not answer; only asked while a file has another.
        unfinished: a change was interrupted before it was checked.

    """

    run: str = "none"
    server: tuple[str, ...] = fact(like(r"[a-z-]+\.conf \S+"))
    silent: str = ""
    unfinished: bool = False


def files(node: Node) -> tuple[str, ...]:
    """The kubeconfigs that kubeadm may have written with the endpoint."""
    return ("admin.conf", "super-admin.conf", KUBELET) if node.is_control_plane else (KUBELET,)


def own(cluster: Cluster, node: Node) -> str:
    """The API server of a control plane, as its kubelet.conf names it; empty for a worker."""
    return cluster.server_url(node) if node.is_control_plane else ""


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; up to 5 s if the endpoint does not answer."""
    return render(
        "endpoint/probe.sh.j2",
        run=RUN,
        kept=KEPT,
        paths=[f"{ETC}/{name}" for name in files(node)],
        kubelet=f"{ETC}/{KUBELET}",
        server=url(cluster),
        own=own(cluster, node),
    )


def plan(view: View[Any]) -> Iterator[Action]:
    """Change the files that name another endpoint, then wait for the node."""
    if view.api.node(view.node.name) is None:
        return
    for action in tuple(_change(view)):
        yield action
        view = forward(view, (action,))
    if view.facts.run == "ok":
        yield from (one for one in ready.plan(view) if isinstance(one, AwaitReady))


def _change(view: View[Facts]) -> Iterator[Action]:
    facts, wanted = view.facts, view.cluster.api.endpoint
    names = tuple(dict.fromkeys(name for name, _ in _leaving(view)))
    why = _why(facts, names)
    if not why:
        return
    unfinished = facts.unfinished or facts.run == "running"
    changed = _movable(view) if unfinished else names
    restart = KUBELET in changed
    nodes = view.api.with_node(view.node.name, ready=False)
    seconds = view.cluster.kubeadm.timeouts.kubelet
    yield Detached(
        why=why,
        name=RUN,
        title=f"name {wanted} in {', '.join(changed) or 'the kubeconfigs'}"
        + (" and restart the kubelet" if restart else ""),
        body=render(
            "endpoint/files.sh.j2",
            etc=ETC,
            kept=KEPT,
            files=changed,
            server=url(view.cluster),
            old=[f"https://{one}" for one in endpoint.left(view.cluster, view.api)],
            node=view.node.name,
            seconds=seconds,
        ),
        seconds=3 * seconds + 600,
        attach=facts.run == "running",
        risk=Risk.RESTART if restart else Risk.NONE,
        effect={
            "run": "ok",
            "silent": "",
            "unfinished": False,
            "server": _after(view),
            **({"api": {"nodes": nodes}} if restart else {}),
        },
    )


def _why(facts: Facts, names: tuple[str, ...]) -> str:
    if facts.run == "running":
        return "it is still running on the node"
    if facts.unfinished:
        return "an earlier change was interrupted before it was checked"
    return f"{', '.join(names)}: another endpoint" if names else ""


def _lines(view: View[Facts]) -> Iterator[tuple[str, str]]:
    """File and server of each kubeconfig, except of one that names the node's own API server."""
    local = own(view.cluster, view.node)
    for line in view.facts.server:
        name, _, server = line.partition(" ")
        if not (name == KUBELET and server == local):
            yield name, server


def _leaving(view: View[Facts]) -> tuple[tuple[str, str], ...]:
    """Those that name an endpoint that the cluster has left."""
    old = {f"https://{one}" for one in endpoint.left(view.cluster, view.api)}
    return tuple(one for one in _lines(view) if one[1] in old)


def _movable(view: View[Facts]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name, _ in _lines(view)))


def _after(view: View[Facts]) -> tuple[str, ...]:
    gone, new = {f"{name} {server}" for name, server in _leaving(view)}, url(view.cluster)
    return tuple(f"{x.partition(' ')[0]} {new}" if x in gone else x for x in view.facts.server)


def check(view: View[Facts]) -> Iterator[Finding]:
    """Refuse to leave an endpoint for one that does not answer from this node."""
    if view.facts.silent and view.api.node(view.node.name) and _leaving(view):
        yield Finding(
            codes.ENDPOINT_SILENT,
            f"{view.cluster.api.endpoint} does not answer as an API server of this cluster",
            detail=view.facts.silent,
        )


def drift(view: View[Facts]) -> Iterator[Difference]:
    """A move that this run cannot make, because it is not about every control plane."""
    live, wanted = endpoint.stored(view.api), view.cluster.api.endpoint
    if view.api.kubeadm_config and live != wanted and not whole(view):
        yield Difference(
            key="api.endpoint",
            live=live or "unset",
            wanted=wanted,
            fixed=True,
            remedy="to move it, run `kbootstrap up` for all nodes, and this command afterwards",
        )


PHASE = Phase(
    id="endpoint-files",
    title="Endpoint in the kubeconfigs",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    drift=drift,
    waits=(("endpoint", Wait.FIRST),),
    window=Window(size=AT_ONCE),
    api=True,
)
