"""Which certificates of a node have ended, or end soon; changes nothing.

Each command surveys it and names what it finds (`kbootstrap.guards.certificates`). kubeadm's
certificates last one year; ``kubeadm upgrade`` and ``kubeadm certs renew`` make new ones:
https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes, pki
from kbootstrap.action import Action
from kbootstrap.components import API_SERVER, CONTROLLER_MANAGER, ETCD, SCHEDULER
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import KbError, PhaseError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render

NEAR_SECONDS = 30 * 24 * 3600  # a certificate that expires within this time is reported
ETCD_PKI = "/etc/kubernetes/pki/etcd/"
ADMIN = "/etc/kubernetes/admin.conf"
# File -> kubeadm's name of the certificate, and the static pod to restart.
_RENEWED = {
    "/etc/kubernetes/pki/apiserver.crt": ("apiserver", API_SERVER),
    "/etc/kubernetes/pki/apiserver-kubelet-client.crt": ("apiserver-kubelet-client", API_SERVER),
    "/etc/kubernetes/pki/apiserver-etcd-client.crt": ("apiserver-etcd-client", API_SERVER),
    "/etc/kubernetes/pki/front-proxy-client.crt": ("front-proxy-client", API_SERVER),
    f"{ETCD_PKI}server.crt": ("etcd-server", ETCD),
    f"{ETCD_PKI}peer.crt": ("etcd-peer", ETCD),
    f"{ETCD_PKI}healthcheck-client.crt": ("etcd-healthcheck-client", ""),
    ADMIN: ("admin.conf", ""),
    "/etc/kubernetes/super-admin.conf": ("super-admin.conf", ""),
    "/etc/kubernetes/controller-manager.conf": (
        "controller-manager.conf",
        CONTROLLER_MANAGER,
    ),
    "/etc/kubernetes/scheduler.conf": ("scheduler.conf", SCHEDULER),
}
_KUBELET = "/var/lib/kubelet/pki/kubelet-client-current.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/certificates/probe.sh.j2 prints: "path base64" of each certificate.

    The base64 text encodes DER, or the PEM as in a kubeconfig.
    """

    certificate: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate that is not valid, or not for long.

    Attributes:
        path: the file.
        state: such as "expired at 2026-11-29T10:00:00Z".
        valid: it is still valid.

    """

    path: str
    state: str
    valid: bool

    @property
    def renewed(self) -> bool:
        """Whether kubeadm renews it, also in an upgrade."""
        return self.path in _RENEWED

    @property
    def remedy(self) -> str:
        """The command to run on the node."""
        if self.path == _KUBELET:
            return "the kubelet renews it while it runs and reaches the API; see docs/upgrade.md"
        if not self.renewed:
            return "kubeadm does not renew it: renew it with the tool that made it"
        name, pod = _RENEWED[self.path]
        restart = f", then restart the static pod {pod}" if pod else ""
        return f"kubeadm certs renew {name}{restart}"

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.path} {self.state}: {self.remedy}"


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; one process; prints no private keys."""
    del cluster
    return render("certificates/probe.sh.j2", control_plane=node.is_control_plane)


def endings(facts: Facts, now: int) -> tuple[Ending, ...]:
    """The certificates that are not valid at ``now`` (seconds since 1970), or expire soon."""
    return tuple(ending for line in facts.certificate if (ending := _ending(line, now)))


def _ending(line: str, now: int) -> Ending | None:
    path, _, encoded = line.partition(" ")
    begins, ends = pki.validity(encoded)
    if now < begins:
        return Ending(path, f"is not valid before {pki.stamp(begins)}", valid=False)
    if now >= ends:
        return Ending(path, f"expired at {pki.stamp(ends)}", valid=False)
    if ends - now < NEAR_SECONDS:
        return Ending(path, f"expires in {(ends - now) // 86400} days", valid=True)
    return None


def ended(facts: Facts, now: int, below: str = "/") -> Iterator[KbError]:
    """An error for each invalid certificate whose path begins with ``below``."""
    for ending in endings(facts, now):
        if not ending.valid and ending.path.startswith(below):
            message = f"{ending.path} {ending.state}"
            yield PhaseError(codes.CERTIFICATE_ENDED, message, detail=ending.remedy)


def plan(view: View[Facts]) -> Iterator[Action]:
    """Nothing, since the administrator decides when a component restarts."""
    del view
    yield from ()


def check(view: View[Facts]) -> Iterator[KbError]:
    """Refuse expired certificates, which would fail a later step with an unclear message."""
    yield from ended(view.facts, view.now)


PHASE = Phase(
    id="certificates",
    title="Certificates",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    recorded=False,
)


def of(facts: Mapping[str, Any]) -> Facts:
    """The certificates among a node's facts, by phase; none if they were not probed."""
    found: Facts = facts.get(PHASE.id) or Facts()
    return found
