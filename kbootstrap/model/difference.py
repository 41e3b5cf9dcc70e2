"""A setting in which the live cluster is not as the inventory says.

Found by `kbootstrap.drift` and by phases (`Phase.drift`), reported by ``up``, ``plan`` and
``status``. A fixed one is refused before anything changes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One setting.

    Attributes:
        key: the inventory's key, such as ``network.pod_cidr``, or a path on a node.
        live: what the cluster has.
        wanted: what the inventory says.
        node: the node it was found on; empty if it is the whole cluster's.
        fixed: a live cluster cannot change it.
        message: the line for people, where key and values do not make a sentence.
        remedy: the commands that bring the cluster there; empty if there are none yet.

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
        """One line for people."""
        return (
            self.message
            or f"{self.key}: the cluster has {self.live}, the inventory says {self.wanted}"
        )


def shown(value: object) -> str:
    """A value for people: ``unset`` for none, lists and mappings in one line."""
    if value is None or value in ("", [], {}, ()):
        return "unset"
    if isinstance(value, dict):
        return ", ".join(f"{key}={shown(held)}" for key, held in sorted(value.items()))
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
