"""What a reset removes from a node, and which detached runs it ends, in real shells."""

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kbootstrap.engine.phase import parse_facts
from kbootstrap.render import render
from phases import identity
from tests.laws.clusters import cluster
from tests.unit.remote.conftest import Machine

WaitFor = Callable[[Callable[[], bool]], None]


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory that Kubernetes uses."""
    return tmp_path / "kubelet"


def gone(machine: Machine, folder: Path) -> None:
    script = render("reset/gone.sh.j2", before=str(folder.parent / "before"))
    result = machine.step(f"{script}gone {folder}\ngone {folder}")
    assert (result.rc, result.output) == (0, "")


def test_all_of_ours_goes(machine: Machine, data: Path) -> None:
    make(data, "pods/a/b", "c", ".hidden", "two\nlines", "with space/[x]*")
    (data / "link").symlink_to("/")
    (data / "empty" / "deep").mkdir(parents=True)

    gone(machine, data)

    assert not data.exists()
    assert Path("/etc").exists()


def test_lost_and_found_stays(machine: Machine, data: Path) -> None:
    make(data, "member/snap/db", "lost+found/#12")
    gone(machine, data)
    assert tree(data) == {"lost+found", "lost+found/#12"}


def record(machine: Machine, data: Path) -> None:
    """Write down what is there before us, as the phase `identity` does."""
    known = cluster("single")
    script = identity.probe(known, known.first).replace("/var/lib/kubelet", str(data))
    facts = parse_facts(identity.Facts, machine.probe(script))
    assert all(line.startswith(("file ", "link ")) for line in facts.older)
    lines = (*facts.folder, *facts.older)
    (data.parent / "before").write_text("".join(f"{line}\n" for line in lines))


def test_what_was_there_before_us_stays(machine: Machine, data: Path) -> None:
    make(data, "mine/file", "odd [name]*", "config.yaml")
    record(machine, data)
    make(data, "mine/ours", "odd [name]*x", "oddn", "pods/x")
    (data / "config.yaml").write_text("kubeadm's")

    gone(machine, data)

    assert tree(data) == {"mine", "mine/file", "odd [name]*"}


def test_an_empty_directory_from_before_us_stays(machine: Machine, data: Path) -> None:
    data.mkdir()
    (data.parent / "before").write_text(f"{data}\n")
    make(data, "pods/x")
    gone(machine, data)
    assert tree(data) == set()
    assert data.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: mounts need root")
@pytest.mark.parametrize("kind", [["-t", "tmpfs", "none"], ["--bind", "SOURCE"]])
def test_mounts_stay(machine: Machine, data: Path, kind: list[str]) -> None:
    source, mount = data.parent / "source", data / "pods" / "a volume"
    make(source, "precious")
    mount.mkdir(parents=True)
    words = [str(source) if word == "SOURCE" else word for word in kind]
    subprocess.run(["mount", *words, str(mount)], check=True)
    try:
        make(mount, "precious")
        (mount / "empty").mkdir()
        make(data, "pods/b")
        gone(machine, data)
        expected = {"pods", "pods/a volume", "pods/a volume/precious", "pods/a volume/empty"}
        assert tree(data) == expected
    finally:
        subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: mounts need root")
def test_a_mount_point_itself_is_emptied(machine: Machine, data: Path) -> None:
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(data)], check=True)
    try:
        make(data, "member/db", "lost+found/x")
        gone(machine, data)
        assert tree(data) == {"lost+found", "lost+found/x"}
    finally:
        subprocess.run(["umount", str(data)], check=True)


def test_a_directory_that_is_a_link_is_emptied(machine: Machine, data: Path) -> None:
    make(data.parent / "elsewhere", "member/db")
    data.symlink_to("elsewhere")
    gone(machine, data)
    assert tree(data.parent / "elsewhere") == set()


# ---- what runs


@pytest.fixture
def running(machine: Machine, tmp_path: Path, wait_for: WaitFor) -> Iterator[Path]:
    """A detached run, of whose script two processes are at work; the file ends it."""
    end = tmp_path / "end"
    wait = f"until [ -e {end} ]; do sleep 0.1 2>/dev/null || sleep 1; done"
    script = f"sh -c 'touch {tmp_path}/child; {wait}' & echo $! >{tmp_path}/pid; {wait}"
    with ThreadPoolExecutor() as pool:
        pool.submit(machine.step, f"kb_detach init 300 <<'X'\n{script}\nX")
        try:
            wait_for((tmp_path / "child").exists)
            yield tmp_path / "pid"
        finally:
            end.touch()


UNITS = "{}for name in $(units); do kb_fact unit $name; done"


def units(machine: Machine) -> str:
    return machine.probe(UNITS.format(render("reset/units.sh.j2")))


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd would run it")
def test_a_run_is_stopped_with_all_its_processes(machine: Machine, running: Path) -> None:
    assert units(machine) == "unit=init"
    child = running.read_text().strip()
    assert Path("/proc", child).exists()

    result = machine.step(render("reset/stop_units.sh.j2", run="reset"))

    assert result.rc == 0, result.output
    assert units(machine) == ""
    assert (
        not Path("/proc", child).exists()
        or "(zombie)" in Path("/proc", child, "status").read_text()
    )


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd would run it")
def test_a_script_whose_runner_was_killed_counts(
    machine: Machine, running: Path, wait_for: WaitFor
) -> None:
    runner = (machine.state / "run" / "init" / "pid").read_text().split()[0]
    os.kill(int(runner), 9)
    assert units(machine) == "unit=init"

    assert machine.step(render("reset/stop_units.sh.j2", run="reset")).rc == 0

    wait_for(lambda: units(machine) == "")  # what was killed takes a moment to be gone
    assert running.exists()


def test_one_that_ended_is_none(machine: Machine, wait_for: WaitFor) -> None:
    assert machine.step("kb_detach job 50 <<'X'\nexit 3\nX").rc == 3
    wait_for(lambda: units(machine) == "")  # the runner ends a moment after its status


def test_no_state_has_no_units(machine: Machine) -> None:
    assert units(machine) == ""
