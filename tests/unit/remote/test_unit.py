"""A unit that does not start: what its journal says is in the error."""

from kbootstrap import codes
from kbootstrap.action import Unit
from kbootstrap.engine.failures import failure
from tests.unit.remote.conftest import Machine

# As systemd and a Type=notify daemon do it: systemctl itself gives no reason.
SYSTEMD = """
systemctl() { echo "Job for containerd.service failed." >&2; return 1; }
journalctl() { echo 'level=fatal msg="unknown cgroup manager \\"nonsense\\""'; }
"""


def test_the_journals_last_lines_are_in_the_error(machine: Machine) -> None:
    action = Unit(why="x", command="restart", name="containerd.service")

    result = machine.step(SYSTEMD + action.script())

    assert result.rc == 1
    error = failure(action, result.output, result.rc)
    assert error.code is codes.RUNTIME_DOWN
    assert "unknown cgroup manager" in error.detail
    assert "Job for containerd.service failed." in error.detail


def test_a_unit_that_starts_says_nothing(machine: Machine) -> None:
    action = Unit(why="x", command="restart", name="containerd.service")
    words = 'systemctl() { [ "$*" = "--quiet restart containerd.service" ]; }\n'
    result = machine.step(words + action.script())
    assert (result.rc, result.output) == (0, "")
