"""docs/run.svg from docs/run.txt: what `tests/demo` printed on three fresh nodes.

To record it again: ``tests/demo --down; tests/demo >OUT``, keep the part from ``$ kbootstrap up``
to the nodes in docs/run.txt, then ``python docs/make_run_svg.py``.
"""
# ruff: noqa: INP001 - a script, in no package

import io
import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
WIDTH = 84
SHOWN = 14  # lines of the plan; it is long
STYLES = (
    (r"^\$ .*", "bold white"),
    (r"\bchanged\b|\bReady\b", "green"),
    (r"\([\d.]+ s\)$", "dim"),
    (r"^node\d+", "cyan"),
    (r"^\d+ actions .*", "bold"),
    (r"^  … .*", "dim italic"),
)


def shown(lines: list[str]) -> list[str]:
    """The recording without most of the plan and without the table at the end."""
    end = next(i for i, line in enumerate(lines) if re.match(r"\d+ actions on ", line))
    table = next(i for i, line in enumerate(lines) if line.startswith("node  "))
    rest = next(i for i, line in enumerate(lines) if line.startswith("done "))
    left_out = f"  … {end - SHOWN - 1} more lines of the plan"
    return [*lines[: SHOWN + 1], left_out, *lines[end : table - 1], "", *lines[rest:]]


def svg(lines: list[str]) -> str:
    """The picture; no fonts from elsewhere, and the same bytes each time."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for line in lines:
        text = Text(line)
        for pattern, style in STYLES:
            text.highlight_regex(pattern, style)
        console.print(text)
    plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="kbootstrap", code_format=plain, unique_id="run")


if __name__ == "__main__":
    recording = (HERE / "run.txt").read_text(encoding="utf-8").rstrip().splitlines()
    (HERE / "run.svg").write_text(svg(shown(recording)), encoding="utf-8")
