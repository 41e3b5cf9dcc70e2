"""What came of each case, as JSON lines; and the table in docs/faults.md made from them."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.points import Point

NOT_REACHED, NOT_APPLICABLE = "nothing to do there", "cannot be made there"


@dataclass
class Row:
    """One fault at one point.

    Attributes:
        outcome: how the run met it: an error's code, ``went on``, ``killed``, ...
        seconds: from saying the same command again until it was back at the point; when
            the run went on by itself, from the fault on.
        problems: everything that is not as it should be; none is a pass.

    """

    kind: str
    stage: str
    phase: str
    node: str
    role: str
    moment: str
    fault: str
    action: str = ""
    outcome: str = ""
    status: int | None = None
    seconds: float | None = None
    seed: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        """Whether the fault was made."""
        return self.outcome not in {NOT_REACHED, NOT_APPLICABLE}

    @property
    def key(self) -> tuple[str, ...]:
        """Which case it is."""
        return (self.kind, self.stage, self.phase, self.node, self.moment, self.fault)

    @property
    def record(self) -> dict[str, Any]:
        """What is kept: only what says something."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None, [])}

    def line(self) -> str:
        """For people."""
        seconds = "" if self.seconds is None else f"{self.seconds:6.1f} s"
        verdict = "FAIL" if self.problems else "ok" if self.reached else "-"
        place = f"{self.stage} {self.phase} {self.node} {self.moment}"
        lines = [f"{verdict:4} {self.fault:15} {place:45} {self.outcome:22} {seconds}"]
        return "\n".join([*lines, *(f"       {problem}" for problem in self.problems)])


def case(kind: str, role: str, point: Point, fault: str, seed: int) -> Row:
    """A row that has yet to happen."""
    return Row(
        kind=kind,
        stage=point.stage,
        phase=point.phase,
        node=point.node,
        role=role,
        moment=point.moment.name.lower(),
        fault=fault,
        seed=seed,
    )


def read(path: Path) -> list[Row]:
    """All rows of a file; of a case that was run again the last one."""
    rows: dict[tuple[str, ...], Row] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            row = Row(**json.loads(line))
            rows[row.key] = row
    return list(rows.values())


def append(path: Path, rows: Iterable[Row]) -> None:
    """Keep rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for row in rows:
            file.write(json.dumps(row.record) + "\n")


def table(rows: Iterable[Row], titles: dict[str, str]) -> str:
    """Markdown: a line per fault and command, the outcomes counted, the seconds spread."""
    groups: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.fault, row.stage].append(row)
    lines = [
        "| fault | command | points | outcomes of the run it hit | rerun: median, most | failed |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_group(titles.get(f, f), stage, found) for (f, stage), found in groups.items()]
    return "\n".join(lines) + "\n"


def _group(title: str, stage: str, found: list[Row]) -> str:
    hit = [row for row in found if row.reached]
    counts: defaultdict[str, int] = defaultdict(int)
    for row in hit:
        counts[row.outcome] += 1
    outcomes = ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda c: -c[1]))
    seconds = sorted(row.seconds for row in hit if row.seconds is not None)
    spread = f"{seconds[len(seconds) // 2]:.1f} s, {seconds[-1]:.1f} s" if seconds else "-"
    failed = sum(bool(row.problems) for row in found)
    quiet = len(found) - len(hit)
    points = f"{len(hit)}" + (f" (+{quiet} with nothing to do)" if quiet else "")
    return f"| {title} | {stage} | {points} | {outcomes or '-'} | {spread} | {failed} |"


def each(rows: Iterable[Row], titles: dict[str, str]) -> str:
    """Markdown: a line per case that was reached."""
    lines = ["| command | phase | node | moment | fault | outcome | seconds |", "|" + "---|" * 7]
    for row in rows:
        if row.reached:
            title = titles.get(row.fault, row.fault)
            seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
            outcome = f"{row.outcome} **failed**" if row.problems else row.outcome
            place = f"{row.stage} | {row.phase} | {row.node}, {row.role} | {row.moment}"
            lines.append(f"| {place} | {title} | {outcome} | {seconds} |")
    return "\n".join(lines) + "\n"


def main(words: Sequence[str]) -> None:
    """Print the table of files of rows; with ``--each`` a line per case."""
    from tests.faults.faults import NAMED  # noqa: PLC0415 - it needs the lab, tables do not

    files = [Path(word) for word in words if word != "--each"]
    rows = {row.key: row for path in files for row in read(path)}.values()
    order = {name: at for at, name in enumerate(NAMED)}
    titles = {name: fault.title for name, fault in NAMED.items()}
    make = each if "--each" in words else table
    print(make(sorted(rows, key=lambda row: order.get(row.fault, 0)), titles), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
