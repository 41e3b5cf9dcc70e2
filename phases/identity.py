"""Checks that a node is fit and not part of another cluster, and marks it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes, distro, node_paths
from kbootstrap.action import Action, PutFile
from kbootstrap.drift import serving
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.host_facts import HostFacts
from kbootstrap.render import render
from phases import dual_stack, ownership, tools
from phases.install import leftovers

MAX_SKEW = 60  # seconds; with more skew certificates and tokens fail
MIN_VAR_KIB, MIN_ETC_KIB = 1024 * 1024, 4 * 1024
MIN_CONTROL_PLANE_MIB = 1700  # kubeadm's Mem check


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(ownership.Record):
    """What templates/identity/probe.sh.j2 prints."""

    uid: int = -1
    folder: tuple[str, ...] = ()  # those of `Leftovers.shared` that are there
    older: tuple[str, ...] = ()  # files and links there, while they are still to be recorded
    recorded: bool = False  # the files that existed before are recorded
    orphan: tuple[str, ...] = ()  # detached runs of kbootstrap whose record is missing
    member: bool = False  # kubelet.conf exists
    control_plane: bool = False  # the API server's static pod exists
    serves_address: str = ""  # the advertise address in its manifest
    port: int = 0  # the port in its manifest
    etcd_data: bool = False
    var_kib: int = 0
    etc_kib: int = 0
    runtime: bool = False  # its binary is installed
    restoring: bool = False  # the static pod manifests are moved aside for an etcd restore
    lacks: tuple[str, ...] = ()  # tools of `phases.tools` that are not in PATH
    address: tuple[str, ...] = ()  # of the node; only probed if it needs a second one
    rotating: bool = False  # `certs rotate-ca` was started and has not ended
    taken: tuple[str, ...] = ()  # ports in use; only probed on a node without Kubernetes

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
        ca=ownership.CA_FILE,
        before=node_paths.BEFORE,
        restore=node_paths.ETCD_RESTORE,
        rotation=node_paths.CA_ROTATION,
        folders=dict.fromkeys((*left.shared, *etcd)),
        emptied=dict.fromkeys((*left.emptied, *etcd)),
        links=left.links,
        etcd_dir=cluster.etcd.data_dir,
        binary=_binary(cluster),
        ports=_ports(cluster, node),
        tools=sorted({name for tool in tools.tools(cluster, node) for name in tool.names}),
        second=dual_stack.asks(cluster, node),
    )


def _binary(cluster: Cluster) -> str:
    return "crio" if cluster.runtime.unit == "crio.service" else "containerd"


def _ports(cluster: Cluster, node: Node) -> tuple[int, ...]:
    if not node.is_control_plane:
        return (10250,)
    stacked = (2379, 2380) if cluster.etcd.external is None else ()
    return (cluster.api.bind_port, 10250, 10257, 10259, *stacked)


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


def check(view: View[Facts]) -> Iterator[Finding]:
    """All reasons why the node is not fit."""
    if view.facts.restoring:
        message = f"the control plane's manifests are in {node_paths.ETCD_RESTORE}/manifests"
        yield Finding(codes.RESTORE_BEGUN, message)
    yield from rotating(view.facts)
    for name in view.facts.orphan:
        yield Finding(
            codes.ORPHAN_RUN,
            f"kbootstrap-{name}.service is running without its record {node_paths.RUNS}/{name}",
            detail=f"systemctl stop kbootstrap-{name}.service",
        )
    yield from foreign(view)
    yield from _lost(view)
    yield from _unfit(view)
    yield from _unfit_fresh(view)


def rotating(facts: Facts) -> Iterator[Finding]:
    """The refusal of a node on which the CAs are being replaced."""
    if facts.rotating:
        message = f"{node_paths.CA_ROTATION} has the old and the new CAs"
        yield Finding(codes.CA_ROTATION, message)


def foreign(view: View[Any]) -> Iterator[Finding]:
    """The refusal of a node that is of another cluster, or of one without kbootstrap's record."""
    refusals = [*ownership.foreign(view)]
    yield from refusals
    if not refusals and view.facts.holds_cluster and not ownership.is_ours(view):
        yield Finding(
            codes.FOREIGN_CLUSTER,
            f"the node holds a cluster without a record of kbootstrap ({node_paths.CLUSTER_NAME})",
            detail=_held(view.facts),
        )


def _lost(view: View[Facts]) -> Iterator[Finding]:
    """Refuse to make a cluster where the inventory says that there is one."""
    wanted, first = view.cluster.ca_hash, view.node == view.cluster.first
    if wanted and first and not view.control_plane and not view.facts.ca:
        yield Finding(
            codes.DAMAGED,
            f"no control plane has the cluster with the CA {wanted} (cluster.ca_hash), and"
            " kubeadm init would make another one",
            detail=f"restore {ownership.CA_FILE} and the data of etcd from a backup,"
            " or remove cluster.ca_hash from the inventory",
        )


def _held(facts: Facts) -> str:
    found = {
        "/etc/kubernetes/kubelet.conf": facts.member,
        "/etc/kubernetes/manifests/kube-apiserver.yaml": facts.control_plane,
        "etcd data": facts.etcd_data,
    }
    return "found: " + ", ".join(name for name, there in found.items() if there)


def _unfit(view: View[Facts]) -> Iterator[Finding]:
    facts, host = view.facts, view.host
    if facts.uid != 0:
        yield Finding(codes.NOT_ROOT, f"scripts run as uid {facts.uid}, not root")
    if not host.systemd or not host.arch:
        yield Finding(
            codes.UNSUPPORTED_HOST,
            f"the host is {host.machine}, {'with' if host.systemd else 'without'} systemd",
        )
    yield from _uninstalled(view)
    yield from skew(host, view.now)


def skew(host: HostFacts, now: int) -> Iterator[Finding]:
    """The refusal of a node whose clock is not the workstation's (``now``)."""
    if abs(host.clock - now) > MAX_SKEW:
        yield Finding(
            codes.CLOCK_SKEW,
            f"its clock differs from the workstation's by {host.clock - now:+d} s; "
            f"{host.time_service or 'no time service'} runs there",
        )


def _uninstalled(view: View[Facts]) -> Iterator[Finding]:
    """The runtime and the tools that are missing, with the command that installs them."""
    facts, runtime = view.facts, view.cluster.runtime.type
    if not facts.runtime:
        yield Finding(
            codes.RUNTIME_MISSING,
            f"{runtime} is not installed",
            next_step=_install(view, [_binary(view.cluster)]),
        )
    if lacks := tools.lacking(view.cluster, view.node, facts.lacks, joined=facts.member):
        yield Finding(
            codes.TOOLS_MISSING,
            f"not installed: {', '.join(tool.text for tool in lacks)}",
            next_step=_install(view, [tool.names[0] for tool in lacks]),
        )


def _install(view: View[Facts], commands: Iterable[str]) -> str:
    """The next step for missing ``commands``; empty if the node's distribution is unknown."""
    command = distro.install_command(view.host, commands)
    again = "then run the same command again. Nothing was changed on the node."
    return f"On {view.node.name}: {command}; {again}" if command else ""


def _unfit_fresh(view: View[Facts]) -> Iterator[Finding]:
    """Requirements of nodes on which Kubernetes is yet to be installed."""
    facts, node = view.facts, view.node
    if facts.member:
        return
    for path, free, least in (
        ("/var", facts.var_kib, MIN_VAR_KIB),
        ("/etc", facts.etc_kib, MIN_ETC_KIB),
    ):
        if free < least:
            yield Finding(
                codes.DISK_FULL, f"{path} has {free // 1024} MiB free, {least // 1024} are required"
            )
    if facts.taken:
        yield Finding(codes.PORT_TAKEN, f"in use: port {', '.join(facts.taken)}")
    yield from dual_stack.check(view.cluster, node, facts.address)
    ignored = {*node.ignore_preflight, *view.cluster.kubeadm.ignore_preflight}
    memory = view.host.memory_mib
    if node.is_control_plane and 0 < memory < MIN_CONTROL_PLANE_MIB and "Mem" not in ignored:
        yield Finding(
            codes.TOO_SMALL, f"{memory} MiB of memory, {MIN_CONTROL_PLANE_MIB} are required"
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
