"""The rows of ``status``: one per node, from probes and the API."""

from collections.abc import Iterator, Mapping, Sequence

from kbootstrap.engine import checkpoint
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.observed import Observed
from phases import ready

Row = dict[str, str]


class StatusTable:
    """Makes rows from what was read."""

    def __init__(
        self, cluster: Cluster, observed: Observed, probes: Mapping[str, ProbeResult]
    ) -> None:
        self._cluster, self._observed, self._probes = cluster, observed, probes

    @property
    def head(self) -> str:
        """The line above the table."""
        observed, cluster = self._observed, self._cluster
        api = "ready" if observed.ready else "reachable" if observed.reachable else "not there"
        return f"cluster {cluster.name}, Kubernetes {cluster.version}, API {api}"

    def row(self, node: Node, to_do: str) -> Row:
        """One node; ``to_do``: the phases that would change it, empty if unknown."""
        result, seen = self._probes.get(node.name), self._observed.node(node.name)
        record = checkpoint.read(result.state).get("phases", {}) if result else {}
        last = max(record.items(), key=lambda item: item[1]["at"], default=("", {"at": ""}))
        state = "unreachable" if result is None else "not joined"
        if seen:
            state = "Ready" if seen.ready else "NotReady"
        return {
            "node": node.name,
            "role": node.role_text,
            "state": state + (", cordoned" if seen and seen.unschedulable else ""),
            "kubelet": seen.kubelet_version if seen else "",
            "pods": self._pods(node) if seen else "",
            "to do": to_do,
            "last phase": f"{last[0]} {last[1]['at']}".strip(),
        }

    def _pods(self, node: Node) -> str:
        """Why pods of Kubernetes itself do not run there; empty if they do."""
        down = ready.pods_down(self._cluster, node, self._observed)
        return "; ".join(f"{pod.name}: {pod.reason}" for pod in down)


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """The table for people, with its head."""
    keys = [key for key in rows[0] if key != "pods"]
    return [keys, *([row[key] for key in keys] for row in rows)]


def pods(rows: Sequence[Row]) -> Iterator[str]:
    """The nodes where pods of Kubernetes itself do not run."""
    for row in rows:
        if row["pods"]:
            yield f"{row['node']}: not running: {row['pods']}"
