"""Changes on the operator's workstation."""

from dataclasses import dataclass

from kbootstrap.action.base import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAction(Action):
    """A change on the operator's workstation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteKubeconfig(LocalAction):
    """Write the cluster's admin kubeconfig for the operator (0600)."""

    path: str

    @property
    def text(self) -> str:
        return f"write the local file {self.path} (kubeconfig, 0600)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSnapshot(LocalAction):
    """Check a snapshot that was downloaded as ``PATH.part`` and rename it."""

    path: str

    @property
    def text(self) -> str:
        return f"check the copy and rename it to the local file {self.path} (0600)"
