"""A lab leaves nothing behind, and a killed one is cleaned up by the next."""

import os
import subprocess
import sys
from pathlib import Path

from tests.lab.cheap import FIRST_HOST
from tests.lab.fixture import CheapFactory, LabFactory
from tests.lab.lab import Lab
from tests.lab.shell import run
from tests.lab.site import DISKS, STATE


def traces(name: str, bridge: str) -> list[str]:
    """Everything on this host that belongs to a lab."""
    commands = (
        "podman ps --all --format {{.Names}}",
        "ip -brief link",
        "ip netns",
        "ip rule",
        "cat /proc/self/mounts",
        "ps -eo args",
    )
    said = [line for c in commands for line in run(c.split()).stdout.splitlines()]
    words = (f"kbl-{name}-", bridge, f"{DISKS}/{name}/")
    found = [line for line in said if any(word in line for word in words)]
    return found + [str(f) for f in (DISKS / name, STATE / name) if f.exists()]


def test_down_leaves_nothing(lab_factory: LabFactory) -> None:
    lab = lab_factory(1, disks={"/": "200m", "/var": "64m"})
    lab.add_node()
    lab.nodes[0].freeze()
    lab.nodes[1].kill()
    bridge = lab.network.bridge
    assert traces(lab.name, bridge)

    lab.down()

    assert traces(lab.name, bridge) == []
    lab.down()  # nothing to do is no error


def test_a_killed_lab_is_replaced(lab_factory: LabFactory) -> None:
    name = f"t0{os.environ.get('PYTEST_XDIST_WORKER', '')}"  # what the factory calls its first
    code = f"import os; from tests.lab import Lab; Lab('{name}', 2).up(); os._exit(9)"
    place = Path(__file__).parents[2]
    died = subprocess.run([sys.executable, "-c", code], cwd=place, check=False)
    assert died.returncode == 9
    assert len(Lab.load(name).nodes) == 2

    lab = lab_factory(1)

    assert lab.name == name
    assert len(list((DISKS / name / "nodes").iterdir())) == 1
    assert len(lab.network.ports()) == 1


def test_cheap_hosts_are_apart_and_go_away(cheap_factory: CheapFactory) -> None:
    cheap = cheap_factory(5)
    one, two = cheap.hosts[:2]
    machine_had = Path("/etc/kubernetes").exists()
    command = "cd /etc && mkdir -p kubernetes && hostname >kubernetes/name && cat kubernetes/name"
    for host in (one, two):
        assert run([*cheap.ssh(host.address), command]).stdout.strip() == host.name
        assert (host.folder / "upper/etc/kubernetes/name").read_text().strip() == host.name
    assert run([*cheap.ssh(one.address, "ops"), "sudo -n id -un"]).stdout == "root\n"
    assert Path("/etc/kubernetes").exists() == machine_had
    assert one.port.host == FIRST_HOST
    one.kill()
    assert not one.answers()
    assert two.answers()
    bridge = cheap.network.bridge

    cheap.down()

    assert traces(cheap.name, bridge) == []


def test_labs_stand_side_by_side(lab_factory: LabFactory) -> None:
    one, two = lab_factory(1), lab_factory(1)
    assert one.network.bridge != two.network.bridge
    ping = f"ping -c1 -W1 {two.nodes[0].address}"
    assert one.nodes[0].exec(ping, check=False).returncode != 0
    assert os.path.commonpath([one.state, two.state]) == str(STATE)
