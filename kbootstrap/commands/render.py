"""``render``: every file ``up`` would write on the nodes, to the screen or a folder."""

from collections.abc import Iterator
from pathlib import Path

from kbootstrap import kubeadm
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.targets import named
from kbootstrap.errors import ExitCode
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load
from kbootstrap.runtime import config_files
from phases import cni_bridge, files, host, join, kubelet


def render(options: Options, report: Report) -> ExitCode:
    """Contacts nobody; values known only at run time stand as @@slots@@."""
    cluster = load(options.inventory)
    for node in named(cluster, options.nodes) if options.nodes else cluster.nodes:
        for path, body in rendered(cluster, node):
            if options.to is None:
                report.line(f"# ---- {node.name}:{path}\n{body}")
            else:
                _write(options.to / node.name / path.lstrip("/"), body)
    if options.to is not None:
        report.line(f"wrote the files of {len(cluster.nodes)} nodes to {options.to}")
    return ExitCode.DONE


def rendered(cluster: Cluster, node: Node) -> Iterator[tuple[str, str]]:
    """Path and content of each file for one node."""
    yield host.MODULES_FILE, host.modules_text()
    yield host.SYSCTL_FILE, host.sysctl_text(cluster)
    for extra in files.wanted(cluster, node):
        yield extra.path, extra.content
    for config in config_files(cluster, major=2):
        yield config.path, config.body
    yield from kubelet.texts(cluster, packaged=False)
    yield kubeadm.CONFIG, kubeadm.init_config(cluster, node)
    if node != cluster.first:
        yield join.CONFIG, kubeadm.join_config(cluster, node)
    if cluster.cni.type == "bridge":
        yield cni_bridge.SCRIPT, cni_bridge.script_text(cluster, node)
        yield cni_bridge.UNIT, cni_bridge.unit_text()
        yield cni_bridge.CONFLIST, cni_bridge.conflist_text("@@pod_cidr@@")


def _write(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body)
