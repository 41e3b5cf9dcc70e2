"""A setting that differs between the live cluster and the inventory.

Found by `kbootstrap.drift` and by phases (`Phase.drift`), reported by ``up``, ``plan`` and
``status``. A fixed one is refused before anything changes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One setting that differs.

    Attributes:
        key: the inventory's key, such as ``network.pod_cidr``, or a path on a node.
        live: what the cluster has.
        wanted: what the inventory has.
        node: the node that differs; empty for the whole cluster.
        fixed: a live cluster cannot change it.
        message: the line to print where key and values do not make a sentence.
        remedy: the commands that apply the inventory's value; empty if there are none.

    """

    key: str
    live: str
    wanted: str
    node: str = ""
    fixed: bool = False
    message: str = ""
    remedy: str = ""

    @property
    def text(self) -> str:
        """One line to print."""
        return (
            self.message
            or f"{self.key}: the cluster has {self.live}, the inventory has {self.wanted}"
        )


def shown(value: object) -> str:
    """A value to print: ``unset`` for none, lists and mappings on one line."""
    if value is None or value in ("", [], {}, ()):
        return "unset"
    if isinstance(value, dict):
        return ", ".join(f"{key}={shown(held)}" for key, held in sorted(value.items()))
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
