"""Upgrades one node: control planes one after the other, then workers.

Cordon and drain, the runtime's new settings, ``kubeadm upgrade``, kubelet and kubectl, a restart,
Ready with the new version, uncordon. Each decision depends on facts, so an interrupted run
resumes. Annotations record that the node is drained and who cordoned it, so that a node that was
cordoned by others stays cordoned.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kbootstrap import components, kubeadm
from kbootstrap.action import (
    Action,
    AwaitEtcd,
    AwaitReady,
    Cordon,
    Detached,
    Drain,
    Risk,
    Run,
    Uncordon,
)
from kbootstrap.artifacts import source_of
from kbootstrap.engine.phase import AnyPhase, Phase, View, Wait, forward
from kbootstrap.model.document import Document
from kbootstrap.model.etcd import node_of, unsettled
from kbootstrap.model.observed import FOR_UPGRADE
from kbootstrap.render import render
from phases import ready, runtime, upgrade_repair
from phases.upgrade_facts import Facts, PlaneFacts, check, probe, run_name, running, version

SECONDS = 3600


def plan(view: View[Any]) -> Iterator[Action]:
    """Plan each action on the state after the actions before it."""
    for decide in (
        _cordon,
        _drain,
        _runtime,
        _kubeadm,
        _programs,
        _flags,
        _restart,
        _ready,
        _etcd,
        _uncordon,
    ):
        for action in tuple(decide(view)):
            yield action
            view = forward(view, (action,))


def _due(view: View[Facts]) -> bool:
    """Whether anything is left to do that disrupts workloads."""
    facts = view.facts
    versions = {facts.kubelet, running(view)}
    return (
        not _upgraded(view)
        or versions != {version(view)}
        or bool(facts.flag)
        or any(not action.waits for action in _runtime(view))
    )


def _runtime(view: View[Any]) -> Iterator[Action]:
    """The actions of phase `runtime`, whose facts are part of these."""
    yield from runtime.plan(view)


def _upgraded(view: View[Facts]) -> bool:
    """Whether kubeadm has finished; a failed or lost run is repeated."""
    facts = view.facts
    if facts.run not in {"ok", "none"}:
        return False
    if not isinstance(facts, PlaneFacts):
        return facts.run == "ok" or running(view) == version(view)
    return _pods(view) <= set(facts.pod) and (not _applies(view) or _stored(view))


def _pods(view: View[Facts]) -> set[str]:
    return {f"{version(view)} {name}" for name in components.CONTROL_PLANE}


def _applies(view: View[Facts]) -> bool:
    """Whether it is the first control plane, which upgrades the cluster's configuration."""
    return view.node == view.cluster.first


def _stored(view: View[Facts]) -> bool:
    return bool(view.api.kubeadm_config.data.get("kubernetesVersion") == version(view))


def _moves(view: View[Facts]) -> bool:
    """Whether the node is drained; not if no other node could run its pods."""
    return not view.options.no_drain and len(view.cluster.nodes) > 1 and _due(view)


def _etcd(view: View[Facts]) -> Iterator[Action]:
    """Wait for all etcd members; before the first node kubeadm checks them itself."""
    if view.node.is_control_plane and unsettled(view.api.etcd or ()):
        healthy = (replace(m, healthy=True, learner=False) for m in view.api.etcd or ())
        yield AwaitEtcd(
            why="etcd must retain quorum in the next step", effect={"api": {"etcd": tuple(healthy)}}
        )


def _cordon(view: View[Facts]) -> Iterator[Action]:
    node = view.api.node(view.node.name)
    if node and not node.unschedulable and _moves(view):
        changes = {"unschedulable": True, "cordoned_by": FOR_UPGRADE, "drained_by": ""}
        yield Cordon(
            why="no new pods may start there",
            node=node.name,
            mark=FOR_UPGRADE,
            effect={"api": {"nodes": view.api.with_node(node.name, **changes)}},
        )


def _drain(view: View[Facts]) -> Iterator[Action]:
    node = view.api.node(view.node.name)
    if node and node.drained_by != FOR_UPGRADE and _moves(view):
        nodes = view.api.with_node(node.name, drained_by=FOR_UPGRADE)
        yield Drain(
            why="its kubelet is replaced",
            node=node.name,
            mark=FOR_UPGRADE,
            force=view.options.force_drain,
            empty_dirs=view.options.delete_emptydir_data,
            risk=Risk.DISRUPT,
            effect={"api": {"nodes": nodes}},
        )


def _kubeadm(view: View[Facts]) -> Iterator[Action]:
    if _upgraded(view):
        return
    facts, wanted, name = view.facts, version(view), run_name(view.cluster)
    apply = _applies(view)
    effect: dict[str, object] = {"run": "ok", "api": _after_kubeadm(view)}
    if isinstance(facts, PlaneFacts):
        effect["pod"] = tuple(sorted(_pods(view)))
    yield Detached(
        why={
            "running": "it is still running on the node",
            "none": "the node has the previous release",
        }.get(facts.run, f"the last kubeadm upgrade {facts.run}"),
        name=name,
        title=f"kubeadm upgrade {'apply' if apply else 'node'} ({wanted})",
        body=render(
            "upgrade/apply.sh.j2",
            version=wanted,
            apply=apply,
            patches=kubeadm.PATCHES if view.cluster.kubeadm.patches_dir else "",
            ignore=_ignored(view),
        ),
        seconds=SECONDS,
        attach=facts.run == "running",
        risk=Risk.RESTART,
        effect=effect,
    )


def _after_kubeadm(view: View[Facts]) -> dict[str, object]:
    """The API's state after it: the new version is stored, and this etcd member has restarted."""
    seen: dict[str, object] = {}
    if _applies(view):
        stored = view.api.kubeadm_config.data | {"kubernetesVersion": version(view)}
        seen["kubeadm_config"] = Document.of(stored)
    if view.api.etcd:
        ours = (node_of(m, view.cluster) == view.node for m in view.api.etcd)
        both = zip(view.api.etcd, ours, strict=True)
        down = (replace(m, healthy=m.healthy and not own) for m, own in both)
        seen["etcd"] = tuple(down)
    return seen


def _ignored(view: View[Facts]) -> list[str]:
    """Ignored preflight checks: the inventory's, and without CoreDNS those about it."""
    names = {*view.cluster.kubeadm.ignore_preflight, *view.node.ignore_preflight}
    if _applies(view) and not view.cluster.addons.dns:
        names |= {"CoreDNSUnsupportedPlugins", "CoreDNSMigration"}
    return sorted(names)


def _programs(view: View[Facts]) -> Iterator[Action]:
    if view.facts.kubelet != version(view):
        yield Run(
            why=f"its kubelet is {view.facts.kubelet or 'missing'}",
            title=f"place kubelet and kubectl {version(view)}",
            body=source_of(view.cluster).activate_kubelet(),
            effect={"kubelet": version(view)},
        )


def _flags(view: View[Facts]) -> Iterator[Action]:
    if view.facts.flag:
        flags = [line.split(" ", 1) for line in view.facts.flag]
        yield Run(
            why=f"the kubelet of {version(view)} does not start with them",
            title="remove from the kubelet's flags: "
            + ", ".join(f"--{flag} ({path})" for flag, path in flags),
            covers=tuple(f"remove --{flag} from {path}" for flag, path in flags),
            body=render("upgrade/flags.sh.j2", flags=flags),
            effect={"flag": ()},
        )


def _restart(view: View[Facts]) -> Iterator[Action]:
    if running(view) != version(view):
        own = view.node.is_control_plane
        changes = {"kubelet_version": version(view), "ready": False}
        yield Run(
            why=f"the running kubelet is {running(view) or 'unknown'}",
            title="restart the kubelet" + (", wait for this API server's /readyz" if own else ""),
            body=render(
                "upgrade/restart.sh.j2",
                server=own,
                serving=upgrade_repair.serving(view.cluster, view.node),
            ),
            risk=Risk.RESTART,
            effect={"api": {"nodes": view.api.with_node(view.node.name, **changes)}},
        )


def _ready(view: View[Any]) -> Iterator[Action]:
    """Wait as in phase `ready`, but for the new kubelet."""
    for action in ready.plan(view):
        if isinstance(action, AwaitReady):
            yield replace(action, version=version(view))


def _uncordon(view: View[Facts]) -> Iterator[Action]:
    node = view.api.node(view.node.name)
    if node and FOR_UPGRADE in {node.cordoned_by, node.drained_by}:
        ours = node.cordoned_by == FOR_UPGRADE
        schedulable = {"unschedulable": False} if ours else {}
        nodes = view.api.with_node(node.name, cordoned_by="", drained_by="", **schedulable)
        yield Uncordon(
            why="the node is upgraded",
            node=node.name,
            keep=not ours,
            effect={"api": {"nodes": nodes}},
        )


CONTROL_PLANE: AnyPhase = Phase(
    id="upgrade-control-plane",
    title="Upgrade of a control plane",
    facts=PlaneFacts,
    probe=probe,
    plan=plan,
    check=check,
    on=upgrade_repair.on_control_planes,
    waits=(
        ("upgrade-prepare", Wait.CONTROL_PLANES),
        ("upgrade-images", Wait.CONTROL_PLANES),
        ("upgrade-control-plane", Wait.EARLIER),
    ),
    api=True,
)

WORKER: AnyPhase = replace(
    CONTROL_PLANE,
    id="upgrade-worker",
    title="Upgrade of a worker",
    facts=Facts,
    on=lambda _, node: not node.is_control_plane,
    waits=(("upgrade-control-plane", Wait.CONTROL_PLANES),),
)
