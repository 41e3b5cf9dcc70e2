"""What an upgrade prints before its plan: the versions now, differences, what to know."""

from collections.abc import Iterator, Mapping
from typing import Any

from kbootstrap import kubeadm
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.model import skew
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.observed import Observed
from kbootstrap.model.versions import Version
from phases import certificates, upgrade, upgrade_facts, upgrade_prepare

# Parts of the cluster's configuration that kubeadm retains through an upgrade.
_KEPT = (
    "imageRepository",
    "controlPlaneEndpoint",
    "networking",
    "apiServer",
    "controllerManager",
    "scheduler",
    "etcd",
    "dns",
    "proxy",
    "featureGates",
)


def table(
    nodes: tuple[Node, ...],
    probes: Mapping[str, ProbeResult],
    observed: Observed,
) -> list[tuple[str, ...]]:
    """Every version on every node; the first row is the head."""
    rows: list[tuple[str, ...]] = [("node", "kubeadm", "kubelet", "running", "static pods")]
    for node in nodes:
        facts = _facts(node, probes[node.name])
        program = probes[node.name].facts[upgrade_prepare.PHASE.id].kubeadm
        seen = observed.node(node.name)
        tags: dict[str, list[str]] = {}
        for line in facts.pod if isinstance(facts, upgrade_facts.PlaneFacts) else ():
            tag, _, name = line.partition(" ")
            tags.setdefault(tag, []).append(name.removeprefix("kube-"))
        pods = ", ".join(f"{tag} ({' '.join(names)})" for tag, names in sorted(tags.items()))
        running = seen.kubelet_version if seen else "?"
        rows.append((node.name, program or "?", facts.kubelet or "?", running, pods))
    return rows


def _facts(node: Node, result: ProbeResult) -> upgrade_facts.Facts:
    phase = upgrade.CONTROL_PLANE if node.is_control_plane else upgrade.WORKER
    found: upgrade_facts.Facts = result.facts[phase.id]
    return found


def notes(
    cluster: Cluster,
    nodes: tuple[Node, ...],
    probes: Mapping[str, ProbeResult],
    observed: Observed,
) -> Iterator[tuple[str, str]]:
    """Node, or an empty name, and what the user should know."""
    for line in drift(cluster, observed):
        yield "", f"the inventory differs from the cluster, whose value is retained: {line}"
    kind = str(cluster.runtime.type)
    for node in nodes:
        facts = _facts(node, probes[node.name])
        for note in skew.runtime_notes(cluster.version, kind, facts.version):
            yield node.name, note
        yield from _certificates(node, probes[node.name])
        if probes[node.name].host.cgroup == 1:
            yield node.name, "cgroup v1: Kubernetes will drop it; plan for cgroup v2"
        refused = set(skew.refused_flags(cluster.version.minor))
        for arg in node.kubelet_args:
            if arg.name in refused:
                yield (
                    node.name,
                    f"remove {arg.name} from kubelet_args: {cluster.version} refuses it",
                )


def _certificates(node: Node, result: ProbeResult) -> Iterator[tuple[str, str]]:
    facts = result.facts[certificates.PHASE.id]
    for ending in certificates.endings(facts, result.at):
        remedy = "this upgrade renews it" if ending.renewed else ending.remedy
        yield node.name, f"{ending.path} {ending.state}: {remedy}"


def drift(cluster: Cluster, observed: Observed) -> Iterator[str]:
    """Where the live kubeadm-config differs from the inventory, except for versions."""
    live = observed.kubeadm_config.data
    if not live:
        return
    wanted = kubeadm.cluster_configuration(cluster)
    for key in _KEPT:
        yield from _differences(key, wanted.get(key), live.get(key))


def _differences(path: str, wanted: Any, live: Any) -> Iterator[str]:
    """Only what the inventory sets is compared: kubeadm sets defaults for the rest."""
    if isinstance(wanted, dict):
        held = live if isinstance(live, dict) else {}
        for key, value in wanted.items():
            yield from _differences(f"{path}.{key}", value, held.get(key))
    elif wanted is not None and wanted != live:
        yield f"{path} is {_said(live)}, the inventory has {_said(wanted)}"


def _said(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(v, dict) and "name" in v for v in value):
        return ", ".join(f"{v['name']}={v.get('value', '')}" for v in value) or "nothing"
    return "unset" if value is None else str(value)


def further(later: tuple[Version, ...]) -> Iterator[str]:
    """The releases after this plan; their actions are planned when they are reached."""
    for version in later:
        yield (
            f"then {version}: the same again (backups, binaries, images; control planes one by "
            "one, then workers)"
        )
