"""One slow, one hanging and one dead host among many: how long the others take; and a jump host.

The bad ones turn bad between the first look and the run, while twenty files are to be
written everywhere. Once the good ones are done the bad ones come back, and end well too.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from bench.fleet import Fleet
from bench.scene import Scene
from kbootstrap.engine.events import Bus, Event
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.run.apply import perform
from kbootstrap.run.run import Run
from phases.workflows import up
from tests.lab.shell import run

SLOW = """cat >/usr/local/bin/sync <<'END'
#!/bin/sh
sleep 5
exec /usr/bin/sync "$@"
END
chmod 755 /usr/local/bin/sync"""
FAST = "rm -f /usr/local/bin/sync"
LEAST = 4  # hosts, of which three turn bad


def measure_all(scene: Scene) -> dict[str, Any]:
    """Seconds until the last good host has its files, without and with bad ones; a jump host."""
    found: dict[str, Any] = {"nodes": len(scene.reach)}
    if len(scene.reach) < LEAST:
        return found
    for name, bad in (("all well", False), ("three bad", True)):
        found[name] = run_files(scene, bad=bad)
    return found | {"jump": through_jump(scene)}


def run_files(scene: Scene, *, bad: bool) -> float:
    """Seconds from the start of the run until the last good host is done."""
    scene.next_files()
    bad_names = set(scene.fleet.names[-3:])
    good = {name for name in scene.fleet.names if name not in bad_names}
    ended: dict[str, float] = {}
    all_good = threading.Event()

    def watch(event: Event) -> None:
        if event.kind == "step" and event.state in {"changed", "failed"}:
            ended[event.node] = time.monotonic()
            if good <= ended.keys():
                all_good.set()

    cluster = load(scene.inventory)
    phases = tuple(p for p in up(cluster) if p.id == "files" or p.shared)
    options = RunOptions(
        inventory=scene.inventory, known_hosts=scene.known_hosts, forks=len(cluster.nodes)
    )
    made = Run(options, cluster, phases, Bus(watch))
    try:
        made.probe(cluster.nodes)
        plan = made.plan(cluster.nodes, [p for p in phases if p.id == "files"])
        with _turned_bad(scene.fleet, all_good) if bad else _nothing():
            start = time.monotonic()
            outcomes = perform(made, plan)
    finally:
        made.close()
    if [o.error for o in outcomes if o.error]:
        raise SystemExit(f"stragglers: {[str(o.error) for o in outcomes if o.error]}")
    return max(ended[name] for name in good) - start


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _turned_bad(fleet: Fleet, all_good: threading.Event) -> Iterator[None]:
    """The last three hosts are slow, hanging and dead until the others are done."""
    slow, hanging, dead = fleet.cheap.hosts[-3:]
    fleet.tell(f"case $(hostname) in {slow.name}) {SLOW}\n;; esac")
    pids = run(["ip", "netns", "pids", hanging.port.name]).stdout.split()

    def signalled(number: signal.Signals) -> None:
        run(["kill", f"-{number.name.removeprefix('SIG')}", *pids], check=False)

    def reconnect() -> None:
        all_good.wait()
        signalled(signal.SIGCONT)
        dead.port.reconnect()

    signalled(signal.SIGSTOP)
    dead.port.cut()
    reconnecting = threading.Thread(target=reconnect)
    reconnecting.start()
    try:
        yield
    finally:
        all_good.set()
        reconnecting.join()
        fleet.tell(FAST)


def through_jump(scene: Scene) -> dict[str, Any]:
    """Connect to all hosts through the first one."""
    data = yaml.safe_load(scene.inventory.read_text())
    jump = {"host": scene.reach[0][1], "port": scene.reach[0][2]}
    for node in data["nodes"][1:]:
        node["ssh"]["jump"] = jump
    path = scene.folder / "jump.yaml"
    path.write_text(yaml.safe_dump(data))
    cluster = load(path)
    options = RunOptions(inventory=path, known_hosts=scene.known_hosts)
    made = Run(options, cluster, tuple(p for p in up(cluster) if p.shared), Bus())
    start = time.monotonic()
    try:
        made.probe(cluster.nodes)
        wall = time.monotonic() - start
        spent = made.connections.meter.snapshot()
    finally:
        made.close()
    return {
        "wall": wall,
        "errors": [str(error) for error in made.errors],
        "connections to it": sum(u.connects for n, u in spent.items() if n.startswith("jump host")),
        "hosts behind it": len(cluster.nodes) - 1,
    }
