"""What was aimed at, and which of it one run of the bench has met."""

from typing import Any

Found = dict[str, Any]
Key = tuple[int, int, str, str]  # nodes, delay, row, tool

RIVALS = ("ansible", "pyinfra", "floor")
# With 300 hosts; row -> how many times our wall time a rival takes at least;
# the floor: its part of ours.
AIMS: dict[str, dict[str, float]] = {
    "a": {"ansible": 15, "pyinfra": 4, "floor": 0.8},
    "b": {"ansible": 100, "pyinfra": 7, "floor": 0.6},
    "c": {"ansible": 100, "pyinfra": 7, "floor": 0.5},
    "d": {"ansible": 30, "pyinfra": 2},
    "e": {"ansible": 1, "pyinfra": 1, "floor": 0.8},
}
MEMORY, MEMORY_EACH = 60, 0.1  # MB, MB per node
START = 3  # times `python -c pass`
SHARE, REST = 0.1, 3  # of kubeadm's own path, and seconds
WORKERS = 3  # times one worker's `up`, for fifty


def reached(cells: dict[Key, list[Found]], found: Found) -> list[str]:
    """Tables of what was aimed at and what was measured."""
    lines = ["### Against the targets", ""]
    lines += ["How many times our wall time, best way of each tool; (the aim, for 300 hosts).", ""]
    for nodes in sorted({n for n, d, _, tool in cells if not d and tool == "pyinfra" and n > 1}):
        lines += [f"| {nodes} hosts | ansible-core | pyinfra | floor by ours |", "|---" * 4 + "|"]
        for row, aims in AIMS.items():
            told = [_told(cells, nodes, row, tool, aims.get(tool)) for tool in RIVALS]
            lines.append(f"| ({row}) | {' | '.join(told)} |")
        lines.append("")
    notes = (*_memory(cells), *_start(found), *_whole(found))
    return [*lines, *(f"- {line}" for line in notes), ""]


def _told(cells: dict[Key, list[Found]], nodes: int, row: str, tool: str, aim: float | None) -> str:
    ours, theirs = (cells.get((nodes, 0, row, name)) for name in ("kbootstrap", tool))
    if not ours or not theirs or not ours[0]["wall"]:
        return ""
    ratio = theirs[0]["wall"] / ours[0]["wall"]
    text = f"{theirs[0]['more']}{ratio:.2f}"
    if aim is None:
        return text
    if theirs[0]["more"] and ratio < aim:
        return f"{text} ({aim:g}) stopped too early to tell"
    return f"{text} ({aim:g}) {_verdict(met=ratio >= aim)}"


def _verdict(*, met: bool) -> str:
    return "met" if met else "not met"


def _memory(cells: dict[Key, list[Found]]) -> list[str]:
    lines = []
    for (nodes, delay, row, tool), ways in cells.items():
        if tool == "kbootstrap" and row in {"b", "c"} and not delay:
            aim = MEMORY + MEMORY_EACH * nodes
            had = ways[0]["resident"]
            lines.append(
                f"memory, ({row}), {nodes}: {had:.0f} MB ({aim:g}) {_verdict(met=had <= aim)}"
            )
    return lines


def _start(found: Found) -> list[str]:
    times = found["startup"]
    ratio = times["kbootstrap --help"]["median"] / times["python -c pass"]["median"]
    return [
        f"start-up: {ratio:.1f} times `python -c pass` ({START}) {_verdict(met=ratio <= START)}"
    ]


def _whole(found: Found) -> list[str]:
    runs = {(run["kind"], run["control planes"], run["workers"]): run for run in found["whole"]}
    lines = []
    for (kind, leaders, workers), run in runs.items():
        aim = SHARE * run["path"] + REST
        lines.append(
            f"`up`, {kind}, {leaders} + {workers}: {run['total']:.1f} s, kubeadm's path"
            f" {run['path']:.1f} s, the rest {run['rest']:.1f} s"
            + (f" ({aim:.1f}) {_verdict(met=run['rest'] <= aim)}" if kind == "real" else "")
        )
    one, fifty = runs.get(("standin", 1, 1)), runs.get(("standin", 1, 50))
    if one and fifty:
        times = fifty["total"] / one["total"]
        lines.append(
            f"50 workers: {times:.1f} times one ({WORKERS}) {_verdict(met=times <= WORKERS)}"
        )
    return lines
