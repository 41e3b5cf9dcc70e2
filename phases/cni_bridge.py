"""The built-in pod network for small flat networks: a bridge per node, no image, no agent.

Each node gets a conflist for its pod CIDR and a oneshot unit. The unit routes the pod range to
the node's own link and enables proxy ARP, so that each node answers ARP for its pods. Unlike
routes to every node, this lets ``join node3`` change node3 only. IPv4, one layer-2 network.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, AwaitPodCidr, PutFile, PutTemplate, Unit
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.node_paths import CNI_CONFIG_DIR, STATE_DIR
from kbootstrap.render import render, sha256

CONFLIST = f"{CNI_CONFIG_DIR}/10-kbootstrap.conflist"
SCRIPT = f"{STATE_DIR}/pod-network.sh"
UNIT_NAME = "kbootstrap-pod-network.service"
UNIT = f"/etc/systemd/system/{UNIT_NAME}"
BRIDGE = "cni0"
ADDRESSES = "/run/cni-ipam-state"  # which pod has which; not valid after a reboot


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/cni/probe.sh.j2 prints."""

    conflist: str = ""  # sha256
    script: str = ""  # sha256
    unit: str = ""  # sha256
    enabled: bool = False
    up: bool = False  # route and proxy ARP are active


def conflist_text(pod_cidr: str) -> str:
    """The CNI configuration for a node's range, which may be a placeholder."""
    return render("cni/bridge.conflist.j2", pod_cidr=pod_cidr, bridge=BRIDGE, addresses=ADDRESSES)


def script_text(cluster: Cluster, node: Node) -> str:
    """The script that the unit runs."""
    return render(
        "cni/pod-network.sh.j2",
        address=node.advertise_address,
        pods=cluster.network.pod_cidrs[0],
        bridge=BRIDGE,
    )


def unit_text() -> str:
    """The oneshot unit."""
    return render("cni/pod-network.service.j2", script=SCRIPT)


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return render(
        "cni/probe.sh.j2",
        files=(("conflist", CONFLIST), ("script", SCRIPT), ("unit", UNIT)),
        unit=UNIT_NAME,
        address=node.advertise_address,
        pods=cluster.network.pod_cidrs[0],
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """Install the unit first, then the conflist, which makes the node Ready."""
    yield from _unit(view)
    facts = view.facts
    node = view.api.node(view.node.name)
    cidr = node.pod_cidrs[0] if node and node.pod_cidrs else ""
    if facts.conflist and (not cidr or facts.conflist == sha256(conflist_text(cidr))):
        return
    yield AwaitPodCidr(why="the conflist assigns its addresses", node=view.node.name)
    yield PutTemplate(
        why="the runtime has no network configuration",
        path=CONFLIST,
        body=conflist_text("@@pod_cidr@@"),
        needs=("pod_cidr",),
        mode=0o644,
        secret=False,
        effect={"conflist": sha256(conflist_text(cidr or "@@pod_cidr@@"))},
    )


def _unit(view: View[Facts]) -> Iterator[Action]:
    facts = view.facts
    script, unit = script_text(view.cluster, view.node), unit_text()
    new_script, new_unit = facts.script != sha256(script), facts.unit != sha256(unit)
    if new_script:
        yield PutFile(
            why="missing or different",
            path=SCRIPT,
            body=script,
            mode=0o755,
            effect={"script": sha256(script), "up": False},
        )
    if new_unit:
        yield PutFile(
            why="missing or different",
            path=UNIT,
            body=unit,
            effect={"unit": sha256(unit), "enabled": False, "up": False},
        )
    if new_unit or not facts.enabled:
        yield Unit(
            why="not started at boot", command="enable", name=UNIT_NAME, effect={"enabled": True}
        )
    if new_script or new_unit or not facts.up:
        yield Unit(
            why="the pod range is not routed",
            command="restart",
            name=UNIT_NAME,
            effect={"up": True},
        )


def _wanted(cluster: Cluster, node: Node) -> bool:
    del node
    return cluster.cni.type == "bridge"


def files(cluster: Cluster, node: Node) -> Iterator[tuple[str, str]]:
    """The unit's files, and the conflist with a placeholder for the node's pod CIDR."""
    yield SCRIPT, script_text(cluster, node)
    yield UNIT, unit_text()
    yield CONFLIST, conflist_text("@@pod_cidr@@")


def leaves(cluster: Cluster, node: Node) -> Leftovers:
    """What the unit and the plugins bridge, host-local and portmap make."""
    del cluster, node
    return Leftovers(
        units=(UNIT_NAME,),
        links=(BRIDGE,),
        chains=("CNI-",),
        volatile=(ADDRESSES,),
        directories=(CNI_CONFIG_DIR, "/etc/cni", "/var/lib/cni"),
    )


PHASE = Phase(
    id="cni-bridge",
    title="Pod network on the node",
    facts=Facts,
    probe=probe,
    plan=plan,
    files=files,
    leaves=leaves,
    on=_wanted,
    api=True,
)
