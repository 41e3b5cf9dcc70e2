"""``validate``: check an inventory, offline."""

from kbootstrap.console.formatting import count
from kbootstrap.errors import ExitCode
from kbootstrap.model.load import load_with_warnings
from kbootstrap.options import RunOptions
from kbootstrap.run.report import Report


def validate(options: RunOptions, report: Report) -> ExitCode:
    """Read the inventory; report that it is good, or every mistake in it."""
    loaded = load_with_warnings(options.inventory)
    for warning in loaded.warnings:
        report.line(f"warning: {warning}")
    cluster = loaded.cluster
    workers = len(cluster.nodes) - len(cluster.control_planes)
    report.line(
        f"{options.inventory}: cluster {cluster.name}, Kubernetes {cluster.version}, "
        f"{count(len(cluster.control_planes), 'control plane')}, {count(workers, 'worker')}: good"
    )
    return ExitCode.DONE
