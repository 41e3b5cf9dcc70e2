"""The end of a reset: remove what Kubernetes and kbootstrap made, put back what was there before.

What others made stays: other containers, other rules, other files, also those in directories
that Kubernetes uses (`node_paths.BEFORE`) and files of ours that were changed since.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import node_paths
from kbootstrap.action import Action, Risk, Run
from kbootstrap.engine.phase import Phase, View, fact, like
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases import ownership
from phases.install import leftovers
from phases.reset import ASIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Left(ownership.Record):
    """What templates/reset/clean_probe.sh.j2 prints: everything there is to remove."""

    left: tuple[str, ...] = ()  # such as "files in /etc/kubernetes" or "link cni0"
    # Such as "replaced PATH": changed after kbootstrap wrote it.
    changed: tuple[str, ...] = fact(like(r"\S+ .+"))
    unrecorded: tuple[str, ...] = ()  # directories without a record of earlier files
    # Earlier values, such as "sysctl net.ipv4.ip_forward 0".
    was: tuple[str, ...] = fact(like(r"\S+ \S+ .*"))


TOOLS = tuple(f"{family}{kind}" for family in ("iptables", "ip6tables") for kind in ("", "-legacy"))

# Names that belong to kbootstrap on any node.
_OURS = ("unit ", f"path {node_paths.STATE_DIR}", f"path {node_paths.RUNTIME_DIR}")


def _values(cluster: Cluster, node: Node) -> dict[str, object]:
    left = leftovers(cluster, node)
    return {
        "left": left,
        "theirs": left.shared,
        "runtime": cluster.runtime.unit,
        "socket": cluster.runtime.socket,
        "before": node_paths.BEFORE,
        "marker": node_paths.CLUSTER_NAME,
        "ca": ownership.CA_FILE,
        "aside": ASIDE,
        "networks": node_paths.CNI_CONFIG_DIR,
        "tools": TOOLS,
    }


def probe_clean(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return render("reset/clean_probe.sh.j2", **_values(cluster, node))


def plan_clean(view: View[Left]) -> Iterator[Action]:
    """Remove what is left and restore what was there before.

    On a node that is not known to be the cluster's, only the ledger is undone.
    """
    if view.facts.was and view.options.restore_host:
        yield Run(
            why="--restore-host",
            title="restore the running values: " + ", ".join(_old(view.facts)),
            covers=tuple(f"restore {old}" for old in _old(view.facts)),
            body=render("reset/restore_host.sh.j2"),
            risk=Risk.DISRUPT,
            effect={"was": ()},
        )
    known = ownership.is_ours(view)
    left = tuple(line for line in view.facts.left if known or line.startswith(_OURS))
    if left:
        yield Run(
            why="found: " + ", ".join(left),
            title=_title(view.facts, known=known),
            body=render("reset/clean.sh.j2", known=known, **_values(view.cluster, view.node)),
            risk=Risk.DESTROY,
            effect={"left": ()} | ({"marker": "", "marker_ca": ""} if known else {}),
        )


def _title(facts: Left, *, known: bool) -> str:
    if not known:
        changes = ["undo the changes in kbootstrap's ledger on the node"]
    else:
        changes = [
            "remove what Kubernetes and kbootstrap made, restore what was there before",
            *(f"remove {path} (no record of what was there before)" for path in facts.unrecorded),
        ]
    kept = [line.split(" ", 1) for line in facts.changed]
    return "; ".join([*changes, *(_kept(kind, path) for kind, path in kept)])


def _kept(kind: str, path: str) -> str:
    beside = (
        f"; the original is restored as {path}.kbootstrap-original" if kind == "replaced" else ""
    )
    return f"retain {path}, changed after kbootstrap wrote it{beside}"


def _old(facts: Left) -> Iterator[str]:
    for line in facts.was:
        kind, name, value = line.split(" ", 2)
        yield {"sysctl": f"{name}={value}", "swap": f"swap on {name}"}.get(kind, f"no {name}")


def kept(cluster: Cluster, facts: Left, *, restore_host: bool) -> Iterator[str]:
    """What a reset retains on the node, and why."""
    for line in facts.changed:
        yield _kept(*line.split(" ", 1))
    yield f"images and packages of {cluster.runtime.type} (others may use them)"
    if facts.was and not restore_host:
        old = ", ".join(_old(facts))
        yield f"running values, earlier {old} (others may need them; see --restore-host)"


CLEAN = Phase(
    id="clean", title="Clean up", facts=Left, probe=probe_clean, plan=plan_clean, recorded=False
)
