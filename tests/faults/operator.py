"""kbootstrap as it is, but held at each event until the driver lets it continue.

Started by `tests.faults.bench` in place of ``python -m kbootstrap``, so that a fault hits at
the very point it is meant for. Two figures can be set besides: how far this host's clock
is off, and how long a lost node or API is waited for, or one that never comes back costs minutes
(then its silence is noticed earlier, too).
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kbootstrap import cli
from kbootstrap.engine import step
from kbootstrap.remote import hosts, kubehttp, kubeobjects, kubewrite, transfer
from kbootstrap.run.report import Report
from kbootstrap.wait import until

GATE, RECOVER = "KBOOTSTRAP_FAULTS_GATE", "KBOOTSTRAP_FAULTS_RECOVER"
CLOCK = "KBOOTSTRAP_FAULTS_CLOCK"  # a file with the seconds the clock is off


def main() -> int:
    """The command line of kbootstrap."""
    gate, recover, clock = (os.environ.pop(name, "") for name in (GATE, RECOVER, CLOCK))
    if recover:
        step.RECOVER_SECONDS = int(recover)
        kubehttp.TRANSIENT_SECONDS = 2 * int(recover)
        most = 4 * int(recover)  # for a node to become Ready, and the like
        setattr(kubewrite, "until", lambda probe, s: until(probe, min(s, most)))  # noqa: B010
        setattr(transfer, "_QUIET_SECONDS", 5)  # noqa: B010 - not a name it exports
        setattr(hosts, "_ANSWER_SECONDS", 8)  # noqa: B010 - the same
    if clock:
        _set_clock(Path(clock))
    if gate:
        _hold(int(gate))
    return cli.main(sys.argv[1:])


def _hold(gate: int) -> None:
    tell = Report._print_json  # noqa: SLF001 - the one place all events pass

    def held(report: Report, record: dict[str, Any]) -> None:
        tell(report, record)
        os.read(gate, 1)  # also continues when the driver has closed its end

    setattr(Report, "_print_json", held)  # noqa: B010 - it is a method, not a variable


def _set_clock(file: Path) -> None:
    """The time of day is off, here and where tokens get their end; deadlines are not."""
    right = time.time

    def wrong() -> float:
        return right() + float(file.read_text() or 0)  # empty while it is written

    class Clock(datetime):
        """Has the wrong time."""

        @classmethod
        def now(cls, tz: Any = UTC) -> "Clock":
            return cls.fromtimestamp(wrong(), tz)

    time.time = wrong
    setattr(kubeobjects, "datetime", Clock)  # noqa: B010 - not a name it exports


if __name__ == "__main__":
    sys.exit(main())
