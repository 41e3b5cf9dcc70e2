"""Checks that a node is fit and not part of another cluster, and marks it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes, node_paths
from kbootstrap.action import Action, PutFile
from kbootstrap.drift import serving
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import KbError, PhaseError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.render import render
from phases import dual_stack, tools
from phases.install import leftovers

MAX_SKEW = 60  # seconds; with more skew certificates and tokens fail
MIN_VAR_KIB, MIN_ETC_KIB = 1024 * 1024, 4 * 1024
MIN_CONTROL_PLANE_MIB = 1700  # kubeadm's Mem check
ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/identity/probe.sh.j2 prints."""

    arch: str = ""
    systemd: bool = False
    uid: int = -1
    clock: int = 0
    marker: str = ""  # the cluster name in kbootstrap's marker
    folder: tuple[str, ...] = ()  # those of `Leftovers.shared` that are there
    older: tuple[str, ...] = ()  # files and links there, while they are still to be recorded
    recorded: bool = False  # the files that existed before are recorded
    orphan: tuple[str, ...] = ()  # detached runs of kbootstrap whose record is missing
    ca: tuple[str, ...] = ()  # lines of /etc/kubernetes/pki/ca.crt
    member: bool = False  # kubelet.conf exists
    control_plane: bool = False  # the API server's static pod exists
    serves_address: str = ""  # the advertise address in its manifest
    port: int = 0  # the port in its manifest
    etcd_data: bool = False
    var_kib: int = 0
    etc_kib: int = 0
    mem_mib: int = 0
    runtime: bool = False  # its binary is installed
    restoring: bool = False  # the static pod manifests are moved aside for an etcd restore
    lacks: tuple[str, ...] = ()  # tools of `phases.tools` that are not in PATH
    address: tuple[str, ...] = ()  # of the node; only probed if it needs a second one
    taken: tuple[str, ...] = ()  # ports in use; only probed on a node without Kubernetes

    @property
    def ca_pem(self) -> str:
        """The cluster CA on the node; empty if there is none."""
        return "".join(f"{line}\n" for line in self.ca)

    @property
    def holds_cluster(self) -> bool:
        """Whether the node holds data of a cluster."""
        return self.member or self.control_plane or self.etcd_data


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; about six forks."""
    left = leftovers(cluster, node)
    etcd = (cluster.etcd.data_dir,)  # on each node: a worker may become a control plane
    return render(
        "identity/probe.sh.j2",
        marker=node_paths.CLUSTER_NAME,
        before=node_paths.BEFORE,
        restore=node_paths.ETCD_RESTORE,
        folders=dict.fromkeys((*left.shared, *etcd)),
        emptied=dict.fromkeys((*left.emptied, *etcd)),
        links=left.links,
        etcd_dir=cluster.etcd.data_dir,
        binary="crio" if cluster.runtime.unit == "crio.service" else "containerd",
        ports=_ports(cluster, node),
        tools=sorted({name for tool in tools.tools(cluster, node) for name in tool.names}),
        second=dual_stack.asks(cluster, node),
    )


def _ports(cluster: Cluster, node: Node) -> tuple[int, ...]:
    if not node.is_control_plane:
        return (10250,)
    stacked = (2379, 2380) if cluster.etcd.external is None else ()
    return (cluster.api.bind_port, 10250, 10257, 10259, *stacked)


def is_ours(view: View[Any]) -> bool:
    """Whether the marker, or else the cluster's CA, shows that the node is the cluster's.

    The CA is that of the live cluster, or of the operator's kubeconfig. ``view.facts`` has both.
    """
    facts = view.facts
    if facts.marker:
        return bool(facts.marker == view.cluster.name)
    ca = "".join(f"{line}\n" for line in facts.ca)
    return bool(ca) and ca in {view.ca, view.local.kubeconfig_ca}


def plan(view: View[Facts]) -> Iterator[Action]:
    """Record the cluster's name on the node, by which later runs identify it."""
    if view.facts.marker != view.cluster.name:
        yield PutFile(
            why="the node is not marked yet",
            path=node_paths.CLUSTER_NAME,
            body=f"{view.cluster.name}\n",
            mode=0o600,
            effect={"marker": view.cluster.name},
        )
    if not view.facts.recorded:
        yield PutFile(
            why="reset retains what existed before",
            path=node_paths.BEFORE,
            body="".join(f"{line}\n" for line in (*view.facts.folder, *view.facts.older)),
            mode=0o600,
            effect={"recorded": True},
        )


def check(view: View[Facts]) -> Iterator[KbError]:
    """All reasons why the node is not fit."""
    if view.facts.restoring:
        message = f"the control plane's manifests are in {node_paths.ETCD_RESTORE}/manifests"
        yield RefusedError(codes.RESTORE_BEGUN, message)
    for name in view.facts.orphan:
        yield RefusedError(
            codes.ORPHAN_RUN,
            f"kbootstrap-{name}.service is running without its record {node_paths.RUNS}/{name}",
            detail=f"systemctl stop kbootstrap-{name}.service",
        )
    yield from _foreign(view)
    yield from _unfit(view)
    yield from _unfit_fresh(view)


def clock(facts: Mapping[str, Any]) -> int:
    """The node's clock when it was probed, in seconds since 1970; 0 if it was not asked."""
    found: Facts = facts.get(PHASE.id) or Facts()
    return found.clock


def belongs_elsewhere(cluster: str) -> RefusedError:
    """The refusal of a node that has the record of another cluster."""
    message = f"the node belongs to cluster {cluster!r} ({node_paths.CLUSTER_NAME})"
    return RefusedError(codes.FOREIGN_CLUSTER, message)


def _foreign(view: View[Facts]) -> Iterator[KbError]:
    facts, ours = view.facts, view.cluster.name
    if facts.marker and facts.marker != ours:
        yield belongs_elsewhere(facts.marker)
    elif facts.holds_cluster and not facts.marker and not _same_ca(view):
        yield RefusedError(
            codes.FOREIGN_CLUSTER,
            f"the node holds a cluster that is not {ours!r}",
            detail=_held(facts),
        )
    elif facts.ca and view.ca and not _same_ca(view):
        yield RefusedError(
            codes.FOREIGN_CLUSTER,
            f"the node's CA (/etc/kubernetes/pki/ca.crt) is not the one of {ours!r} "
            f"on {view.control_plane}",
        )


def _same_ca(view: View[Facts]) -> bool:
    return bool(view.ca) and view.facts.ca_pem == view.ca


def _held(facts: Facts) -> str:
    found = {
        "/etc/kubernetes/kubelet.conf": facts.member,
        "/etc/kubernetes/manifests/kube-apiserver.yaml": facts.control_plane,
        "etcd data": facts.etcd_data,
    }
    return "found: " + ", ".join(name for name, there in found.items() if there)


def _unfit(view: View[Facts]) -> Iterator[KbError]:
    facts = view.facts
    if facts.uid != 0:
        yield PhaseError(codes.NOT_ROOT, f"scripts run as uid {facts.uid}, not root")
    if not facts.systemd or facts.arch not in ARCHES:
        yield PhaseError(
            codes.UNSUPPORTED_HOST,
            f"the host is {facts.arch}, {'with' if facts.systemd else 'without'} systemd",
        )
    if not facts.runtime:
        yield PhaseError(codes.RUNTIME_MISSING, f"{view.cluster.runtime.type} is not installed")
    if lacks := tools.lacking(view.cluster, view.node, facts.lacks, joined=facts.member):
        yield PhaseError(codes.TOOLS_MISSING, f"not installed: {', '.join(lacks)}")
    if abs(facts.clock - view.now) > MAX_SKEW:
        yield PhaseError(
            codes.CLOCK_SKEW,
            f"its clock differs from the workstation's by {facts.clock - view.now:+d} s",
        )


def _unfit_fresh(view: View[Facts]) -> Iterator[KbError]:
    """Requirements of nodes on which Kubernetes is yet to be installed."""
    facts, node = view.facts, view.node
    if facts.member:
        return
    for path, free, least in (
        ("/var", facts.var_kib, MIN_VAR_KIB),
        ("/etc", facts.etc_kib, MIN_ETC_KIB),
    ):
        if free < least:
            yield PhaseError(
                codes.DISK_FULL, f"{path} has {free // 1024} MiB free, {least // 1024} are required"
            )
    if facts.taken:
        yield PhaseError(codes.PORT_TAKEN, f"in use: port {', '.join(facts.taken)}")
    yield from dual_stack.check(view.cluster, node, facts.address)
    ignored = {*node.ignore_preflight, *view.cluster.kubeadm.ignore_preflight}
    if node.is_control_plane and facts.mem_mib < MIN_CONTROL_PLANE_MIB and "Mem" not in ignored:
        yield PhaseError(
            codes.TOO_SMALL, f"{facts.mem_mib} MiB of memory, {MIN_CONTROL_PLANE_MIB} are required"
        )


def drift(view: View[Facts]) -> Iterator[Difference]:
    """Address and port of the API server, which the joined nodes use."""
    facts = view.facts
    return serving(view.cluster, view.node, facts.serves_address, facts.port)


PHASE = Phase(
    id="identity",
    title="Identity and fitness",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    drift=drift,
    shared=True,
)
