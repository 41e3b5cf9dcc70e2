"""kbootstrap as it is, but each step's declared effects are compared with the next probe's facts.

`tests.e2e.site.Site` starts it in place of ``python -m kbootstrap`` and fails on a difference.
"""

import os
import sys
from pathlib import Path

from kbootstrap import cli
from kbootstrap.engine import runner
from tests.e2e.effects import Compared

RECORD = "KBOOTSTRAP_EFFECTS"  # a file that gets a JSON line for each round of actions


def main() -> int:
    """The command line of kbootstrap."""
    Compared.record = Path(os.environ.pop(RECORD))
    setattr(runner, "StepRunner", Compared)  # noqa: B010 - a class, not a variable
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
