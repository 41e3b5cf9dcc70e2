"""Every probe of `up` says the same with each shell and each set of tools that we promise."""

from functools import cache

import pytest

from kbootstrap.engine.phase import AnyPhase, parse_facts
from kbootstrap.model.cluster import Cluster
from kbootstrap.remote.local import LocalConnection
from kbootstrap.remote.protocol import Part
from phases.workflows import up
from tests.laws.clusters import NAMES, cluster
from tests.unit.remote.conftest import Machine

# No host of the tests need have systemd; free space and the clock change meanwhile.
SYSTEMCTL = """systemctl() {
  echo ActiveState=active UnitFileState=enabled NeedDaemonReload=no MainPID=1 FragmentPath=/lib/x
}
"""
MOVING = ("address=", "clock=", "var_kib=", "etc_kib=")


@cache
def wanted(script: str) -> str:
    """What GNU's tools under dash say."""
    part = Part("p", script, "probe")
    return LocalConnection(("dash",)).perform([part], run_id="run1").output("p")


def still(facts: str) -> list[str]:
    return [line for line in facts.splitlines() if not line.startswith(MOVING)]


def probes(known: Cluster) -> list[tuple[AnyPhase, str]]:
    node = known.first
    return [
        (phase, f"{SYSTEMCTL}{phase.probe(known, node)}\n:")
        for phase in up(known)
        if phase.probe is not None and phase.on(known, node)
        # it asks the other nodes, which are not there
        if phase.id != "fitness" or len(known.nodes) == 1
    ]


@pytest.mark.parametrize("name", NAMES)
def test_tools_do_not_change_what_probes_say(machine: Machine, name: str) -> None:
    for phase, script in probes(cluster(name)):
        said = machine.probe(script)
        parse_facts(phase.facts, said)
        assert still(said) == still(wanted(script)), phase.id
