"""The changes that docs/architecture.md shows apply to the tree, and do what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[3]
PAGE = (TOP / "docs" / "architecture.md").read_text()


def patch(heading: str) -> str:
    """The diff below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.search(r"```diff\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the tree."""
    for name in ("kbootstrap", "phases", "templates", "inventory"):
        shutil.copytree(TOP / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def changed(copy: Path, heading: str, program: str) -> str:
    """What a command prints after the change."""
    subprocess.run(
        ["git", "apply", "--recount", "-"],
        cwd=copy,
        input=patch(heading),
        text=True,
        check=True,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(copy.parent)},
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


A_PHASE = """
from pathlib import Path
from kbootstrap.commands.render import rendered
from kbootstrap.engine.phase import View
from kbootstrap.model.load import load
from phases import identity, reset_clean, workflows

known = load(Path("inventory/ha.yaml"))
node = known.nodes[-1]
(phase,) = (phase for phase in workflows.up(known) if phase.id == "scratch")
assert [a.path for a in phase.plan(View(cluster=known, node=node, facts=phase.facts()))]
facts = reset_clean.Left(left=("path x",), marker=known.name)
(clean,) = reset_clean.plan_clean(View(cluster=known, node=node, facts=facts))
for script in (identity.probe(known, node), reset_clean.probe_clean(known, node), clean.body):
    assert "/srv/scratch" in script
print(*(path for path, _ in rendered(known, node)))
"""


A_FAMILY = """
from kbootstrap.distro import install_command
from kbootstrap.engine import host_probe
from kbootstrap.model.host_facts import HostFacts

assert " pacman " in host_probe.part().script
for host in (HostFacts(os_id="arch"), HostFacts(os_id="manjaro", os_like=("arch",))):
    print(install_command(host, ["ip", "conntrack"]))
"""


def test_an_os_family_is_added(copy: Path) -> None:
    command = "`pacman -S conntrack-tools iproute2`"
    assert changed(copy, "Add an OS family", A_FAMILY).splitlines() == [command, command]


def test_a_phase_is_added_and_what_it_leaves_is_removed(copy: Path) -> None:
    assert "/etc/tmpfiles.d/scratch.conf" in changed(
        copy, "Add a phase that leaves something", A_PHASE
    )
