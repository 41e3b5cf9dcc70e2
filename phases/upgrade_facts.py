"""Facts of a node for its upgrade, and whether it may start."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes
from kbootstrap.components import CONTROL_PLANE
from kbootstrap.engine.phase import View, fact, like
from kbootstrap.errors import Finding
from kbootstrap.model import skew
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases import init, runtime

# Files that may hold a kubelet's flags; the last is a pattern.
FLAG_FILES = (
    "/var/lib/kubelet/kubeadm-flags.env",
    "/etc/default/kubelet",
    "/etc/sysconfig/kubelet",
    "/etc/systemd/system/kubelet.service.d/*.conf",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(runtime.Facts):
    """What the probes of the runtime and templates/upgrade/probe.sh.j2 print.

    Attributes:
        run: state of the detached kubeadm upgrade to this version.
        kubelet: version of the installed binary.
        flag: "flag path" of flags with which the new kubelet does not start.

    """

    run: str = "none"
    kubelet: str = ""
    flag: tuple[str, ...] = fact(like(r"[a-z0-9-]+ .+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneFacts(Facts):
    """For a control plane also "version name" of each static pod's manifest."""

    pod: tuple[str, ...] = ()


def run_name(cluster: Cluster) -> str:
    """The detached run's name; each version has its own."""
    return f"{init.UPGRADES}{cluster.version}"


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return runtime.probe(cluster, node) + render(
        "upgrade/probe.sh.j2",
        run=run_name(cluster),
        manifests=CONTROL_PLANE if node.is_control_plane else (),
        flags=skew.refused_flags(cluster.version.minor),
        files=FLAG_FILES,
    )


def version(view: View[Facts]) -> str:
    """The target release."""
    return str(view.cluster.version)


def running(view: View[Facts]) -> str:
    """The version of the running kubelet, from the API."""
    node = view.api.node(view.node.name)
    return node.kubelet_version if node else ""


def check(view: View[Any]) -> Iterator[Finding]:
    """Refuse a node that is not in the cluster, or on which the new kubelet would not start."""
    node, wanted = view.node, view.cluster.version
    yield from runtime.check(view)
    if view.api.reachable and view.api.node(node.name) is None:
        yield Finding(codes.NOT_MEMBER, f"there is no Node {node.name} in the API")
    refused = view.host.cgroup == 1 and wanted.minor >= skew.CGROUP_V2_ONLY
    if refused and not _keeps_cgroup_v1(view):
        yield Finding(
            codes.NO_CGROUP_V2, f"the node has cgroup v1, which the kubelet of {wanted} refuses"
        )


def _keeps_cgroup_v1(view: View[Any]) -> bool:
    """Whether the live configuration or a patch sets failCgroupV1 to false."""
    if view.api.kubelet_config.data.get("failCgroupV1") is False:
        return True
    return any("failCgroupV1" in text for text in view.inputs.patches.values())
