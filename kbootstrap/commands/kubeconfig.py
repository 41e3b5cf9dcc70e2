"""``kubeconfig``: the admin kubeconfig, from a control plane that is up."""

import sys

from kbootstrap.atomic_file import write_private
from kbootstrap.errors import ExitCode
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.run.control_plane import find_control_plane
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certificates, identity


def kubeconfig(options: RunOptions, report: Report) -> ExitCode:
    """Print it, or write it to a file that only its owner can read."""
    cluster = load(options.inventory)
    with Run(options, cluster, (identity.PHASE, certificates.PHASE), report.bus) as run:
        find_control_plane(run, ())
        text = run.kubeconfig()
    if options.write is None:
        sys.stdout.write(text)
    else:
        write_private(options.write, text)
        report.line(f"wrote {options.write}")
    return ExitCode.DONE
