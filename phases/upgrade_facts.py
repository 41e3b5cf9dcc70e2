"""What an upgrade finds on a node, and whether it may begin there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes
from kbootstrap.components import CONTROL_PLANE
from kbootstrap.engine.phase import View
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model import skew
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases import init, runtime

# Where a kubelet's flags may stand; the last is a pattern.
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
        run: state of this version's detached kubeadm upgrade.
        kubelet: version of the program in its place.
        flag: "flag path" of those that the new kubelet would not start with.
        cgroup_v1: this machine has no cgroup v2.

    """

    run: str = "none"
    kubelet: str = ""
    flag: tuple[str, ...] = ()
    cgroup_v1: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneFacts(Facts):
    """Of a control plane also "version name" of each static pod's manifest."""

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
    """The release this step is for."""
    return str(view.cluster.version)


def running(view: View[Facts]) -> str:
    """The version of the kubelet that runs, as the API knows it."""
    node = view.api.node(view.node.name)
    return node.kubelet_version if node else ""


def check(view: View[Any]) -> Iterator[KbError]:
    """The node is the cluster's, and the new kubelet would start on it."""
    node, wanted = view.node, view.cluster.version
    yield from runtime.check(view)
    if view.api.reachable and view.api.node(node.name) is None:
        yield RefusedError(codes.NOT_MEMBER, f"the API knows no node {node.name}")
    refused = view.facts.cgroup_v1 and wanted.minor >= skew.CGROUP_V2_ONLY
    if refused and not _keeps_cgroup_v1(view):
        yield RefusedError(
            codes.NO_CGROUP_V2, f"it has cgroup v1, which the kubelet of {wanted} refuses"
        )


def _keeps_cgroup_v1(view: View[Any]) -> bool:
    """The live configuration says so, or a patch of ours does."""
    if view.api.kubelet_config.data.get("failCgroupV1") is False:
        return True
    return any("failCgroupV1" in text for text in view.inputs.patches.values())
