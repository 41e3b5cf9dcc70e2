"""Changes of the configuration that kubeadm stores in the cluster."""

from dataclasses import dataclass

from kbootstrap.action.api import ApiAction
from kbootstrap.model.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStored(ApiAction):
    """Change fields of a document in a ConfigMap of kube-system; the others are retained.

    Attributes:
        part: the inventory's key of the document.
        config_map: its name.
        entry: the entry that has the document.
        patch: a JSON merge patch of the document.
        record: all of the record of what the inventory sets, as it is afterwards.
        changes: each changed field with its old and new value; empty if only the record changes.

    """

    part: str
    config_map: str
    entry: str
    patch: Document
    record: Document
    changes: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        if not self.changes:
            return f"record which fields of {self.config_map} the inventory sets"
        fields = ", ".join(f"{name} {change}" for name, change in self.changes)
        return f"change the ConfigMap {self.config_map}: {fields}"

    @property
    def keys(self) -> frozenset[str]:
        names = (f"change {self.config_map} {name}" for name, _ in self.changes)
        return frozenset({f"record {self.config_map}", *names})
