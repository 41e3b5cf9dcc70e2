"""Judges how a run met a fault: its status, what it reported, and whether the next step works."""

import re
import subprocess
from collections.abc import Iterable, Sequence

from tests.e2e.prefork import Forked
from tests.e2e.site import Result
from tests.faults.accidents import Scene
from tests.faults.faults import Fault, Run
from tests.faults.gate import Event, Held
from tests.lab.shell import run

KILLED = -9
INTERRUPTED = 130
LOCKED, NOT_RENEWED, STOPPED = "KB410", "KB412", "KB601"
STATUS = {"KB2": 5, "KB3": 6, "KB4": 7, "KB5": 8, "KB9": 70, "KB1": 2, "KB6": 130}
# The binaries in hints that only look; a hint's command must be one that can be run.
LOOKS = frozenset(
    ("ssh", "journalctl", "crictl", "curl", "df", "ss", "kubectl", "timedatectl", "openssl")
)
NOT_FOUND = 127


def codes(held: Held) -> str:
    """The codes reported, each once."""
    return ",".join(dict.fromkeys(error["code"] for error in held.errors)) or "no error"


def tail(held: Held) -> str:
    """What it said last, for a problem that was not expected."""
    told = "; ".join(f"{e['code']} {e['node']} {e['phase']}: {e['message']}" for e in held.errors)
    return f" ({told or held.stderr[-300:]})"


def outcome(fault: Fault, status: int, held: Held) -> str:
    """One word or two for the table."""
    if fault.run is Run.DIES:
        return "killed"
    if status == 0:
        return "went on"
    if status == INTERRUPTED:
        return "let go (130)"
    return codes(held)


def problems(faults: Sequence[Fault], scene: Scene, status: int, held: Held) -> list[str]:
    """All that is wrong with how the run ended, after these faults of which the last hit it."""
    fault = faults[-1]
    if fault.run is Run.DIES:
        return [] if status == KILLED else [f"was killed, yet ended with {status}"]
    if fault.run is Run.LETS_GO:
        return _letting_go(status, held)
    if status == 0:
        return []
    if not held.errors:
        return [f"ended with {status} and told no error{tail(held)}"]
    fitting = _fitting(faults, held)
    found = [problem for error in held.errors for problem in _error(fitting, error)]
    if not any(_names(error, scene) for error in held.errors):
        found.append(f"no error names {scene.node.name}")
    wanted = {STATUS[error["code"][:3]] for error in held.errors}
    if status not in wanted:
        found.append(f"ended with {status}, its errors mean {sorted(wanted)}")
    return found


def _letting_go(status: int, held: Held) -> list[str]:
    if status not in {INTERRUPTED, 0}:
        return [f"ended with {status}, not {INTERRUPTED}{tail(held)}"]
    told = {error["code"] for error in held.errors} - {STOPPED}
    return [f"told {sorted(told)} besides the interruption"] if told else []


def _fitting(faults: Iterable[Fault], held: Held) -> frozenset[str]:
    """The codes an error may have; a run that lost its lock (KB412) also stops the other steps."""
    codes = frozenset[str]().union(*(fault.codes for fault in faults))
    lost = any(error["code"] == NOT_RENEWED for error in held.errors)
    return codes | {STOPPED} if lost else codes


def _error(fitting: frozenset[str], error: Event) -> list[str]:
    """A message has a code that fits, a place, a cause and a next step."""
    found = []
    if error["code"] not in fitting:
        found.append(
            f"{error['code']} does not fit: {error['node']} {error['phase']}: {error['message']}"
            f" | {error['detail'][-300:]}"
        )
    if not error["phase"] and error["node"]:
        found.append(f"{error['code']} names no phase: {error['message']}")
    if not error["message"] or not error["hint"].endswith("."):
        found.append(f"{error['code']} lacks its cause or its next step")
    return found


def _names(error: Event, scene: Scene) -> bool:
    """Whether it names a node; which, for a fault of one node."""
    return bool(error["node"]) or scene.node.name in error["message"]


def next_steps(scene: Scene, held: Held) -> list[str]:
    """Run the commands the hints name; the last step, the same command, comes after this."""
    hints = " ".join(dict.fromkeys(error["hint"] for error in held.errors))
    return [
        f"the next step `{words}` cannot be run"
        for words in re.findall(r"`([^`]+)`", hints)
        if words.split()[0] in LOOKS and not _can_be_run(scene, words)
    ]


def _can_be_run(scene: Scene, words: str) -> bool:
    if words.startswith("ssh "):
        argv = [*scene.bench.site.lab.ssh(scene.node.address), "-o", "ConnectTimeout=2", "true"]
        return run(argv, check=False).returncode != NOT_FOUND
    if not scene.node.pid:
        return True  # the node is off; its console says so
    return scene.node.exec(words, check=False).returncode != NOT_FOUND


def refusal(fault: Fault, scene: Scene, again: Result) -> list[str]:
    """The same command while the fault is still there; taking nodes down may work all the same."""
    if again.status == 0 and scene.arguments[0] == "reset":
        return []
    told = {(error["code"], error["node"]) for error in again.errors()}
    told_codes = {code for code, _ in told}
    found = []
    if not told_codes or not told_codes <= fault.stays:
        words = "; ".join(error["message"] for error in again.errors()) or again.out[-300:]
        found.append(f"said again, it told {sorted(told)} and ended with {again.status} ({words})")
    if scene.node.name not in {node for _, node in told}:
        found.append(f"said again, no error names {scene.node.name}: {sorted(told)}")
    return found


def second(process: Forked, seconds: float, *, early: bool) -> list[str]:
    """What the other operator's run reported: one works, the other is refused and does nothing.

    ``early`` says that the first had not begun to work, so the second may have been first.
    """
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return ["the second operator's run does not end"]
    worked = '"event": "action"' in out
    refused = process.returncode == STATUS["KB4"] and LOCKED in out
    if (refused and not worked) or (process.returncode == 0 and (early or not worked)):
        return []
    words = "worked beside the first and" if worked else "was not refused but"
    return [f"the second operator's run {words} ended with {process.returncode}: {out[-400:]}"]
