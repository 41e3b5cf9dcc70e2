"""What came of each case, as JSON lines; and docs/faults-results.md made from them."""

import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from tests.faults.points import Point

EARLIER = "a commit before 2026-11-22"  # rows had no commit then
NOT_REACHED, NOT_APPLICABLE = "nothing to do there", "cannot be made there"


@dataclass
class Row:
    """One fault at one point.

    Attributes:
        commit: of kbootstrap, where the case was made.
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
    commit: str = ""
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
        """What is retained: only what says something."""
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
        with _open(path, "rt") as file:
            for line in file:
                row = Row(**json.loads(line))
                rows[row.key] = row
    return list(rows.values())


def append(path: Path, rows: Iterable[Row]) -> None:
    """Keep rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _open(path, "at") as file:
        for row in rows:
            file.write(json.dumps(row.record) + "\n")


def _open(path: Path, mode: str) -> IO[str]:
    """Packed if the name says so."""
    return cast("IO[str]", (gzip.open if path.suffix == ".gz" else open)(path, mode))


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


def commits(rows: Iterable[Row]) -> str:
    """How many rows were made at which commit, the most first."""
    counts = Counter(row.commit or EARLIER for row in rows if row.reached)
    return ", ".join(f"{count} at {commit}" for commit, count in counts.most_common()) or "none"


PAGE = """# Faults: the results

Made by `python -m tests.faults.results docs/faults-rows.jsonl.gz`; what is asked of each case:
[faults.md](faults.md).
The seconds are those from saying the same command again until it was back at the point; where the
run went on by itself, from the fault on.

## Real binaries: the slice and a sample

{reached} faults made, {failed} of them failed. By commit: {real_commits}.

{real}
## Stand-in: the matrix

{total} faults made at {points} points, {wrong} of them failed. Where there was
nothing to do, a phase had no work on that node, or what came before had done it already.
By commit: {commits}.

{standin}"""


def page(rows: Sequence[Row], titles: dict[str, str]) -> str:
    """docs/faults-results.md."""
    real, standin = ([row for row in rows if row.kind == kind] for kind in ("real", "standin"))
    return PAGE.format(
        commits=commits(standin),
        real_commits=commits(real),
        reached=sum(row.reached for row in real),
        failed=sum(bool(row.problems) for row in real),
        real=each(real, titles),
        total=sum(row.reached for row in standin),
        points=len({row.key[:-1] for row in standin if row.reached}),
        wrong=sum(bool(row.problems) for row in standin),
        standin=table(standin, titles),
    )


def main(words: Sequence[str]) -> None:
    """Print the page of files of rows."""
    from tests.faults.faults import NAMED  # noqa: PLC0415 - it needs the lab, tables do not

    rows = {row.key: row for word in words for row in read(Path(word))}.values()
    order = {name: at for at, name in enumerate(NAMED)}
    titles = {name: fault.title for name, fault in NAMED.items()}
    print(page(sorted(rows, key=lambda row: order.get(row.fault, 0)), titles), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
