"""``import``: the inventory of a cluster that exists, from one of its control planes."""

import sys

from kbootstrap.errors import ExitCode
from kbootstrap.guards.adoption import look, text
from kbootstrap.options import RunOptions
from kbootstrap.run.report import Report


def import_cluster(options: RunOptions, report: Report) -> ExitCode:
    """Print it; the cluster and its nodes are only read."""
    sys.stdout.write(text(look(options, report)))
    return ExitCode.DONE
