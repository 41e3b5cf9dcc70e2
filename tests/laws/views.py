"""Strategies for what a phase may be shown: all its facts allow, and many states of the API.

Values come from the types of the fields. What a text or a tuple should be is found by
planning: it is what the effects of the phase's own actions say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any, get_type_hints

from hypothesis import strategies as st

from kbootstrap import components, kubeadm
from kbootstrap.components import STATIC_PODS
from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import Document
from kbootstrap.model.etcd import EtcdMember, Held
from kbootstrap.model.host_facts import UNKNOWN, HostFacts
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
    ca_rotation,
    ca_rotation_ends,
    ca_rotation_workers,
    certificates,
    certs_renew,
    cleanup,
    control_plane,
    control_plane_repair,
    endpoint,
    endpoint_files,
    etcd_restore,
    etcd_snapshot,
    fitness,
    host,
    identity,
    init,
    kubeadm_config,
    kubeconfig,
    kubelet,
    kubelet_config,
    member,
    ownership,
    programs,
    record,
    reset,
    reset_clean,
    runtime,
    upgrade_facts,
    upgrade_repair,
    workflows,
)
from tests.laws.certificates import encoded, signed
from tests.laws.clusters import (
    CA,
    FIT_HOST,
    NAMES,
    NOW,
    OTHER_CA,
    SNAPSHOT,
    SWAPPING_HOST,
    cluster,
    inputs,
    workstation,
)

PHASES: tuple[AnyPhase, ...] = tuple(
    {phase.id: phase for name in NAMES for phase in workflows.every_phase(cluster(name))}.values()
)
NUMBERS = (0, NOW, 2 * 1024 * 1024)
RUNS = ("none", "running", "ok", "failed", "lost")
MAPS = ("kubeadm-config", "kubelet-config", "coredns", "kube-proxy")
HOSTS = (
    UNKNOWN,
    FIT_HOST,
    replace(SWAPPING_HOST, machine="aarch64", cgroup=1, boot_id="7a7c"),
    HostFacts(machine="riscv64", machine_id="5d0c7d40", memory_mib=900),
)
PROXIES: tuple[dict[str, Any], ...] = ({}, {"mode": "ipvs"}, {"clusterCIDR": "10.9.0.0/16"})
KUBELETS: tuple[dict[str, Any], ...] = (
    {},
    {"failCgroupV1": False},
    {"maxPods": 60},
)
ENDPOINTS = ("old.example:6443", "127.0.0.1:7443")  # one on record, and one of the site's
RECORD = {"api": {"endpoints": [ENDPOINTS[0]]}}
RESTARTS = {"kube-proxy-endpoint": {"endpoint": "a.example:6443"}}
OF_THE_ENDPOINT = (endpoint.PHASE, endpoint_files.PHASE, kubeconfig.PHASE)
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


_PATHS = (
    certificates.ADMIN,
    certificates.CA,
    certificates.KUBELET_CLIENT,
    "/etc/kubernetes/scheduler.conf",
)

# A certificate that the CA ``CRT`` signed, and both CAs, as probes print them.
CRT, OTHER_CRT, LEAF = signed()

# Facts of the probes that no effect contains, so that planning cannot predict them.
_WORDS: Mapping[tuple[type, str], Strategy] = {
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
    (fitness.Facts, "blocked"): some(("192.0.2.11 6443 timed out", "192.0.2.13 2380 timed out")),
    (kubelet.Facts, "umask"): st.sampled_from(("", "0022", "0027")),
    (runtime.Facts, "umask"): st.sampled_from(("", "0022", "0027")),
    (host.Facts, "missing_module"): some(host.MODULES),
    (host.Facts, "wrong_sysctl"): some(
        ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables")
    ),
    (programs.Facts, "version"): some(("kubeadm v1.30.4", "kubelet v1.30.4")),
    (runtime.Facts, "version"): st.sampled_from(("", "1.6.20", "v2.1.0")),
    (init.Facts, "upgrading"): some(("v1.29.9", "v1.35.1")),
    (init.Facts, "here"): some(("/etc/kubernetes/kubelet.conf",)),
    (init.Progress, "here"): some(("/etc/kubernetes/kubelet.conf",)),
    **{
        (kind, "marker_ca"): st.sampled_from(("", *map(ownership.ca_hash, (CA, OTHER_CA))))
        for kind in (
            identity.Facts,
            record.Facts,
            reset.Present,
            reset_clean.Left,
            etcd_restore.Running,
        )
    },
    (etcd_restore.Running, "ca"): st.sampled_from(((), tuple(CA.splitlines()))),
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
    **{
        (kind, "certificate"): some(
            f"{encoded(end)} {path}" for path in _PATHS for end in (NOW - 9, 99 * NOW)
        ).map(lambda lines: tuple(" ".join(reversed(line.split(" "))) for line in lines))
        for kind in (certificates.Facts, certs_renew.Facts, certs_renew.Running)
    },
    **{
        (kind, "open"): some(("ca", "etcd/ca", "kubelet", "kubelet.conf"))
        for kind in (ca_rotation.Position, ca_rotation.Signed)
    },
    **{
        (kind, name): words
        for kind in (ca_rotation.Signed, ca_rotation_workers.Client)
        for name, words in (
            (
                "certificate",
                st.sampled_from(((), (f"{_PATHS[2]} {LEAF}",), (f"{_PATHS[2]} {CRT}",))),
            ),
            ("next", st.sampled_from(((), (f"ca {CRT}",), (f"ca {OTHER_CRT}",)))),
        )
    },
    (ca_rotation_ends.Begun, "key"): some(("ca", "front-proxy-ca", "etcd/ca")),
    (certs_renew.Facts, "key"): some(certs_renew.AUTHORITIES),
    (certs_renew.Facts, "stale"): some(components.CONTROL_PLANE[1:]),
    (certs_renew.Running, "stale"): some(components.CONTROL_PLANE[1:]),
    (certs_renew.Running, "stopped"): some(STATIC_PODS[:2]),
    **{
        (kind, name): words
        for kind in (upgrade_facts.Facts, upgrade_facts.PlaneFacts)
        for name, words in (
            ("version", st.sampled_from(("", "1.6.20", "v2.1.0"))),
            ("umask", st.sampled_from(("", "0022", "0027"))),
            ("flag", some(("container-runtime /etc/default/kubelet", "other /etc/other"))),
        )
    },
    (control_plane.Facts, "arg"): some(
        (
            "kube-apiserver --v=4",
            "kube-apiserver --profiling=false",
            "kube-scheduler --v=2",
            "etcd --name=cp1",
        )
    ),
    (control_plane.Facts, "image"): some(
        ("kube-apiserver a.example/kube-apiserver:v1.34.2", "etcd registry.k8s.io/etcd:3.6.4-0")
    ),
    (control_plane.Facts, "stale"): some(("kube-apiserver", "etcd")),
    (control_plane.Facts, "san"): st.sampled_from(((), ("kubernetes",), ("a.example", "10.0.0.1"))),
    **{
        (kind, name): some(("certificate", "kube-scheduler", "etcd"))
        for kind in (control_plane.Facts, control_plane_repair.PHASE.facts)
        for name in ("open", "busy")
    },
    (endpoint_files.Facts, "server"): some(
        ("admin.conf https://old.example:6443", "kubelet.conf https://old.example:6443")
    ),
    (member.Facts, "damaged"): some(("/etc/kubernetes/admin.conf", "/etc/kubernetes/pki/ca.crt")),
    (kubelet_config.Facts, "arg"): st.sampled_from(((), ("/usr/local/bin/kubelet", "--v=4"))),
    (kubelet_config.Facts, "flags"): st.sampled_from(
        tuple(f'KUBELET_KUBEADM_ARGS="{flag}"' for flag in ("--v=2", "--resolv-conf=/x"))
    ),
    (kubelet_config.Facts, "config"): st.sampled_from(((), ("maxPods: 60",))),
    (kubelet_config.Facts, "patch"): st.sampled_from(((), ("---", "maxPods: 60"))),
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
    if field in {"run", "trial"}:
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
    for change in ({}, {"packaged": True}, {"version": "v2.1.0"}):
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
    return View(
        cluster=known, node=node, facts=facts, host=FIT_HOST, **workstation(known), api=seen
    )


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
    if api.kubeadm_config and phase in OF_THE_ENDPOINT:
        api = draw(_with_endpoints(known, api))
    if api.reachable and phase.id.startswith("ca-"):
        ended = {"ca-rotation": {"finished": ownership.ca_hash(CA), "at": NOW}}
        api = replace(api, last_applied=Document.of(draw(st.sampled_from(({}, ended)))))
    return View(
        cluster=known,
        node=node,
        facts=phase.facts(**facts),
        host=draw(st.sampled_from(HOSTS)),
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
            tuple(
                ObservedPod(node=n, name=k, pod=f"{k}-{n}", reasons=why, older=k == "kube-proxy")
                for n, k in places
            )
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
        made_by_kubeadm=frozenset(draw(some(("coredns", "kube-proxy")))),
        kube_proxy_open=draw(FLAGS),
        kube_proxy_config=Document.of(draw(st.sampled_from(PROXIES))),
        config_maps=frozenset(draw(st.just(MAPS) | some(MAPS))),
        kubeadm_config=_stored(known, version),
        kubelet_config=Document.of(draw(st.sampled_from(KUBELETS))),
        last_applied=Document.of(
            draw(
                st.sampled_from(({}, {"kubelet": {"maxPods": 60}, "kube_proxy": {"mode": "ipvs"}}))
            )
        ),
        own_pods=draw(st.sampled_from(_own_pods(names))),
        token_owners=frozenset(draw(some((*names, cleanup.INIT)))),
        certs_uploaded=draw(FLAGS),
        busy=frozenset(draw(some(names))),
        applied=frozenset(draw(some(manifest_ref(one) for _, one in manifests))),
        rolled_out=frozenset([WORKLOAD] if draw(FLAGS) else []),
        etcd=draw(_etcd(known)),
    )


@st.composite
def _with_endpoints(draw: st.DrawFn, known: Cluster, api: Observed) -> Observed:
    """What names an endpoint of the API, and which the cluster has left."""
    return replace(
        api,
        last_applied=Document.of(draw(st.sampled_from(({}, RECORD, RESTARTS)))),
        cluster_info=draw(st.sampled_from(("", *ENDPOINTS, known.api.endpoint))),
        proxy_server=draw(st.sampled_from(("", *ENDPOINTS))),
    )


def _stored(known: Cluster, version: str) -> Document:
    """None, little, or what an earlier inventory left."""
    if version != str(known.version):
        return Document.of({"kubernetesVersion": version} if version else {})
    extra = {"certSANs": ["a.example"], "extraArgs": [{"name": "v", "value": "4"}]}
    return Document.of(kubeadm.cluster_configuration(known) | {"apiServer": extra})


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
