"""The operating system's tools that our scripts, kubeadm and the runtime call; pure.

`identity` looks for them before anything changes: a later phase would only fail half-way.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.artifacts import source_of
from kbootstrap.model.cluster import Cluster, Node, RuntimeType

_SCRIPTS = (
    "awk,base64,cat,chmod,chown,cmp,cp,date,dd,df,du,env,find,flock,getent,grep,head,journalctl,ln,ls,mkdir,"
    "mountpoint,mv,od,readlink,rm,rmdir,sed,sha256sum,sleep,sort,stat,swapoff,sync,sysctl,systemctl,systemd-run,"
    "tail,timeout,tr,umount,uname,wc"
)
# What the scripts of templates/ call on every node; tests/test_architecture.py looks for more.
SCRIPTS = tuple(_SCRIPTS.split(","))
_NO_CONNTRACK, _NO_IPTABLES = 32, 33  # minors from which kubeadm no longer asks for them


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that has to be there.

    Attributes:
        names: any of these will do.
        caller: who needs it.
        always: also on a node that has joined already.

    """

    names: tuple[str, ...]
    caller: str
    always: bool = True

    @property
    def text(self) -> str:
        """Such as ``runc (containerd)``."""
        return f"{' or '.join(self.names)} ({self.caller})"


def tools(cluster: Cluster, node: Node) -> Iterator[Tool]:
    """Everything this node needs."""
    yield from (Tool((name,), "the scripts of kbootstrap") for name in SCRIPTS)
    if cluster.cni.type == "bridge":
        yield Tool(("ip",), "the pod network")
        yield Tool(("iptables",), "the pod network")
    if cluster.runtime.type is RuntimeType.CONTAINERD and "BinaryName" not in (
        cluster.runtime.settings.text
    ):
        yield Tool(("runc",), "containerd")
    if download_tools := source_of(cluster).download_tools:
        yield Tool(download_tools, "the download of the binaries", always=False)
    ignored = {*node.ignore_preflight, *cluster.kubeadm.ignore_preflight}
    for name in _kubeadm(cluster.version.minor):
        if not {"all", f"FileExisting-{name}"} & ignored:
            yield Tool((name,), "kubeadm", always=False)


def _kubeadm(minor: int) -> tuple[str, ...]:
    """What kubeadm's preflight demands (kubernetes, cmd/kubeadm/app/preflight/checks.go)."""
    conntrack = ("conntrack",) if minor < _NO_CONNTRACK else ()
    rest = ("losetup",) if minor >= _NO_IPTABLES else ("ip", "iptables", "nsenter")
    return ("mount", *rest, *conntrack)


def lacking(cluster: Cluster, node: Node, missing: tuple[str, ...], *, joined: bool) -> list[Tool]:
    """Each tool of which no name was found."""
    return [
        tool
        for tool in tools(cluster, node)
        if set(tool.names) <= set(missing) and (tool.always or not joined)
    ]
