"""Changes at the operator's machine."""

from dataclasses import dataclass

from kbootstrap.action.base import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAction(Action):
    """A change at the operator's machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteKubeconfig(LocalAction):
    """Write the cluster's admin kubeconfig for the operator (0600)."""

    path: str

    @property
    def text(self) -> str:
        return f"write {self.path} here (kubeconfig, 0600)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSnapshot(LocalAction):
    """Check a snapshot that came down as ``PATH.part`` and give it its name."""

    path: str

    @property
    def text(self) -> str:
        return f"check the copy and name it {self.path} here (0600)"
