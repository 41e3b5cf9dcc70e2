"""Actions of a rotation of the cluster's CAs."""

from dataclasses import dataclass

from kbootstrap.action.api import ApiAction
from kbootstrap.action.host import HostAction


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSecret(HostAction):
    """Read a file on a node into a placeholder; nothing shows it, and no file here has it.

    Attributes:
        placeholder: its name.
        title: the plan line.
        body: the shell text that prints the value.

    """

    placeholder: str
    title: str
    body: str
    waits: bool = True

    @property
    def text(self) -> str:
        return self.title

    def script(self) -> str:
        return self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartWorkloads(ApiAction):
    """Replace the pods of all workloads, so that no process trusts only the CAs of before.

    A workload that has not rolled out is not restarted, since waiting for it might never end.

    Attributes:
        nodes: in the inventory.
        seconds: for all of them.

    """

    nodes: int
    seconds: int

    @property
    def text(self) -> str:
        return "restart the pods of every DaemonSet, Deployment and StatefulSet, a few at a time"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRotation(ApiAction):
    """Remove the old CAs from what the API hands out, and record that the rotation has ended.

    ``at``: seconds since 1970.
    """

    at: int

    @property
    def text(self) -> str:
        return (
            "name only the new CA in kube-public/cluster-info and"
            " kube-system/extension-apiserver-authentication; record the end of the rotation"
        )
