"""The fault matrix by hand: ``python -m tests.faults --kind standin --stages up --faults kill9``.

Each fault goes through a whole cluster life: up, a worker and a control plane leave and come
back, everything is taken down. One line is printed for each case as it ends; the rows go to
.lab/faults.jsonl (``--to``), from which ``python -m tests.faults.results`` makes the table.
``--random MINUTES`` breaks at random points with random faults, by a printed random seed.
"""

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.bench import FULL, SHORT, bench
from tests.faults.faults import NAMED
from tests.faults.life import Life
from tests.faults.points import life
from tests.faults.results import NOT_REACHED, read
from tests.faults.slice import chosen


def main() -> int:
    """Run what was asked for; the status says whether all cases passed."""
    asked = _parser().parse_args()
    seed = asked.seed or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed}", flush=True)
    failed = 0
    with bench(asked.name, asked.kind, SHORT if asked.short else FULL) as made:
        life_seed = asked.seed or (seed if asked.random else 0)
        runner = Life(made, asked.to, seed=life_seed, commit=_commit())
        if asked.resume:
            runner.done = {row.key for row in read(asked.to) if row.outcome != NOT_REACHED}
        names = [s.name for s in life(made.cluster)]
        stages = asked.stages or names
        if asked.slice:
            for stage in runner.stages:
                failed += runner.stage(stage, chosen(stage.name))
        elif asked.sample:
            failed += runner.sample(asked.sample, seed)
        elif asked.random:
            end = time.monotonic() + asked.random * 60
            while time.monotonic() < end:
                failed += runner.at_random(asked.faults, names)
        else:
            for name in asked.faults:
                failed += runner.whole(NAMED[name], stages, phases=asked.phases)
    print(f"{failed} failed", flush=True)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    add = parser.add_argument
    add("--kind", choices=("standin", "real"), default="standin")
    add("--name", default="fmatrix", help="of the lab")
    add("--stages", type=_names, default=[], help="up,join-worker,... (all)")
    add("--phases", type=_names, default=[], help="only these phases (all)")
    add("--faults", type=_faults, default=list(NAMED), help=f"of {', '.join(NAMED)} (all)")
    add("--slice", action="store_true", help="the cases of CI")
    add("--sample", type=int, default=0, metavar="COUNT", help="so many, spread by the seed")
    add("--random", type=float, default=0, metavar="MINUTES")
    add("--seed", type=int, default=0, help="of the random mode and of its delays")
    add("--short", action="store_true", help="links and APIs are gone for seconds, as in CI")
    add("--resume", action="store_true", help="leave out the cases that --to holds")
    add("--to", type=Path, default=Path(".lab/faults.jsonl"))
    return parser


def _commit() -> str:
    """Of the tree that is tested; marked if it has changes of its own."""
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def _names(text: str) -> list[str]:
    return text.split(",")


def _faults(text: str) -> Sequence[str]:
    names = _names(text)
    unknown = set(names) - NAMED.keys()
    if unknown:
        raise argparse.ArgumentTypeError(f"no such fault: {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
