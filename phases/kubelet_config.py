"""Applies changed settings of the kubelet on a member: the first node alone, then some at once.

The files change as ``kubeadm upgrade node phase kubelet-config`` and ``kubeadm join`` write them,
and the kubelet restarts, which stops no pod. A kubelet that is not healthy with the new files gets
the old ones back; copies of these exist until it is healthy, so an interrupted change is repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import kubeadm, node_paths
from kbootstrap.action import Action, AwaitReady, Detached, Risk
from kbootstrap.artifacts import source_of
from kbootstrap.drift import config_of, flags_of, settings, stored
from kbootstrap.drift.kubelet import flags_with, line_of, name_of, patched_fields
from kbootstrap.engine.phase import Phase, View, Wait, Window, forward
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import shown
from kbootstrap.render import render
from phases import ready

RUN = "kubelet-settings"
KEPT = f"{node_paths.STATE_DIR}/kubelet-settings"  # the files before an unfinished change
AT_ONCE = 10  # nodes whose kubelets restart at the same time, after the first node
SHOWN = 6  # changes in the plan line
_PATHS = ("/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/kubelet/settings_probe.sh.j2 prints on a member.

    Attributes:
        run: state of the detached change.
        arg: the command line of the running kubelet.
        flags: the line of kubeadm-flags.env.
        config: the lines of the kubelet's config.yaml.
        patch: the lines of the patches that kubeadm applies to it.
        older: the running kubelet was started before one of the files changed.
        unfinished: a change was interrupted before the new kubelet was found healthy.

    """

    run: str = "none"
    arg: tuple[str, ...] = ()
    flags: str = ""
    config: tuple[str, ...] = ()
    patch: tuple[str, ...] = ()
    older: bool = False
    unfinished: bool = False


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del cluster, node
    return render(
        "kubelet/settings_probe.sh.j2", run=RUN, kept=KEPT, paths=_PATHS, patches=kubeadm.PATCHES
    )


def plan(view: View[Any]) -> Iterator[Action]:
    """Apply what differs, then wait for the node; nothing on a node that is no member."""
    if view.api.node(view.node.name) is None:
        return
    for action in tuple(_apply(view)):
        yield action
        view = forward(view, (action,))
    if view.facts.run == "ok":
        yield from (one for one in ready.plan(view) if isinstance(one, AwaitReady))


def _apply(view: View[Facts]) -> Iterator[Action]:
    changes, why = _changes(view), _why(view)
    if not (changes or why) or not _readable(view):
        return
    nodes = view.api.with_node(view.node.name, ready=False)
    yield Detached(
        why=why or "they differ from the inventory",
        name=RUN,
        title=f"apply the kubelet's settings and restart it{_listed(changes)}",
        body=render(
            "kubelet/settings.sh.j2",
            kept=KEPT,
            paths=_PATHS,
            patches=kubeadm.PATCHES,
            line=line_of(_flags(view)) if flags_of(view.facts.flags) else "",
            seconds=view.cluster.kubeadm.timeouts.kubelet,
        ),
        seconds=3 * view.cluster.kubeadm.timeouts.kubelet + 600,
        attach=view.facts.run == "running",
        risk=Risk.RESTART,
        effect=_effect(view) | {"api": {"nodes": nodes}},
    )


def _readable(view: View[Facts]) -> bool:
    """Whether a kubelet may restart with the files; phase `member` names damaged ones."""
    facts = view.facts
    whole = flags_of(facts.flags) and config_of("\n".join(facts.config))
    return bool(whole) or facts.unfinished or facts.run == "running"


def _listed(changes: tuple[str, ...]) -> str:
    more = f", and {len(changes) - SHOWN} more" if changes[SHOWN:] else ""
    return f": {', '.join(changes[:SHOWN])}{more}" if changes else ""


def _why(view: View[Facts]) -> str:
    """Why the kubelet is restarted although its files are as they should be."""
    facts = view.facts
    if facts.run == "running":
        return "it is still running on the node"
    if facts.unfinished:
        return "an earlier change was interrupted before the kubelet was checked"
    if facts.older:
        return "the running kubelet was started before its files changed"
    kept = [flag for flag in flags_of(facts.flags) if flag in _flags(view)]
    lacks = [flag for flag in kept if flag not in facts.arg] if facts.arg else []
    if lacks:
        return f"the running kubelet was started without {lacks[0]}"
    return ""


def _changes(view: View[Facts]) -> tuple[str, ...]:
    """Each setting that changes, with its old and new value."""
    return (*_config_changes(view), *_flag_changes(view), *_path_changes(view))


def _config_changes(view: View[Facts]) -> Iterator[str]:
    """Fields that differ from what the cluster stores, except those that patches change."""
    live = config_of("\n".join(view.facts.config)).data
    wanted = stored.becomes(stored.KUBELET, view.cluster, view.api)
    patched = patched_fields("\n".join(view.facts.patch))
    if not live or not wanted or patched is None:
        return
    own = {name: value for name, value in wanted.items() if name not in patched}
    here = {name: value for name, value in live.items() if name not in patched}
    for one in settings("kubelet", own, here, stored.USUAL[stored.KUBELET]):
        if one.key != "kubelet.containerRuntimeEndpoint":  # each node has its own
            yield f"{one.key.partition('.')[2]} {one.live} -> {one.wanted}"


def _flags(view: View[Facts]) -> tuple[str, ...]:
    """The flags that kubeadm-flags.env should have."""
    have = flags_of(view.facts.flags)
    if not have:
        return ()
    wanted = view.node.kubelet_args
    usual = kubeadm.kubelet_args(view.cluster, view.node)
    if any(name_of(flag) == "node-ip" for flag in have):  # one of a key that was removed
        wanted = usual
    return flags_with(have, wanted)


def _flag_changes(view: View[Facts]) -> Iterator[str]:
    have, wanted = flags_of(view.facts.flags), _flags(view)
    for name in sorted({name_of(flag) for flag in (*have, *wanted)}):
        old, new = ([f for f in flags if name_of(f) == name] for flags in (have, wanted))
        if old != new:
            yield f"--{name} {_values(old)} -> {_values(new)}"


def _values(flags: list[str]) -> str:
    return shown([flag.partition("=")[2] for flag in flags])


def _path_changes(view: View[Facts]) -> Iterator[str]:
    """The path of the running kubelet; a packaged one has its own."""
    wanted = f"{view.cluster.programs.bin_dir}/kubelet"
    live = next((word for word in view.facts.arg if word.endswith("/kubelet")), wanted)
    if live != wanted and source_of(view.cluster).places:
        yield f"{live} -> {wanted}"


def _effect(view: View[Facts]) -> dict[str, object]:
    facts, flags = view.facts, _flags(view)
    found: dict[str, object] = {"run": "ok", "older": False, "unfinished": False}
    old = flags_of(facts.flags)
    if old:
        found["flags"] = line_of(flags)
    if facts.arg:
        kept = [word for word in facts.arg if word not in {*old, *flags}]
        if [*_path_changes(view)]:
            wanted = f"{view.cluster.programs.bin_dir}/kubelet"
            kept = [wanted if word.endswith("/kubelet") else word for word in kept]
        found["arg"] = (*kept, *flags)
    if [*_config_changes(view)]:
        found["config"] = _file(view)
    return found


def _file(view: View[Facts]) -> tuple[str, ...]:
    """The file afterwards; fields that patches change stay as they are."""
    live = config_of("\n".join(view.facts.config)).data
    patched = patched_fields("\n".join(view.facts.patch)) or frozenset()
    own = {name: held for name, held in live.items() if name in patched}
    wanted = stored.becomes(stored.KUBELET, view.cluster, view.api)
    return tuple(kubeadm.dump([wanted | own]).splitlines())


PHASE = Phase(
    id="kubelet-config",
    title="Kubelet settings",
    facts=Facts,
    probe=probe,
    plan=plan,
    waits=(("cluster-config", Wait.FIRST),),
    api=True,
    window=Window(size=AT_ONCE),
)
