"""The tables, as Markdown; `plot` draws the curve."""

import statistics
from pathlib import Path

from bench import plot, targets
from bench.cases import ROWS, STEPS, TOOLS
from bench.targets import Found, Key


def variants(found: Found) -> dict[Key, list[Found]]:
    """The figures of each tool's ways to do a row, the fastest first."""
    cells: dict[Key, list[Found]] = {}
    for cell in found["cells"]:
        key = (cell["nodes"], cell["delay"], cell["row"], cell["tool"])
        cells.setdefault(key, []).append(_figures(cell))
    for ways in cells.values():
        ways.sort(key=lambda figures: float(figures["wall"]))
    for (nodes, delay, row, tool), ways in cells.items():
        one = cells.get((nodes, delay, "e", tool))
        if row == "d" and one:
            _difference(ways[0], one[0])
    return cells


def _difference(many: Found, one: Found) -> None:
    """Turn the figures of STEPS steps into those of one more step, by the least disturbed runs."""
    many["wall"], base = many["least"], one | {"wall": one["least"]}
    for name in ("wall", "client", "server", "moved"):
        many[name] = max(many[name] - base[name], 0.0) / (STEPS - 1)
    many["least"] = many["most"] = many["wall"]


def _figures(cell: Found) -> Found:
    samples = cell["samples"]
    figures: Found = {
        name: statistics.median(s[name] for s in samples)
        for name in ("wall", "client", "server", "moved", "memory", "resident", "load")
    }
    walls = [s["wall"] for s in samples]
    return figures | {
        "least": min(walls),
        "most": max(walls),
        "runs": len(walls),
        "variant": cell["variant"],
        "more": ">" if any(s["cut"] for s in samples) else "",
    }


def write(found: Found, folder: Path) -> None:
    """table.md and curve.svg."""
    cells = variants(found)
    machine = found["machine"]
    lines = [
        (
            f"Measured {machine['when']}: {machine['cpus']} CPUs, {machine['memory']} MiB, kernel"
            f" {machine['kernel']}, Python {machine['python']}; hosts and tools share the computer."
        ),
        "",
    ]
    for nodes, delay in sorted({(n, d) for n, d, _, _ in cells}):
        added = f", {delay} ms added to each round trip" if delay else ""
        lines += [f"### {nodes} host{'s' * (nodes > 1)}{added}", ""]
        lines += _table(cells, nodes, delay)
    lines += ["### Start-up", "", "| command | median ms | least ms |", "|---|---|---|"]
    for name, times in found["startup"].items():
        lines.append(f"| `{name}` | {times['median'] * 1e3:.0f} | {times['least'] * 1e3:.0f} |")
    lines += _aside(found["stragglers"])
    lines += ["", *targets.reached(cells, found)]
    (folder / "table.md").write_text("\n".join([*lines, ""]))
    (folder / "curve.svg").write_text(plot.curve({key: ways[0] for key, ways in cells.items()}))


def _table(cells: dict[Key, list[Found]], nodes: int, delay: int) -> list[str]:
    head = (
        "| row | tool | wall s (least to most, runs) | client CPU s | server CPU s | KB | MB | RSS"
        " | load | its wall by ours |"
    )
    lines = [head, "|---" * 10 + "|"]
    for row, title in ROWS.items():
        ours = cells.get((nodes, delay, row, "kbootstrap"))
        for tool in TOOLS:
            for figures in cells.get((nodes, delay, row, tool), []):
                ratio = figures["wall"] / ours[0]["wall"] if ours and ours[0]["wall"] else 0.0
                times = f"{figures['more']}{ratio:.2f}x" if ratio and tool != "kbootstrap" else ""
                lines.append(_line(f"({row}) {title}", tool, figures, times))
    return [*lines, ""]


def _line(title: str, tool: str, figures: Found, times: str) -> str:
    name = f"{tool} ({figures['variant']})" if figures["variant"] else tool
    spread = f"{figures['least']:.2f} to {figures['most']:.2f}, {figures['runs']}"
    return (
        f"| {title} | {name} | {figures['more']}{figures['wall']:.3f} ({spread})"
        f" | {figures['client']:.2f} | {figures['server']:.2f}"
        f" | {figures['moved'] / 1e3:.0f} | {figures['memory']:.0f} | {figures['resident']:.0f}"
        f" | {figures['load']:.1f} | {times} |"
    )


def _aside(stragglers: list[Found]) -> list[str]:
    lines = [
        "",
        "### One slow, one hanging and one dead host; a jump host",
        "",
        (
            "| hosts | good ones done, all well, s | good ones done, three bad, s"
            " | through one jump host, s | connections to it | errors |"
        ),
        "|---|---|---|---|---|---|",
    ]
    for found in sorted(stragglers, key=lambda one: int(one["nodes"])):
        if "jump" in found:
            jump = found["jump"]
            lines.append(
                f"| {found['nodes']} | {found['all well']:.2f} | {found['three bad']:.2f}"
                f" | {jump['wall']:.2f} | {jump['connections to it']} | {len(jump['errors'])} |"
            )
    return lines
