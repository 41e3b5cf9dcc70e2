"""Renews the certificates of a control plane, and restarts what still uses the old ones.

kube-apiserver and etcd read their certificate files again at a handshake or within a minute
(k8s.io/apiserver/pkg/server/dynamiccertificates; etcd's client/pkg/transport/listener.go). The
controller manager and the scheduler have theirs in a kubeconfig, which they read once. Nothing
here needs the API, since it is down when all certificates have expired. If it serves before, it has
to serve again before the next control plane; if not, it is waited for once all are renewed, since
etcd needs a quorum of members with valid certificates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes, kubeadm
from kbootstrap.action import Action, Risk, Run
from kbootstrap.components import CONTROLLER_MANAGER, SCHEDULER, STATIC_PODS
from kbootstrap.engine.phase import Phase, View, Wait, fact, forward, like
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.options import RunOptions
from kbootstrap.render import render
from phases import certificates, upgrade_repair
from phases.certificates import KUBELET_CLIENT, RENEWED

YEAR = 365 * 24 * 3600  # a certificate of kubeadm is valid for so long, in seconds
NEW = 3600  # one that was made within this time is not renewed again, so that a run can resume
_FILES = {name: path for path, (name, _) in RENEWED.items()}
_CONFS = {
    CONTROLLER_MANAGER: _FILES["controller-manager.conf"],
    SCHEDULER: _FILES["scheduler.conf"],
}
AUTHORITIES = ("ca", "front-proxy-ca", "etcd/ca")


@dataclass(frozen=True, slots=True, kw_only=True)
class Present(certificates.Facts):
    """The certificates, and what uses them.

    Attributes:
        stale: components that started before their kubeconfig was written.
        ready: the node's API server answers /readyz to the login of admin.conf.

    """

    stale: tuple[str, ...] = fact(like("|".join(_CONFS)))
    ready: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Present):
    """Also what templates/certificates/renew_probe.sh.j2 prints.

    Attributes:
        key: the CAs whose key is on the node.

    """

    key: tuple[str, ...] = fact(like("|".join(AUTHORITIES)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(Present):
    """Also what templates/certificates/running_probe.sh.j2 prints.

    Attributes:
        stopped: static pods of the control plane that do not run.

    """

    stopped: tuple[str, ...] = ()


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    keys = render("certificates/renew_probe.sh.j2", authorities=AUTHORITIES)
    return keys + certificates.every_probe(cluster, node) + _probe_use(cluster, node)


def _probe_use(cluster: Cluster, node: Node) -> str:
    return render(
        "certificates/present_probe.sh.j2",
        components=tuple(map(_component, _CONFS)),
        server=cluster.server_url(node),
    )


def _component(name: str) -> tuple[str, str, str]:
    """Its name, a pattern of an argument of its process, the file that it reads once."""
    conf = _CONFS[name]
    return name, f"--kubeconfig={conf[:-1]}[f]", conf


def seconds_left(options: RunOptions) -> int:
    """A certificate that is valid for less than this is renewed."""
    return YEAR - NEW if options.within is None else min(options.within, YEAR - NEW)


def expires(view: View[Any], ends: int) -> bool:
    """Whether a certificate that expires at ``ends`` is to be renewed."""
    return ends - _now(view) < seconds_left(view.options)


def has_expired(view: View[Any], path: str) -> bool:
    """Whether the certificate of a file is there and has expired."""
    now = _now(view)
    return any(e.path == path and not e.valid for e in certificates.endings(view.facts, now))


def without(lines: tuple[str, ...], paths: set[str]) -> tuple[str, ...]:
    """The certificates but those of these files."""
    return tuple(line for line in lines if line.partition(" ")[0] not in paths)


def _now(view: View[Any]) -> int:
    return max(view.now, view.host.clock)


def _due(view: View[Facts]) -> tuple[str, ...]:
    """The files that kubeadm renews now."""
    return tuple(
        one.path
        for one in certificates.found(view.facts)
        if one.path in RENEWED
        and not one.certificate.authority
        and expires(view, one.certificate.ends)
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """Plan each action on the state after the actions before it."""
    for decide in (_renew, _kubelet, _restart):
        for action in tuple(decide(view)):
            yield action
            view = forward(view, (action,))


def _renew(view: View[Any]) -> Iterator[Action]:
    paths = dict.fromkeys(_due(view))
    if not paths:
        return
    names = sorted(RENEWED[path][0] for path in paths)
    every = paths.keys() >= {o.path for o in certificates.found(view.facts) if o.path in RENEWED}
    again = {name for name, conf in _CONFS.items() if conf in paths}
    yield Run(
        why="they expire within the time asked for" if view.options.within else "all are renewed",
        title="kubeadm certs renew all" if every else f"kubeadm certs renew: {', '.join(names)}",
        covers=tuple(f"renew {name}" for name in names),
        body=render(
            "certificates/renew.sh.j2",
            config=kubeadm.init_config(view.cluster, view.node),
            names=["all"] if every else names,
            serving=_serving(view),
        ),
        effect={
            "certificate": without(view.facts.certificate, set(paths)),
            "stale": tuple(sorted({*view.facts.stale, *again})),
        },
    )


def _kubelet(view: View[Any]) -> Iterator[Action]:
    if has_expired(view, KUBELET_CLIENT):
        yield Run(
            why="it has expired, so the kubelet cannot renew it",
            title="make the kubelet's client certificate again, and restart the kubelet",
            body=render(
                "certificates/kubelet.sh.j2",
                config=kubeadm.init_config(view.cluster, view.node),
                current=KUBELET_CLIENT,
            ),
            risk=Risk.RESTART,
            effect={"certificate": without(view.facts.certificate, {KUBELET_CLIENT})},
        )


def _restart(view: View[Any]) -> Iterator[Action]:
    if view.facts.stale:
        names = sorted(view.facts.stale)
        yield Run(
            why="it uses the certificate with which it started",
            title=f"restart {', '.join(names)}",
            covers=tuple(f"restart {name}" for name in names),
            body=render(
                "certificates/restart.sh.j2",
                components=tuple(map(_component, names)),
                pods=names,
                serving=_serving(view),
            ),
            risk=Risk.RESTART,
            effect={"stale": ()},
        )


def _serving(view: View[Facts]) -> str:
    """Shell that waits for this node's API server, if it serves now."""
    return upgrade_repair.serving(view.cluster, view.node) if view.facts.ready else ""


def probe_running(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    pods = render("certificates/running_probe.sh.j2", pods=STATIC_PODS)
    return certificates.probe(cluster, node) + _probe_use(cluster, node) + pods


def _running(cluster: Cluster, node: Node) -> dict[str, object]:
    server = cluster.server_url(node)
    return {"server": server, "socket": cluster.runtime.socket, "pods": STATIC_PODS}


def plan_running(view: View[Any]) -> Iterator[Action]:
    """Wait for the control plane of the node, if it does not run completely.

    What `plan` restarts may end once more, so the wait is in every plan that restarts something.
    """
    due = tuple(plan(view))
    why = _not_running(view.facts) or ("what is restarted may end once more" if due else "")
    if not why:
        return
    after = forward(view, due).facts
    yield Run(
        why=why,
        title="wait for the control plane (/readyz); restart the kubelet if a static pod does not"
        " run",
        body=render(
            "certificates/ready.sh.j2",
            serving=upgrade_repair.serving(view.cluster, view.node),
            **_running(view.cluster, view.node),
        ),
        risk=Risk.RESTART,
        effect={
            "ready": True,
            "stopped": (),
            "certificate": after.certificate,
            "stale": after.stale,
        },
    )


def _not_running(facts: Running) -> str:
    if facts.stopped:
        return f"not running: {', '.join(facts.stopped)}"
    return "" if facts.ready else "it is not ready"


def check(view: View[Facts]) -> Iterator[Finding]:
    """Refuse if a certificate is due whose CA has expired, or whose CA has no key here."""
    due = {_authority(path) for path in _due(view)}
    due |= {"ca"} if has_expired(view, KUBELET_CLIENT) else set()
    for name in sorted(due):
        path = f"{kubeadm.PKI}/{name}.crt"
        if has_expired(view, path):
            yield Finding(codes.CERTIFICATE_ENDED, f"{path} has expired, and kubeadm renews no CA")
        if name not in view.facts.key:
            yield Finding(codes.EXTERNAL_CA, f"there is no {kubeadm.PKI}/{name}.key")


def _authority(path: str) -> str:
    """The CA that issues the certificate of a file."""
    name = RENEWED[path][0]
    if name.startswith("etcd-") or name == "apiserver-etcd-client":
        return "etcd/ca"
    return "front-proxy-ca" if name == "front-proxy-client" else "ca"


PHASE = Phase(
    id="certs-control-plane",
    title="Certificates of a control plane",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    on=upgrade_repair.on_control_planes,
    waits=(("certs-control-plane", Wait.EARLIER),),
    recorded=False,
)

READY = Phase(
    id="certs-ready",
    title="Control plane ready",
    facts=Running,
    probe=probe_running,
    plan=plan_running,
    on=upgrade_repair.on_control_planes,
    waits=(("certs-control-plane", Wait.CONTROL_PLANES),),
    recorded=False,
)
