"""Everything kbootstrap renders, as file name -> text; the golden files hold it.

Groups: kubeadm's configuration for every supported release, the runtimes' files, the
host's files, and for sample nodes each script a plan would run, in order.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from kbootstrap import components, kubeadm
from kbootstrap.action import Action, Detached, HostAction, PutTemplate
from kbootstrap.engine import host_probe
from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.engine.planner import make_plan
from kbootstrap.engine.probe import LOCK, first_parts
from kbootstrap.lock.record import PATH, read_script, swap_script
from kbootstrap.model.cluster import Cluster, Node, Runtime, RuntimeType
from kbootstrap.model.document import Document
from kbootstrap.model.etcd import EtcdMember
from kbootstrap.model.load import load
from kbootstrap.model.observed import NOTHING, Observed, ObservedNode
from kbootstrap.model.versions import NEWEST_MINOR, OLDEST_MINOR, Version
from kbootstrap.resources import data_path
from kbootstrap.runtime import containerd, crio
from phases import (
    certificates,
    certs_renew,
    cni_bridge,
    control_plane,
    control_plane_config,
    control_plane_repair,
    endpoint,
    endpoint_files,
    etcd_restore,
    host,
    init,
    join,
    kubelet,
    reset,
    reset_clean,
    upgrade_facts,
    upgrade_prepare,
    upgrade_repair,
    workflows,
)
from phases import runtime as runtime_phase
from tests.laws.clusters import CA, NAMES, SWAPPING_HOST, cluster, from_text, workstation

MINORS = tuple(range(OLDEST_MINOR, NEWEST_MINOR + 1))
PATCH = {34: 2}  # of the real kubeadm in the lab; 0 for other minors
Files = Iterator[tuple[str, str]]

_RICH = """\
cluster: {name: demo}
kubernetes: {version: VERSION}
api: {endpoint: "api.example.org:6443", cert_sans: [192.0.2.5]}
nodes:
  - {name: cp1, address: 192.0.2.11, role: control-plane, ignore_preflight: [Mem]}
  - {name: cp2, address: 192.0.2.12, role: both}
  - name: w1
    address: 192.0.2.21
    role: worker
    taints: ["example.org/disks=nvme:NoSchedule"]
    kubelet_args: {max-pods: "50"}
registry: {image_repository: "registry.example.org:5000/k8s", dns_tag: v1.11.1}
etcd: {data_dir: /srv/etcd}
kubeadm:
  extra_args:
    api_server: {audit-log-maxage: "30", audit-log-path: /var/log/audit.log}
    controller_manager: {v: "4"}
    scheduler: {v: "4"}
    etcd: {quota-backend-bytes: "8589934592"}
  ignore_preflight: [NumCPU]
  patches: patches
  skip_phases: [wait-control-plane]
  timeouts: {control_plane: 5m}
kubelet: {evictionHard: {memory.available: 200Mi}}
kube_proxy: {mode: ipvs}
"""
_EXTERNAL = """\
etcd:
  external:
    endpoints: ["https://192.0.2.41:2379"]
    ca_file: /etc/etcd/ca.crt
    cert_file: /etc/etcd/client.crt
    key_file: /etc/etcd/client.key
"""
_DUAL_STACK = """\
network:
  pod_cidr: [10.244.0.0/16, "fd00:10:244::/56"]
  service_cidr: [10.96.0.0/12, "fd00:10:96::/112"]
"""
_VARIANTS = {
    "external-etcd": re.sub("(?m)^(etcd: .*|    etcd: .*)\n", "", _RICH) + _EXTERNAL,
    "no-addons": re.sub("(?m)^kube_proxy: .*\n", "", _RICH)
    + "addons: {dns: false, kube_proxy: false}\n",
    "dual-stack": re.sub(
        r"address: 192\.0\.2\.([12]\d)(,|\n   )",
        r'address: 192.0.2.\1\2 second_address: "2001:db8::\1"\2',
        _RICH,
    )
    + _DUAL_STACK,
}


def release(minor: int) -> str:
    """The release the files of a minor are for."""
    return f"v1.{minor}.{PATCH.get(minor, 0)}"


def kubeadm_files() -> Files:
    """Init and join configuration for every supported minor, and variants for both APIs."""
    for minor in MINORS:
        rich = from_text(_RICH.replace("VERSION", release(minor)))
        cp1, cp2, w1 = rich.nodes
        yield f"v1.{minor}/init.yaml", kubeadm.init_config(rich, cp1)
        yield f"v1.{minor}/join-control-plane.yaml", kubeadm.join_config(rich, cp2)
        yield f"v1.{minor}/join-worker.yaml", kubeadm.join_config(rich, w1)
        key = kubeadm.init_config(rich, cp1, certificate_key="@@certificate_key@@")
        yield f"v1.{minor}/upload-certs.yaml", key
    for name, text in _VARIANTS.items():
        for minor in (30, 34):
            variant = from_text(text.replace("VERSION", release(minor)))
            yield f"v1.{minor}/init-{name}.yaml", kubeadm.init_config(variant, variant.first)


_MIRRORS = """\
cluster: {name: demo}
kubernetes: {version: v1.34.2}
nodes: [{name: n1, address: 192.0.2.11, role: both}]
registry:
  mirrors:
    - {host: docker.io, endpoints: ["https://mirror.example.org/hub"], ca_file: /etc/ssl/ca.pem}
    - {host: "192.0.2.1:5000", insecure: true}
"""


def runtime_files() -> Files:
    """Containerd 1 and 2, cri-o, and their registries."""
    known = from_text(_MIRRORS)
    yield "containerd-1-config.toml", containerd.config(known, 1)
    yield "containerd-2-config.toml", containerd.config(known, 2)
    for mirror in known.images.mirrors:
        name = mirror.host.replace(":", "_")
        yield f"hosts-{name}.toml", containerd.hosts_toml(mirror)
    known = replace(known, runtime=Runtime(type=RuntimeType.CRIO))
    yield "crio.conf", crio.drop_in(known)
    yield "crio-registries.conf", crio.registries(known)


def host_files() -> Files:
    """What else is written on every node."""
    known = cluster("single")
    for path, text in kubelet.texts(known, packaged=False):
        yield Path(path).name, text
    yield "modules.conf", host.modules_text()
    yield "sysctl.conf", host.sysctl_text(known)
    yield "sysctl-dual-stack.conf", host.sysctl_text(cluster("dual-stack"))
    yield "pod-network.sh", cni_bridge.script_text(known, known.first)
    yield "pod-network.service", cni_bridge.unit_text()
    yield "bridge.conflist", cni_bridge.conflist_text("10.244.1.0/24")
    yield "probe.sh", f"{HEAD}# the facts about a host\n{host_probe.part().script}\n"


def lock_files() -> Files:
    """What reads and changes the lock's record."""
    yield "read.sh", HEAD + read_script()
    yield "gate.sh", HEAD + read_script(gate=True)
    for name, seen, stamp, record in (
        ("take", "", None, '{"run": "r1"}'),
        ("take-over", '{"run": "it\'s old"}', "1700000000", '{"run": "r1"}'),
        ("free", '{"run": "r1"}', None, ""),
    ):
        text = f"write {PATH} (0600)" if record else f"remove {PATH}"
        yield f"{name}.sh", f"{HEAD}# {text}\n{swap_script(seen, stamp, record)}"


# A node with nothing but containerd 1.6 on it, and one whose init or join was cut short.
_KEYS = tuple(key for key, _ in host.sysctls(cluster("single")))
_FRESH: Mapping[type, object] = {
    host.Facts: host.Facts(missing_module=host.MODULES, wrong_sysctl=_KEYS),
    runtime_phase.Facts: runtime_phase.Facts(version="1.6.20", active=True, enabled=True),
}
_CUT_SHORT: Mapping[type, object] = {
    init.Facts: init.Facts(run="failed", begun=True),
    join.Facts: join.Facts(run="lost", begun=True),
}
_MEMBER: Mapping[type, object] = {
    reset.Present: reset.Present(kubernetes=True, kubeadm=True, marker="ha"),
    reset_clean.Left: reset_clean.Left(
        marker="ha",
        left=("files in /etc/kubernetes",),
        was=("sysctl net.ipv4.ip_forward 0", "swap /dev/sda2 on"),
    ),
}
_DATA_LOST: Mapping[type, object] = {
    etcd_restore.Running: etcd_restore.Running(running=("etcd",)),
    etcd_restore.Data: etcd_restore.Data(image="registry.k8s.io/etcd:3.6.4-0"),
}
# A node of the release before, and a control plane whose upgrade was cut off.
_MANIFESTS = tuple(f"v1.34.2 {name}" for name in components.CONTROL_PLANE)
_COPY = "/etc/kubernetes/tmp/kubeadm-backup-manifests-2026-01-02-03-04-05/etcd.yaml"
_FLAG = "pod-infra-container-image /var/lib/kubelet/kubeadm-flags.env"
_OLD: Mapping[type, object] = {
    upgrade_repair.Facts: upgrade_repair.Facts(missing=(f"{_COPY} etcd",)),
    upgrade_prepare.Facts: upgrade_prepare.Facts(kubeadm="v1.34.2", serves="v1.34.2"),
    upgrade_facts.Facts: upgrade_facts.Facts(
        version="1.6.20", active=True, kubelet="v1.34.2", flag=(_FLAG,)
    ),
    upgrade_facts.PlaneFacts: upgrade_facts.PlaneFacts(
        version="1.6.20", active=True, kubelet="v1.34.2", flag=(_FLAG,), pod=_MANIFESTS
    ),
}
# A control plane that runs with other settings than the inventory's.
_SETTINGS: Mapping[type, object] = {
    control_plane.Facts: control_plane.Facts(
        arg=("kube-apiserver --v=2", "kube-scheduler --v=2", "etcd --log-level=info"),
        image=("kube-apiserver registry.k8s.io/kube-apiserver:v1.34.2",),
        san=("kubernetes",),
    ),
    control_plane.Interrupted: control_plane.Interrupted(open=("certificate", "kube-apiserver")),
}
# All certificates have expired; the text is that of no certificate, which counts as expired.
_NONE = "bm9uZQ=="
_EXPIRED: Mapping[type, object] = {
    certs_renew.Facts: certs_renew.Facts(
        certificate=(
            *(f"{path} {_NONE}" for path in certificates.RENEWED),
            f"{certificates.KUBELET_CLIENT} {_NONE}",
        ),
        key=certs_renew.AUTHORITIES,
    ),
    certificates.Facts: certificates.Facts(certificate=(f"{certificates.KUBELET_CLIENT} {_NONE}",)),
}
# Nodes of a cluster whose endpoint moves.
_MOVES: Mapping[type, object] = {
    endpoint_files.Facts: endpoint_files.Facts(
        server=("admin.conf https://192.0.2.11:6443", "kubelet.conf https://192.0.2.11:6443")
    )
}
_UP = Observed(
    reachable=True,
    nodes=(ObservedNode(name="w1", ready=True),),
    etcd=(EtcdMember(id="17", name="cp2", peer_url="https://192.0.2.12:2380", healthy=True),),
)
_OLD_API = Observed(
    reachable=True,
    ready=True,
    nodes=tuple(
        ObservedNode(name=name, ready=True, kubelet_version="v1.34.2")
        for name in ("cp1", "cp2", "w1")
    ),
)
_OTHER_ENDPOINT = replace(
    _OLD_API,
    kubeadm_config=Document.of({"controlPlaneEndpoint": "192.0.2.11:6443"}),
    cluster_info="192.0.2.11:6443",
)


def plan_files() -> Files:
    """Every probe and every action's script for nodes of the starter inventories."""
    single, ha = (load(data_path("inventory") / f"{name}.yaml") for name in ("single", "ha"))
    cut = (init.PHASE, join.CONTROL_PLANE, join.WORKER)
    yield "single-node1.sh", script(single, "node1", workflows.up(single), _FRESH, NOTHING)
    for name in ("cp1", "cp2", "w1"):
        yield f"ha-{name}.sh", script(ha, name, workflows.up(ha), _FRESH, NOTHING)
        yield f"ha-{name}-cut-short.sh", script(ha, name, cut, _CUT_SHORT, NOTHING)
    for name in ("cp2", "w1"):
        yield f"ha-{name}-reset.sh", script(ha, name, workflows.reset(ha), _MEMBER, _UP)
    for name, workflow in (
        ("snapshot", workflows.etcd_snapshot),
        ("restore", workflows.etcd_restore),
    ):
        yield f"ha-cp2-etcd-{name}.sh", script(ha, "cp2", workflow(ha), _DATA_LOST, NOTHING)
    newer = replace(ha, version=Version.parse("v1.35.1"))
    phases = (upgrade_repair.PHASE, *workflows.upgrade(newer))
    for name in ("cp1", "cp2", "w1"):
        yield f"ha-{name}-upgrade.sh", script(newer, name, phases, _OLD, _OLD_API)
    phases = (control_plane_repair.PHASE, control_plane.PHASE, control_plane_config.PHASE)
    changed = from_text(_RICH.replace("VERSION", "v1.34.2"))
    yield "rich-cp1-settings.sh", script(changed, "cp1", phases, _SETTINGS, _OLD_API)
    for name in ("cp1", "w1"):
        yield f"ha-{name}-certs.sh", script(ha, name, workflows.renew_certs(ha), _EXPIRED, NOTHING)
        yield f"ha-{name}-rotate.sh", script(ha, name, workflows.rotate_ca(ha), {}, _UP)
        phases = (endpoint.PHASE, endpoint_files.PHASE)
        yield f"rich-{name}-endpoint.sh", script(changed, name, phases, _MOVES, _OTHER_ENDPOINT)
    yield "ha-cp1-dismantle.sh", script(ha, "cp1", workflows.reset_all(ha), _MEMBER, NOTHING)


# Parts that are the same on every node; golden files of their own.
EVERYWHERE = frozenset({LOCK, host_probe.PART})

HEAD = """\
#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *
"""


def script(
    known: Cluster,
    name: str,
    phases: tuple[AnyPhase, ...],
    facts: Mapping[type, object],
    api: Observed,
) -> str:
    """The probes and the plan of one node as one readable, checkable shell script."""
    node = known.node(name)
    parts = [f"{HEAD}\n# {name} of cluster {known.name}, each part in a subshell of its own\n"]
    first = [p for p in first_parts(known, node, phases) if p.id not in EVERYWHERE]
    parts += [_part(p.id, p.script) for p in first]
    for step in plan(known, node, phases, facts, api):
        parts += [_action(step[0], action) for action in step[1]]
    return "\n".join(parts)


def plan(
    known: Cluster,
    node: Node,
    phases: tuple[AnyPhase, ...],
    facts: Mapping[type, object],
    api: Observed,
) -> Iterator[tuple[str, tuple[Action, ...]]]:
    """Phase and actions of each step."""

    def view(phase: AnyPhase, node: Node) -> View[object]:
        seen = facts.get(phase.facts) or phase.facts()
        return View(
            cluster=known,
            node=node,
            facts=seen,
            host=SWAPPING_HOST,
            api=api,
            control_plane=known.first.name if api.reachable else "",
            ca=CA if api.reachable else "",
            **workstation(known),
        )

    for step in make_plan(known, phases, [node], view).steps:
        yield step.phase.id, step.actions


def _action(phase: str, action: Action) -> str:
    if isinstance(action, PutTemplate):
        action = action.bound({name: f"@@{name}@@" for name in action.needs})
    if not isinstance(action, HostAction):
        return f"# ---- {phase}: {action.text} [not on this machine]\n"
    where = f" [on {action.host}]" if action.host else ""
    return _part(f"{phase}: {action.text}{where}", action.script())


def _part(title: str, text: str) -> str:
    return f"# ---- {title}\n(\n{text.rstrip()}\n)\n"


def detached() -> Iterator[str]:
    """The bodies of long commands, which stand quoted in the scripts above."""
    ha = load(data_path("inventory") / "ha.yaml")
    for node in ha.nodes[:4]:
        for facts, api in (
            (_FRESH, NOTHING),
            (_CUT_SHORT, NOTHING),
            (_MEMBER, _UP),
            (_DATA_LOST, NOTHING),
        ):
            for _, actions in plan(ha, node, workflows.every_phase(ha), facts, api):
                yield from (action.body for action in actions if isinstance(action, Detached))
        for _, actions in plan(ha, node, workflows.upgrade(ha), _OLD, _OLD_API):
            yield from (action.body for action in actions if isinstance(action, Detached))
    rich = from_text(_RICH.replace("VERSION", "v1.34.2"))
    for facts, api in ((_SETTINGS, _OLD_API), (_MOVES, _OTHER_ENDPOINT)):
        for node in rich.nodes:
            for _, actions in plan(rich, node, workflows.every_phase(rich), facts, api):
                yield from (action.body for action in actions if isinstance(action, Detached))


def parts() -> set[str]:
    """Every part of every script, also for the clusters the laws are tried on, each once."""
    texts = list(files("plans").values())
    texts += [
        script(cluster(name), node.name, workflows.up(cluster(name)), _FRESH, NOTHING)
        for name in NAMES
        for node in cluster(name).nodes
    ]
    return {f"# ---- {part}" for text in texts for part in text.split("\n# ---- ")[1:]}


_GROUPS = {
    "kubeadm": kubeadm_files,
    "runtime": runtime_files,
    "host": host_files,
    "lock": lock_files,
    "plans": plan_files,
}
GROUPS = tuple(_GROUPS)


@cache
def files(group: str) -> Mapping[str, str]:
    """The files of a group, by name."""
    return dict(_GROUPS[group]())
