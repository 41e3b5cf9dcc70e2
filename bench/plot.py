"""The curve of wall time over hosts, as an SVG without any library."""

import math
from typing import Any

WIDE, HIGH, LEFT, TOP = 720, 420, 60, 30
COLOURS = {"kbootstrap": "#1a6fb4", "ansible": "#c23b22", "pyinfra": "#e08a1e", "floor": "#777777"}
SHOWN = {"b": "", "e": "6 4"}  # row -> dashes


def curve(cells: dict[tuple[int, int, str, str], dict[str, Any]]) -> str:
    """Rows (b), whole lines, and (e), dashed; both axes logarithmic."""
    points = {
        (row, tool, nodes): figures["wall"]
        for (nodes, delay, row, tool), figures in cells.items()
        if delay == 0 and row in SHOWN and figures["wall"] > 0
    }
    if not points:
        return '<svg xmlns="http://www.w3.org/2000/svg"/>\n'
    counts = sorted({nodes for _, _, nodes in points})
    low = math.floor(math.log10(min(points.values())))
    high = math.ceil(math.log10(max(points.values())))
    span = math.log10(counts[-1] / counts[0]) or 1

    def at(nodes: int, seconds: float) -> tuple[float, float]:
        x = LEFT + (WIDE - LEFT - 120) * math.log10(nodes / counts[0]) / span
        y = TOP + (HIGH - TOP - 40) * (high - math.log10(seconds)) / ((high - low) or 1)
        return round(x, 1), round(y, 1)

    parts = [_grid(counts, range(low, high + 1), at)]
    for tool, colour in COLOURS.items():
        for row, dashes in SHOWN.items():
            line = [at(n, points[row, tool, n]) for n in counts if (row, tool, n) in points]
            if not line:
                continue
            path = " ".join(f"{x},{y}" for x, y in line)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"'
                f' stroke-dasharray="{dashes}"/>'
            )
            parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in line]
            x, y = line[-1]
            parts.append(f'<text x="{x + 8}" y="{y + 4}" fill="{colour}">{tool} ({row})</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}"'
        f' font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDE}" height="{HIGH}" fill="white"/>\n{body}\n</svg>\n'
    )


def _grid(counts: list[int], decades: range, at: Any) -> str:
    lines = []
    for decade in decades:
        x, y = at(counts[0], 10.0**decade)
        label = f"{10.0**decade:g} s"
        lines.append(f'<line x1="{x}" y1="{y}" x2="{WIDE - 120}" y2="{y}" stroke="#ddd"/>')
        lines.append(f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{label}</text>')
    for nodes in counts:
        x, y = at(nodes, 10.0 ** decades[0])
        lines.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{nodes}</text>')
    lines.append(f'<text x="{WIDE / 2 - 60}" y="{HIGH - 4}" text-anchor="middle">hosts</text>')
    return "\n".join(lines)
