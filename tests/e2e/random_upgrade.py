"""An upgrade that is killed or whose nodes reboot at random moments, until it is done."""

import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.prefork import Forked
from tests.e2e.site import Site
from tests.e2e.upgrades import SECONDS
from tests.lab.node import Node
from tests.lab.shell import wait_until

FAULTS = 6  # in each upgrade; the last command is left alone
WAIT = (2.0, 45.0)  # seconds until the next fault
KILLED = 0.5  # the share of faults that kill the run
SETTLE = 60.0  # seconds after a boot in which its static pods may still be starting
DRAIN = "drain the node"
# What a run may say while a node boots: it is away, or its API server, etcd or kubelet is not up
# yet, or what is left to do was not printed.
BOOTING = frozenset(
    {"KB201", "KB207", "KB300", "KB324", "KB330", "KB331", "KB350", "KB360", "KB403", "KB412"}
    | {"KB601"}  # of the steps that a run gave up with KB412
)


@dataclass
class Run:
    """One command that was said, and what was done to it."""

    faults: list[str] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)  # of the faults, by the wall clock
    seconds: float = 0.0
    status: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    booted: float = 0.0  # when the node rebooted last was up again; by the wall clock

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The error events."""
        return [event for event in self.events if event["event"] == "error"]

    def __str__(self) -> str:
        told = "; ".join(
            f"{e['code']} {e['node']} {e['phase']}: {e['message']}" for e in self.errors
        )
        what = ", ".join(self.faults) or "no fault"
        return f"{what}; ended with {self.status} after {self.seconds:.1f} s {told}".rstrip()


def upgrade(site: Site, words: list[str], seed: int) -> list[Run]:
    """Say the command until it is done; FAULTS times a run is killed or a node reboots."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    done: list[Run] = []
    while not (done and done[-1].status == 0):
        assert len(done) < FAULTS + 4, "\n".join(map(str, done))
        run = Run()
        _say(site, words, run, dice, FAULTS - sum(len(before.faults) for before in done))
        print(f"  {run}", flush=True)
        done.append(run)
    return done


def _say(site: Site, words: list[str], run: Run, dice: random.Random, faults: int) -> None:
    out = site.folder / "run.jsonl"
    start = time.monotonic()
    with out.open("w") as file:
        process = Forked(site.command(*words), site.environment(), stdout=file)
        while process.poll() is None:
            after = dice.uniform(*WAIT) if len(run.faults) < faults else SECONDS
            with suppress(subprocess.TimeoutExpired):
                process.wait(after)
                break
            run.moments.append(time.time())
            at = f"at {time.monotonic() - start:.1f} s"
            if dice.random() < KILLED:
                run.faults.append(f"kill -9 {at}")
                process.kill()
                process.wait()
            else:
                node = dice.choice(site.lab.nodes)
                run.faults.append(f"reboot of {node.name} {at}")
                node.reboot()
                run.booted = time.time()
    run.status, run.seconds = process.wait(), time.monotonic() - start
    run.events = list(_events(out))


def _events(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        if line.startswith("{") and line.endswith("}"):
            yield json.loads(line)


def false_errors(runs: list[Run]) -> list[str]:
    """Errors reported while nothing was broken, and those that no reboot explains."""
    found: list[str] = []
    booted = 0.0
    for run in runs:
        booted = run.booted or booted
        found += [
            f"{run}\n{json.dumps(error, indent=1)}"
            for error in run.errors
            if error["code"] not in BOOTING or _failed_at(run, error) > booted + SETTLE
        ]
    return found


def _failed_at(run: Run, error: dict[str, Any]) -> float:
    """When the step failed whose error is reported at the end of the run."""
    place = (error["node"], error["phase"])
    failed = [
        event["at"]
        for event in run.events
        if event.get("state") == "failed" and (event["node"], event["phase"]) == place
    ]
    return float(max(failed, default=error["at"]))


def drains_cut_short(runs: list[Run]) -> Counter[str]:
    """Node -> how often a drain was under way there when a run was killed or a node rebooted."""
    found: Counter[str] = Counter()
    for run in runs:
        for moment in run.moments:
            before = [e for e in run.events if e["event"] in ACTIVE and e["at"] < moment]
            last = {event["node"]: event.get("text") for event in before}
            found.update(node for node, text in last.items() if text == DRAIN)
    return found


ACTIVE = frozenset({"action", "step"})


def completed(node: Node, version: str) -> int:
    """How often `kubeadm upgrade` ended by itself on a node, and went well or not."""
    unit = f"kbootstrap-upgrade-{version}"
    said = node.exec(f"journalctl --no-pager -q -o cat -u {unit}").stdout
    return said.count("Deactivated successfully") - said.count("\nStopping ")


def settled(site: Site) -> None:
    """All nodes are Ready."""
    wait_until("all are Ready", lambda: all(site.ready_nodes().values()), timeout=60, every=1)
