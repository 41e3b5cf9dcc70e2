"""``schema``: the JSON Schema of the inventory, for editors."""

import json

from kbootstrap.errors import ExitCode
from kbootstrap.model.schema import json_schema
from kbootstrap.options import RunOptions
from kbootstrap.run.report import Report


def schema(options: RunOptions, report: Report) -> ExitCode:
    """Print the JSON Schema of the inventory."""
    del options
    report.lines(json.dumps(json_schema(), indent=2))
    return ExitCode.DONE
