"""``python -m bench``: measure, and write what was found. ``bench/run`` calls it."""

import argparse
import itertools
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import limits, relay, startup, stragglers, table, whole
from bench.cases import Case, cases, kbootstrap, refresh
from bench.fleet import JOINED, Fleet
from bench.measure import measure
from bench.scene import TARGET, Scene

ROOT = Path(__file__).parent.parent
DOCS, TRIAL = ROOT / "docs" / "performance", ROOT / ".lab" / "bench"
CHANGED = re.compile(rb"changed=[1-9]|Changed: [1-9]")


def main() -> int:
    """Every fleet, every case, several rounds; then the tables."""
    words = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hosts go as well
    if os.geteuid() != 0:
        print("the benchmark needs root: it makes network namespaces and mounts", file=sys.stderr)
        return 1
    if words.quick:
        words.nodes, words.runs, words.delays, words.whole = [10], 2, [0], False
    words.to = words.to or (TRIAL if words.quick else DOCS)
    cells: list[dict[str, Any]] = []
    aside: list[dict[str, Any]] = []
    found = {
        "machine": _machine(),
        "cells": cells,
        "stragglers": aside,
        "startup": startup.measure_all(words.runs),
        "whole": [],
    }
    for count in words.nodes:
        with Fleet(count) as fleet, tempfile.TemporaryDirectory(prefix="kb-bench-") as folder:
            for delay in _delays(words, count):
                with _scene(fleet, Path(folder), delay) as scene:
                    if not delay and count <= limits.MANY:
                        aside.append(stragglers.measure_all(scene))
                    for _ in _rounds(scene, words, delay, cells):
                        _write(found, words.to)  # so that a run cut short leaves what it has
    if words.whole:
        found["whole"] = whole.measure_all()
        _write(found, words.to)
    print((words.to / "table.md").read_text())
    return 0


def _delays(words: argparse.Namespace, count: int) -> list[int]:
    return words.delays if count in words.delay_nodes else [0]


def _write(found: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    table.write(found, folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    add = parser.add_argument
    add("--nodes", type=_numbers, default=[1, 10, 100, 300, 1000], help="host counts: 1,10,100")
    add("--runs", type=int, default=5, help="rounds; tools take turns within each")
    add("--rows", type=lambda t: t.split(","), default=["a", "b", "c", "c0", "d", "e"])
    add(
        "--tools",
        type=lambda t: t.split(","),
        default=["kbootstrap", "ansible", "pyinfra", "floor"],
    )
    add("--budget", type=float, default=30, help="seconds for one tool in one row; at least 1 run")
    add("--cut", type=float, default=1800, help="seconds after which one run is stopped, at most")
    add("--delays", type=_numbers, default=[0, 20, 100], help="ms added to each round trip")
    add("--delay-nodes", type=_numbers, default=[10], help="for these host counts, others have 0")
    add("--no-whole", dest="whole", action="store_false", help="make no clusters")
    add("--to", type=Path, help="directory of the results (docs/performance)")
    add("--quick", action="store_true", help="10 hosts, 2 rounds, no latency; to .lab/bench")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",") if word]


@contextmanager
def _scene(fleet: Fleet, folder: Path, delay: int) -> Iterator[Scene]:
    """A scene whose hosts have had their first ``up``."""
    here = folder / f"{delay}ms"
    here.mkdir()
    reach = [(name, host, 22) for name, host in zip(fleet.names, fleet.addresses, strict=True)]
    with relay.running(reach, delay) as near:
        scene = Scene(fleet, here, near)
        scene.write()
        fleet.tell(f"rm -f /etc/kubernetes/kubelet.conf; mkdir -p {TARGET}")
        _must(kbootstrap(scene, "up", "--until", "kubeadm-config"))
        fleet.tell(JOINED, first=1)  # the first is a control plane, which would be damaged
        scene.keep_rendered()
        refresh(scene)
        yield scene


def _must(words: tuple[str, ...]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}")


def _rounds(
    scene: Scene, words: argparse.Namespace, delay: int, cells: list[dict[str, Any]]
) -> Iterator[None]:
    """All cases in turn, as often as wanted; the slow ones stop at their budget.

    Ansible, by far the slowest, comes when the others are done, so that a run which is broken
    off has them. Yields after each round.
    """
    chosen = [
        (case, _cell(scene, delay, case))
        for case in cases(scene)
        if case.row in words.rows
        and case.tool in words.tools
        and limits.measured(case.tool, case.row, case.variant, len(scene.reach))
    ]
    here = [cell for _, cell in chosen]
    fast = [one for one in chosen if one[0].tool != "ansible"]
    slow = [one for one in chosen if one[0].tool == "ansible"]
    for turns, turn in itertools.product((fast, slow), range(words.runs)):
        for case, cell in turns:
            had = cell["samples"]
            budget = words.budget / limits.SLOWER if case.tool == "ansible" else words.budget
            if had and (had[-1]["cut"] or _with_one_more(had) > budget):
                continue
            most = min(words.cut, limits.seconds(here, cell))
            had.append(_one(scene, case, most))
            if len(had) == 1:
                cells.append(cell)
            figures = ", ".join(f"{k} {had[-1][k]:.2f}" for k in ("wall", "client", "server"))
            name = (case.row, case.tool, case.variant)
            print(f"N={cell['nodes']} +{delay} ms, round {turn + 1}: {name}: {figures}", flush=True)
        yield


def _with_one_more(samples: list[dict[str, Any]]) -> float:
    """Seconds all of them took, and one more as long as they are in the mean."""
    return float(sum(s["wall"] for s in samples)) * (1 + 1 / len(samples))


def _cell(scene: Scene, delay: int, case: Case) -> dict[str, Any]:
    return {
        "nodes": len(scene.reach),
        "delay": delay,
        "row": case.row,
        "tool": case.tool,
        "variant": case.variant,
        "samples": [],
    }


def _one(scene: Scene, case: Case, cut: float) -> dict[str, Any]:
    if case.fresh or (case.row == "c" and case.tool == "floor"):
        scene.next_files()
        refresh(scene)
    log = scene.folder / "log"
    log.write_bytes(b"")
    sample = measure(case.words, log, scene.fleet, case.env, cut)
    said = log.read_bytes()
    if sample.cut and case.tool != "kbootstrap":  # the others are compared with its time
        return sample.data()
    if sample.status != case.good or (case.quiet and CHANGED.search(said)):
        raise SystemExit(f"{case}: {sample.status}\n{said[-6000:].decode(errors='replace')}")
    return sample.data()


def _machine() -> dict[str, Any]:
    return {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "memory": int(re.findall(r"\d+", Path("/proc/meminfo").read_text())[0]) // 1024,
    }


if __name__ == "__main__":
    sys.exit(main())
