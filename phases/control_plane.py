"""Applies changed settings of a running control plane: one node, and one component, at a time.

Compares what runs with the inventory: the arguments of the processes, the images of the static
pods, the names in the API server's certificate. A change writes the manifest by kubeadm's own
phase and waits until the component works with it; if it does not, the old manifest is put back,
the step fails with the component's own messages, and no other control plane is changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kbootstrap import kubeadm
from kbootstrap.action import Action, AwaitEtcd, Detached, Risk
from kbootstrap.components import API_SERVER, CONTROLLER_MANAGER, ETCD, SCHEDULER
from kbootstrap.drift import Running, change, components, desired, left_name, san_change
from kbootstrap.engine.phase import Phase, View, Wait, Window, fact, forward, like
from kbootstrap.model.cluster import Cluster, Node, bracketed
from kbootstrap.node_paths import RUNTIME_DIR, STATE_DIR
from kbootstrap.render import render
from phases import etcd_snapshot

CERTIFICATE = "certificate"
DIRECTORY = f"{STATE_DIR}/control-plane"  # one directory for each change that has not ended
RUN = "control-plane-"  # the detached runs; the component follows
LABEL = "before-settings"  # of the snapshot of etcd
_APISERVER_CRT = f"{kubeadm.PKI}/apiserver.crt"
_PORTS = {CONTROLLER_MANAGER: "10257", SCHEDULER: "10259"}
_EXTRA_SECONDS = 1800  # beside the two waits, for an image to be pulled


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """What the probe prints of changes that have not ended.

    Attributes:
        open: components whose change was begun and neither finished nor undone.
        busy: components whose change is running.

    """

    open: tuple[str, ...] = fact(like("[a-z-]+"))
    busy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Interrupted):
    """What templates/control_plane/probe.sh.j2 prints.

    Attributes:
        arg: "component --name=value" of each running component.
        image: "component image" of each manifest.
        stale: components that run with other arguments than their manifest.
        san: the names in the API server's certificate.
        taken: when the last snapshot of etcd for this was taken, seconds since 1970.

    """

    arg: tuple[str, ...] = fact(like(r"[a-z-]+ .+"))
    image: tuple[str, ...] = fact(like(r"[a-z-]+ .*"))
    stale: tuple[str, ...] = ()
    san: tuple[str, ...] = ()
    taken: int = 0


def names(cluster: Cluster) -> tuple[str, ...]:
    """What is changed, in order: etcd last, since the API server needs it."""
    return (CERTIFICATE, *(component.name for component in components(cluster)))


def probe(cluster: Cluster, node: Node, *, brief: bool = False) -> str:
    """Read-only; ``brief`` prints `Interrupted`."""
    del node
    known = names(cluster)
    return render(
        "control_plane/probe.sh.j2",
        directory=DIRECTORY,
        run=RUN,
        names=known,
        manifests=known[1:],
        certificate=_APISERVER_CRT,
        snapshot=etcd_snapshot.file_of(LABEL) if ETCD in known else "",
        brief=brief,
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """One action for each component that differs, on a member."""
    facts = view.facts
    if view.api.node(view.node.name) is None or not (facts.arg or facts.open):
        return
    for name in names(view.cluster):
        decide = _certificate if name == CERTIFICATE else _component
        for action in tuple(decide(view, name)):
            yield action
            view = forward(view, (action,))


def _certificate(view: View[Facts], name: str) -> Iterator[Action]:
    facts, stored = view.facts, view.api.kubeadm_config.data
    found = san_change(view.cluster, view.node, stored, facts.san)
    if not facts.san or not (found.texts or _unfinished(facts, name)):
        return
    document = _configuration(view)
    document["certificatesDir"] = f"{RUNTIME_DIR}/control-plane-{CERTIFICATE}"
    server = document.setdefault("apiServer", {})
    extra = (*server.get("certSANs", []), *left_name(view.cluster, stored))
    server["certSANs"] = [*dict.fromkeys(extra)]
    old = set(facts.san) - set(found.args)
    values = _common(view, document) | {
        "names": [_example(san) for san in found.args],
        "surplus": [_example(san) for san in sorted(old)],
    }
    title = f"certificate of {API_SERVER}: {'; '.join(found.texts) or 'make a new one'}"
    yield _change(view, name, title, values, {"san": found.args})


def _component(view: View[Facts], name: str) -> Iterator[Action]:
    facts, cluster = view.facts, view.cluster
    component = next(one for one in components(cluster) if one.name == name)
    now = Running(
        args=_of(name, facts.arg),
        image=next(iter(_of(name, facts.image)), ""),
        patched=any(file.startswith(name) for file in view.inputs.patches),
    )
    if not now.args and name not in facts.open:
        return
    found = change(component, cluster, view.node, view.api.kubeadm_config.data, now)
    if not (found.texts or _unfinished(facts, name)):
        return
    if name == ETCD and name not in facts.busy:
        yield AwaitEtcd(why="a member restarts; the others must retain quorum")
        if not etcd_snapshot.recent(facts.taken, view.now):
            taken = {"taken": view.now}
            yield replace(etcd_snapshot.action(cluster, LABEL, "etcd restarts"), effect=taken)
    values = _common(view, _configuration(view)) | {
        "name": name,
        "phase": component.phase,
        "health": _health(name, found.args),
        "patches": kubeadm.PATCHES,
    }
    title = f"{name}: {'; '.join(found.texts) or 'render its manifest again'}"
    effect = {
        "arg": (*_without(name, facts.arg), *(f"{name} {arg}" for arg in found.args)),
        "image": (*_without(name, facts.image), f"{name} {found.image}"),
        "stale": tuple(one for one in facts.stale if one != name),
    }
    yield _change(view, name, title, values, effect)


def _change(
    view: View[Facts],
    name: str,
    title: str,
    values: Mapping[str, object],
    effect: Mapping[str, object],
) -> Action:
    """The action; ``values`` are those of its template."""
    facts = view.facts
    template = "certificate" if name == CERTIFICATE else "component"
    ended = {
        "open": tuple(one for one in facts.open if one != name),
        "busy": tuple(one for one in facts.busy if one != name),
    }
    return Detached(
        why=_why(facts, name),
        name=f"{RUN}{name}",
        title=title,
        body=render(f"control_plane/{template}.sh.j2", **values),
        seconds=2 * view.cluster.kubeadm.timeouts.control_plane + _EXTRA_SECONDS,
        attach=name in facts.busy,
        risk=Risk.RESTART,
        effect=ended | dict(effect),
    )


def _why(facts: Facts, name: str) -> str:
    if name in facts.busy:
        return "the change is still running on the node"
    if name in facts.open:
        return "a change of it was interrupted"
    if name in facts.stale:
        return "it runs with other arguments than its manifest"
    return "the inventory has another value"


def _unfinished(facts: Facts, name: str) -> bool:
    return name in {*facts.busy, *facts.open, *facts.stale}


def _of(name: str, lines: tuple[str, ...]) -> tuple[str, ...]:
    """The rest of each line that begins with a component's name."""
    return tuple(line.partition(" ")[2] for line in lines if line.partition(" ")[0] == name)


def _without(name: str, lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line for line in lines if line.partition(" ")[0] != name)


def _configuration(view: View[Any]) -> dict[str, Any]:
    """The ClusterConfiguration as it will be stored."""
    return desired(view.cluster, view.api.kubeadm_config).data


def _common(view: View[Facts], document: dict[str, Any]) -> dict[str, object]:
    """What the templates of all changes need."""
    return common(view.cluster, view.node) | {
        "config": kubeadm.control_plane_config(view.cluster, view.node, document),
    }


def common(cluster: Cluster, node: Node) -> dict[str, object]:
    """What templates/control_plane/change.sh.j2 needs."""
    return {
        "directory": DIRECTORY,
        "server": cluster.server_url(node),
        "socket": cluster.runtime.socket,
        "seconds": cluster.kubeadm.timeouts.control_plane,
    }


def _health(name: str, args: tuple[str, ...]) -> str:
    """The component's own health check; that of the API server is /readyz, which includes etcd."""
    if name not in _PORTS:
        return ""
    given = dict(arg.removeprefix("--").partition("=")[::2] for arg in args)
    port = given.get("secure-port", _PORTS[name])
    host = given.get("bind-address", "127.0.0.1")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return "" if port == "0" else f"https://{bracketed(host)}:{port}"


def _example(san: str) -> str:
    """A name that a certificate with this one is valid for."""
    return f"kbootstrap{san[1:]}" if san.startswith("*.") else san


def on(cluster: Cluster, node: Node) -> bool:
    """Control planes."""
    del cluster
    return node.is_control_plane


PHASE = Phase(
    id="control-plane",
    title="Settings of the control plane",
    facts=Facts,
    probe=probe,
    plan=plan,
    on=on,
    waits=(("control-plane", Wait.EARLIER),),
    window=Window(1, canary=True),
    api=True,
)
