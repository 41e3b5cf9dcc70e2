"""``render``: each file that ``up`` would write on the nodes, on the screen or in a directory."""

from collections.abc import Iterator

from kbootstrap.atomic_file import directory_below, write_private
from kbootstrap.console.formatting import count
from kbootstrap.errors import ExitCode
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.run.report import Report
from kbootstrap.run.selection import named
from phases import workflows


def render(options: RunOptions, report: Report) -> ExitCode:
    """Contact no node; placeholders (@@name@@) stand for values that are known only in a run."""
    cluster = load(options.inventory)
    nodes = named(cluster, options.nodes) if options.nodes else cluster.nodes
    if options.to is not None:
        options.to.mkdir(parents=True, exist_ok=True)
    for node in nodes:
        for path, body in rendered(cluster, node):
            if options.to is None:
                report.lines(f"# ---- {node.name}:{path}\n{body}")
            else:
                file = options.to / node.name / path.lstrip("/")
                write_private(directory_below(options.to, file.parent) / file.name, body)
    if options.to is not None:
        report.line(f"wrote the files of {count(len(nodes), 'node')} to {options.to}")
    return ExitCode.DONE


def rendered(cluster: Cluster, node: Node) -> Iterator[tuple[str, str]]:
    """Path and content of each file for one node, as its phases name them."""
    for phase in workflows.up(cluster):
        if phase.on(cluster, node):
            yield from phase.files(cluster, node)
