"""Strategies for what a phase may be shown: all its facts allow, and many states of the API.

Values come from the types of the fields. What a text or a tuple should be is found by
planning: it is what the effects of the phase's own actions say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any, get_type_hints

from hypothesis import strategies as st

from kbootstrap import kubeadm
from kbootstrap.components import STATIC_PODS
from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import Document
from kbootstrap.model.etcd import EtcdMember, Held
from kbootstrap.model.observed import (
    CONTROL_PLANE_LABEL,
    FOR_UPGRADE,
    NOTHING,
    Observed,
    ObservedNode,
    ObservedPod,
    PodReason,
    manifest_ref,
)
from kbootstrap.options import RunOptions
from kbootstrap.runtime import containerd
from phases import (
    certificates,
    cleanup,
    etcd_restore,
    etcd_snapshot,
    fitness,
    host,
    identity,
    init,
    kubeadm_config,
    kubelet,
    member,
    programs,
    reset,
    reset_clean,
    runtime,
    upgrade_facts,
    upgrade_prepare,
    upgrade_repair,
    workflows,
)
from tests.laws.certificates import encoded
from tests.laws.clusters import CA, NAMES, OTHER_CA, SNAPSHOT, cluster, inputs, workstation

PHASES: tuple[AnyPhase, ...] = tuple(
    {phase.id: phase for name in NAMES for phase in workflows.every_phase(cluster(name))}.values()
)
NOW = 1_000_000
NUMBERS = (0, NOW, 2 * 1024 * 1024)
RUNS = ("none", "running", "ok", "failed", "lost")
MAPS = ("kubeadm-config", "kubelet-config", "coredns", "kube-proxy")
MACHINE, BOOT = "5d0c7d4f", "7a7b"  # a machine-id and a boot-id
WORKLOAD = ("DaemonSet", "kube-system", "net")

Strategy = st.SearchStrategy[Any]
FLAGS = st.booleans()
Place = tuple[str, str]  # names of a cluster and one of its nodes; cheap to hash


def some(values: Iterable[str]) -> Strategy:
    """Any part of ``values``; of those that end in the same word, such as a path, one."""
    return _some(tuple(sorted(set(values))))


@cache
def _some(known: tuple[str, ...]) -> Strategy:
    ends = sorted({value.rsplit(" ", 1)[-1] for value in known})
    choices = [("", *(v for v in known if v.rsplit(" ", 1)[-1] == end)) for end in ends]
    one_each = st.tuples(*map(st.sampled_from, choices))
    return one_each.map(lambda chosen: tuple(filter(None, chosen)))


# Words of the probes that no effect contains, so that planning cannot tell them.
_WORDS: Mapping[tuple[type, str], Strategy] = {
    (identity.Facts, "arch"): st.sampled_from(("", "x86_64", "aarch64", "riscv64")),
    (identity.Facts, "ca"): st.sampled_from(
        ((), tuple(CA.splitlines()), tuple(OTHER_CA.splitlines()))
    ),
    (identity.Facts, "folder"): some(("/etc/cni/net.d", "/etc/cni")),
    (identity.Facts, "address"): some(("192.0.2.11", "2001:db8::11", "2001:db8::21")),
    (identity.Facts, "older"): some(("file 1:2 /etc/kubernetes/mine.yaml", "link cni0")),
    (identity.Facts, "orphan"): some(("init",)),
    (identity.Facts, "taken"): some(("6443", "10250")),
    (identity.Facts, "lacks"): some(("awk", "losetup", "conntrack")),
    (fitness.Facts, "lost_resolver"): st.sampled_from(("", "/etc/resolv.conf")),
    (fitness.Facts, "network"): some(("/etc/cni/net.d/10-flannel.conflist",)),
    (fitness.Facts, "range"): st.sampled_from(("", "10.244.1.0/24")),
    (fitness.Facts, "bridge"): some(("10.42.1.1/24", "10.244.1.1/24")),
    (fitness.Facts, "machine_id"): st.sampled_from(("", MACHINE)),
    (fitness.Facts, "boot_id"): st.sampled_from(("", BOOT)),
    (fitness.Facts, "blocked"): some(("192.0.2.11 6443 timed out", "192.0.2.13 2380 timed out")),
    (kubelet.Facts, "umask"): st.sampled_from(("", "0022", "0027")),
    (runtime.Facts, "umask"): st.sampled_from(("", "0022", "0027")),
    (host.Facts, "missing_module"): some(host.MODULES),
    (host.Facts, "wrong_sysctl"): some(
        ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables")
    ),
    (programs.Facts, "arch"): st.sampled_from(("", "amd64", "arm64")),
    (programs.Facts, "version"): some(("kubeadm v1.30.4", "kubelet v1.30.4")),
    (runtime.Facts, "version"): st.sampled_from(("", "1.6.20", "v2.1.0")),
    (init.Facts, "upgrading"): some(("v1.29.9", "v1.35.1")),
    (init.Facts, "here"): some(("/etc/kubernetes/kubelet.conf",)),
    (init.Progress, "here"): some(("/etc/kubernetes/kubelet.conf",)),
    (reset.Present, "marker"): st.sampled_from(("", "demo", "other")),
    (reset.Present, "ca"): st.sampled_from(((), tuple(CA.splitlines()))),
    (reset.Present, "unit"): some(("init", "images")),
    (reset.Present, "found"): some(("etcd data in /var/lib/etcd",)),
    (reset_clean.Left, "marker"): st.sampled_from(("", "demo", "other")),
    (reset_clean.Left, "ca"): st.sampled_from(((), tuple(CA.splitlines()))),
    (reset_clean.Left, "changed"): some(("replaced /etc/one", "created /etc/two")),
    (reset_clean.Left, "unrecorded"): some(("/etc/cni",)),
    (reset_clean.Left, "was"): some(("sysctl net.ipv4.ip_forward 0", "swap /dev/sda2 on")),
    (etcd_snapshot.Kept, "sha256"): st.sampled_from(("", "other", SNAPSHOT.sha256)),
    (etcd_restore.Running, "restored"): st.sampled_from(("", "other", SNAPSHOT.sha256)),
    (etcd_restore.Running, "marker"): st.sampled_from(("", "demo", "other")),
    (etcd_restore.Running, "peer"): st.sampled_from(("", "https://192.0.2.11:2380")),
    (etcd_restore.Running, "running"): some(STATIC_PODS),
    (etcd_restore.Data, "image"): st.sampled_from(("", "registry.k8s.io/etcd:3.6.4-0")),
    (etcd_restore.Aside, "aside"): some(STATIC_PODS[:2]),
    (etcd_restore.Serving, "aside"): some(STATIC_PODS[:2]),
    (upgrade_repair.Facts, "missing"): some(("/srv/copy/a.yaml etcd", "/srv/copy/b.yaml other")),
    (upgrade_repair.Facts, "lost"): some(("kube-apiserver",)),
    (upgrade_prepare.Facts, "arch"): st.sampled_from(("", "amd64", "arm64")),
    (certificates.Facts, "certificate"): st.sampled_from(
        ((), *((f"{certificates.ADMIN} {encoded(end)}",) for end in (NOW - 9, 99 * NOW)))
    ),
    **{
        (kind, name): words
        for kind in (upgrade_facts.Facts, upgrade_facts.PlaneFacts)
        for name, words in (
            ("version", st.sampled_from(("", "1.6.20", "v2.1.0"))),
            ("umask", st.sampled_from(("", "0022", "0027"))),
            ("flag", some(("container-runtime /etc/default/kubelet", "other /etc/other"))),
        )
    },
    (member.Facts, "damaged"): some(("/etc/kubernetes/admin.conf", "/etc/kubernetes/pki/ca.crt")),
    (member.Facts, "arg"): st.sampled_from(((), ("kubelet", "--v=4"))),
    (member.Facts, "flags"): st.sampled_from(("", 'KUBELET_KUBEADM_ARGS="--v=2"')),
    (member.Facts, "config"): st.sampled_from(((), ("maxPods: 50",), ("maxPods: 60",))),
    (reset_clean.Left, "left"): some(("files in /etc/kubernetes", "path /var/lib/kbootstrap")),
}

_OLD = {  # files that the inventory no longer wants
    kubeadm_config.PHASE.id: (f"old {kubeadm.PATCHES}/old.yaml",),
    runtime.PHASE.id: (f"old {containerd.CERTS}/old.example/hosts.toml",),
}


@cache
def values(phase: AnyPhase, field: str, place: Place) -> Strategy:
    """What a field of the phase's facts may hold on this node."""
    kind = get_type_hints(phase.facts)[field]
    if kind is bool:
        return FLAGS
    if kind is int:
        return st.sampled_from(NUMBERS)
    if field == "run":
        return st.sampled_from(RUNS)
    if (phase.facts, field) in _WORDS:
        return _WORDS[phase.facts, field]
    found = wanted(phase, place)[field]
    if kind is str:
        return st.sampled_from(("", "other", *found))
    return some(
        (*found, *_OLD.get(phase.id, ()), *(f"other {line.rsplit(' ', 1)[-1]}" for line in found))
    )


@cache
def wanted(phase: AnyPhase, place: Place) -> Mapping[str, tuple[str, ...]]:
    """Field -> the texts that the phase itself wants there, by its effects."""
    found: dict[str, set[str]] = {field.name: set() for field in fields(phase.facts)}
    for change in ({}, {"packaged": True}, {"version": "v2.1.0"}, {"arch": "amd64"}):
        known = {name: value for name, value in change.items() if name in found}
        if known and isinstance(getattr(phase.facts(), *known), tuple):
            continue
        for action in phase.plan(_bare(phase, place, phase.facts(**known))):
            for name, value in action.effect.items():
                if isinstance(value, str) and name in found:
                    found[name].add(value)
                elif isinstance(value, tuple):
                    found[name].update(value)
    return {name: tuple(sorted(texts)) for name, texts in found.items()}


def _bare(phase: AnyPhase, place: Place, facts: Any) -> View[Any]:
    known, node = at(place)
    seen = Observed(reachable=True) if phase.api else NOTHING
    return View(cluster=known, node=node, facts=facts, **workstation(known), api=seen)


def at(place: Place) -> tuple[Cluster, Node]:
    """The cluster and the node of these names."""
    return cluster(place[0]), cluster(place[0]).node(place[1])


@cache
def places(phase: AnyPhase) -> tuple[Place, ...]:
    """Every cluster and node the phase runs on."""
    return tuple(
        (name, node.name)
        for name in NAMES
        for node in cluster(name).nodes
        if phase.on(cluster(name), node)
    )


@st.composite
def views(draw: st.DrawFn, phase: AnyPhase) -> View[Any]:
    """A view of the phase."""
    return draw(_views_at(phase, draw(st.sampled_from(places(phase)))))


@st.composite
def _views_at(draw: st.DrawFn, phase: AnyPhase, place: Place) -> View[Any]:
    known, node = at(place)
    facts = {f.name: draw(values(phase, f.name, place)) for f in fields(phase.facts)}
    api = draw(_observed(known, rich=phase.api))
    return View(
        cluster=known,
        node=node,
        facts=phase.facts(**facts),
        api=api,
        control_plane=known.first.name if api.reachable else "",
        ca=CA if api.reachable else "",
        **workstation(
            known,
            kubeconfig_ca=draw(st.sampled_from(("", CA, OTHER_CA))),
            wipe=draw(st.sampled_from((None, Held(keys=0), Held(keys=298, nodes=("cp1",))))),
        ),
        options=RunOptions(
            force_drain=draw(FLAGS), restore_host=draw(FLAGS), destroy_cluster=draw(FLAGS)
        ),
        now=NOW,
    )


@st.composite
def changed(draw: st.DrawFn, phase: AnyPhase, field: str) -> tuple[View[Any], View[Any]]:
    """Two views that differ in one fact, or not at all."""
    place = draw(st.sampled_from(places(phase)))
    view = draw(_views_at(phase, place))
    facts: Any = view.facts
    before = getattr(facts, field)
    other = not before if isinstance(before, bool) else draw(values(phase, field, place))
    return view, replace(view, facts=replace(facts, **{field: other}))


def _own_pods(names: list[str]) -> list[tuple[ObservedPod, ...]]:
    """None, some that run, and one of each that does not."""
    kinds = ("kube-apiserver", "kube-proxy", "coredns")
    places = [(node, kind) for node in names for kind in kinds]
    return [
        (),
        *(
            tuple(ObservedPod(node=n, name=k, pod=f"{k}-{n}", reasons=why) for n, k in places)
            for why in ((), (PodReason(reason="ImagePullBackOff", container="kube-proxy"),))
        ),
    ]


@st.composite
def _observed(draw: st.DrawFn, known: Cluster, *, rich: bool) -> Observed:
    """Nothing before there is a cluster; then nodes, and what joins and resets leave."""
    if not draw(FLAGS):
        return NOTHING
    if not rich:
        return Observed(reachable=True)
    names = [node.name for node in known.nodes]
    alone = [known.first.name]  # as it is before any join
    version = draw(st.sampled_from(("", str(known.version), "v1.26.0")))
    manifests = inputs(known).manifests
    return Observed(
        reachable=True,
        ready=draw(FLAGS),
        nodes=tuple(draw(_node(known, name)) for name in draw(st.just(alone) | _part(names))),
        workloads=frozenset(draw(some(("coredns", "kube-proxy")))),
        config_maps=frozenset(draw(st.just(MAPS) | some(MAPS))),
        kubeadm_config=Document.of({"kubernetesVersion": version} if version else {}),
        kubelet_config=Document.of({"failCgroupV1": False} if draw(FLAGS) else {}),
        own_pods=draw(st.sampled_from(_own_pods(names))),
        token_owners=frozenset(draw(some((*names, cleanup.INIT)))),
        certs_uploaded=draw(FLAGS),
        busy=frozenset(draw(some(names))),
        applied=frozenset(draw(some(manifest_ref(one) for _, one in manifests))),
        rolled_out=frozenset([WORKLOAD] if draw(FLAGS) else []),
        etcd=draw(_etcd(known)),
    )


def _part(names: list[str]) -> Strategy:
    return st.tuples(*(st.sampled_from(((), (name,))) for name in names)).map(lambda t: sum(t, ()))


@st.composite
def _etcd(draw: st.DrawFn, known: Cluster) -> tuple[EtcdMember, ...] | None:
    if known.etcd.external is not None or draw(FLAGS):
        return None
    return tuple(
        EtcdMember(
            id=str(number),
            name=draw(st.sampled_from((node.name, ""))),
            peer_url=f"https://{node.address}:2380",
            healthy=draw(FLAGS),
            learner=draw(FLAGS),
        )
        for number, node in enumerate(known.control_planes, 1)
        if draw(FLAGS)
    )


@st.composite
def _node(draw: st.DrawFn, known: Cluster, name: str) -> ObservedNode:
    node = known.node(name)
    return ObservedNode(
        name=name,
        ready=draw(FLAGS),
        reason=draw(st.sampled_from(("", "cni plugin not initialized"))),
        unschedulable=draw(FLAGS),
        labels=(
            *((key, draw(st.sampled_from((value, "other")))) for key, value in node.labels),
            *([(CONTROL_PLANE_LABEL, "")] if draw(FLAGS) else []),
        ),
        taints=(node.taints or ()) if draw(FLAGS) else (),
        pod_cidrs=draw(st.sampled_from(((), ("10.244.1.0/24",)))),
        kubelet_version=draw(st.sampled_from((str(known.version), "v1.26.0"))),
        cordoned_by=draw(st.sampled_from(("", FOR_UPGRADE))),
        drained_by=draw(st.sampled_from(("", FOR_UPGRADE))),
        our_labels=draw(st.sampled_from(((), ("disks",), ("old",)))),
        our_taints=draw(st.sampled_from(((), ("a=b:NoSchedule",)))),
    )
