"""Changes of what kubeadm stores in the cluster, and of its addons."""

from dataclasses import dataclass

from kbootstrap.action.api import ApiAction
from kbootstrap.model.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClusterConfiguration(ApiAction):
    """Store keys of the inventory in the ConfigMap kubeadm-config.

    Attributes:
        changed: the inventory's keys.
        document: the whole ClusterConfiguration.

    """

    changed: tuple[str, ...]
    document: Document

    @property
    def text(self) -> str:
        return f"store in the ConfigMap kubeadm-config: {', '.join(self.changed)}"

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(f"store {key} in kubeadm-config" for key in self.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAddon(ApiAction):
    """Set or remove ``disabled: true`` of an addon in the stored ClusterConfiguration.

    Attributes:
        addon: its name in the plan line.
        key: its field in ClusterConfiguration, ``dns`` or ``proxy``.
        on: whether kubeadm installs and upgrades it.

    """

    addon: str
    key: str
    on: bool

    @property
    def text(self) -> str:
        return f"{'enable' if self.on else 'disable'} {self.addon} in the ConfigMap kubeadm-config"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAddon(ApiAction):
    """Delete the objects that kubeadm made for an addon.

    Attributes:
        addon: its name in the plan line.
        objects: kind and name of each, in the order in which they are deleted.

    """

    addon: str
    objects: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        names = ", ".join(f"{kind} {name}" for kind, name in self.objects)
        return f"remove {self.addon} from the cluster: {names}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOutProxy(ApiAction):
    """Replace the pods of kube-proxy that run with another configuration than the stored one.

    One pod first; if it does not run, the configuration before the change is put back.

    Attributes:
        at_once: pods that are replaced at the same time after the first one.
        seconds: for them to run.

    """

    at_once: int = 10
    seconds: int = 300

    @property
    def text(self) -> str:
        return f"roll kube-proxy out: one pod, then at most {self.at_once} at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAddonImage(ApiAction):
    """Take the image of an addon from another repository; its tag is retained.

    Attributes:
        addon: its name, that of its container and of its DaemonSet or Deployment.
        image: without the tag.

    """

    addon: str
    image: str

    @property
    def text(self) -> str:
        return f"take the image of {self.addon} from {self.image}"
