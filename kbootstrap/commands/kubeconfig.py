"""``kubeconfig``: the admin kubeconfig, from a control plane that is up."""

import sys

from kbootstrap.atomic_file import write_private
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.seed import find_seed
from kbootstrap.commands.session import Session
from kbootstrap.errors import ExitCode
from kbootstrap.model.load import load
from phases import certificates, identity


def kubeconfig(options: Options, report: Report) -> ExitCode:
    """Print it, or write it to a file only its owner can read."""
    cluster = load(options.inventory)
    session = Session(options, cluster, (identity.PHASE, certificates.PHASE), report.bus)
    try:
        find_seed(session, ())
        text = session.kubeconfig()
    finally:
        session.close()
    if options.write is None:
        sys.stdout.write(text)
    else:
        write_private(options.write, text)
        report.line(f"wrote {options.write}")
    return ExitCode.DONE
