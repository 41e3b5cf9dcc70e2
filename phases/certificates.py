"""The certificates on a node, and which of them have ended or end soon; changes nothing.

Each command probes them and names what it finds (`kbootstrap.guards.certificates`). kubeadm's
certificates last one year; ``kubeadm upgrade`` and ``kubeadm certs renew`` make new ones:
https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kbootstrap import bounded_file, codes, pki
from kbootstrap.action import Action
from kbootstrap.components import API_SERVER, CONTROLLER_MANAGER, ETCD, SCHEDULER
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render

NEAR_SECONDS = 30 * 24 * 3600  # a certificate that expires within this time is reported
CA = "/etc/kubernetes/pki/ca.crt"
ETCD_PKI = "/etc/kubernetes/pki/etcd/"
ADMIN = "/etc/kubernetes/admin.conf"
# File -> kubeadm's name of the certificate, and the static pod to restart.
RENEWED = {
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
KUBELET_CLIENT = "/var/lib/kubelet/pki/kubelet-client-current.pem"
KUBELET_SERVING = "/var/lib/kubelet/pki/kubelet.crt"  # self-signed
KUBELET_SERVING_SIGNED = "/var/lib/kubelet/pki/kubelet-server-current.pem"
_KUBELET = {
    KUBELET_CLIENT: "the kubelet renews it while it runs and reaches the API; if it has expired:"
    " kbootstrap certs renew (docs/certificates.md)",
    KUBELET_SERVING: f"remove it, and {KUBELET_SERVING.removesuffix('.crt')}.key, and restart the"
    " kubelet, which makes another one",
    KUBELET_SERVING_SIGNED: "the kubelet requests another one: approve its"
    " CertificateSigningRequest",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/certificates/probe.sh.j2 prints: "path base64" of each certificate.

    The base64 text encodes DER, or the PEM as in a kubeconfig.
    """

    certificate: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One certificate of a file."""

    path: str
    certificate: pki.Certificate

    @property
    def is_copy(self) -> bool:
        """Whether it is in a kubeconfig of an account of the node, which no component uses."""
        return self.path.endswith("/.kube/config")


def found(facts: Facts) -> tuple[Found, ...]:
    """Every certificate on a node.

    Of the kubeconfigs in home directories only those whose issuer has the name of the cluster's CA.
    """
    lines = (line.partition(" ") for line in dict.fromkeys(facts.certificate))
    every = tuple(Found(path, pki.read(encoded)) for path, _, encoded in lines)
    issuers = {one.certificate.issuer for one in every if one.path == CA}
    return tuple(one for one in every if not one.is_copy or one.certificate.issuer in issuers)


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
        return self.path in RENEWED

    @property
    def fatal(self) -> bool:
        """Whether a later step would fail, and with an unclear message, if it is not valid.

        No component checks a serving certificate that a kubelet signed itself.
        """
        return not self.valid and self.path != KUBELET_SERVING

    @property
    def remedy(self) -> str:
        """The command to run on the node."""
        if self.path in _KUBELET:
            return _KUBELET[self.path]
        if not self.renewed:
            return "kubeadm does not renew it: renew it with the tool that made it"
        name, pod = RENEWED[self.path]
        restart = f", then restart the static pod {pod}" if pod else ""
        return f"kubeadm certs renew {name}{restart}"

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.path} {self.state}: {self.remedy}"


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; one process; prints no private keys."""
    return _probe(cluster, node, copies=False)


def _probe(cluster: Cluster, node: Node, *, copies: bool) -> str:
    external = cluster.etcd.external if node.is_control_plane else None
    paths = (external.ca_file, external.cert_file) if external else ()
    return render(
        "certificates/probe.sh.j2", external=paths, copies=copies, most=bounded_file.MOST_BYTES
    )


def endings(facts: Facts, now: int) -> tuple[Ending, ...]:
    """The certificates that are not valid at ``now`` (seconds since 1970), or expire soon."""
    decisive = _decisive(found(facts)).values()
    return tuple(ending for one in decisive if (ending := _ending(one, now)))


def _decisive(every: tuple[Found, ...]) -> Mapping[str, Found]:
    """The certificate of each file that decides whether the file is of use.

    Of several CAs it is the one that is valid for longest, otherwise the first certificate.
    """
    chosen: dict[str, Found] = {}
    for one in every:
        known = chosen.setdefault(one.path, one)
        if known.certificate.authority and one.certificate.ends > known.certificate.ends:
            chosen[one.path] = one
    return chosen


def _ending(one: Found, now: int) -> Ending | None:
    begins, ends = one.certificate.begins, one.certificate.ends
    if now < begins:
        return Ending(one.path, f"is not valid before {pki.stamp(begins)}", valid=False)
    if now >= ends:
        return Ending(one.path, f"expired at {pki.stamp(ends)}", valid=False)
    if ends - now < NEAR_SECONDS:
        return Ending(one.path, f"expires in {(ends - now) // 86400} days", valid=True)
    return None


def ended(facts: Facts, now: int, below: str = "/") -> Iterator[Finding]:
    """An error for each invalid certificate whose path begins with ``below``."""
    for ending in endings(facts, now):
        if ending.fatal and ending.path.startswith(below):
            message = f"{ending.path} {ending.state}"
            yield Finding(codes.CERTIFICATE_ENDED, message, detail=ending.remedy)


def plan(view: View[Facts]) -> Iterator[Action]:
    """Nothing, since the administrator decides when a component restarts."""
    del view
    yield from ()


def check(view: View[Facts]) -> Iterator[Finding]:
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


def every_probe(cluster: Cluster, node: Node) -> str:
    """Also the kubeconfigs in home directories, which other commands need not read."""
    return _probe(cluster, node, copies=True)


EVERY = replace(PHASE, probe=every_probe)


def of(facts: Mapping[str, Any]) -> Facts:
    """The certificates among a node's facts, by phase; none if they were not probed."""
    probed = (one for one in facts.values() if isinstance(one, Facts))
    return next(probed, Facts())
