"""Row (g): `up` on containers with systemd, and how much of its time is kubeadm's own.

``python -m bench.whole KIND CONTROL_PLANES WORKERS``, KIND ``standin`` or ``real``. What
kubeadm took is read on the nodes: its detached runs note when they began and ended.
"""

import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from kbootstrap.node_paths import RUNS
from tests.e2e.conftest import new_site
from tests.e2e.site import VERSION, real_programs
from tests.lab import Lab

# Seconds from the start of a detached run to its end, by its own files; 0 if it never ran.
TOOK = f"""
cd "{RUNS}/$1" 2>/dev/null || {{ echo 0; exit 0; }}
begun=$(stat -c %.3Y started) ended=$(stat -c %.3Y rc)
awk -v a="$begun" -v b="$ended" 'BEGIN {{ print b - a }}'
"""


# Kind, control planes, workers of the clusters that a whole run of the bench makes.
CLUSTERS = (("real", 3, 3), ("standin", 1, 1), ("standin", 1, 50))


def measure_all() -> list[dict[str, Any]]:
    """All of them; the real one only if its binaries are available."""
    chosen = [one for one in CLUSTERS if one[0] == "standin" or real_programs(VERSION)]
    return [measure(*one) for one in chosen]


def measure(kind: str, leaders: int, workers: int) -> dict[str, Any]:
    """Seconds of one `up`: in total, of kubeadm's path, the rest; and of our own CPU."""
    load = os.getloadavg()[0]
    lab = Lab("benchwhole", leaders + workers)
    try:
        lab.up()
        lab.registry.start()
        with tempfile.TemporaryDirectory(prefix="kb-bench-") as folder:
            site = new_site(lab, kind, Path(folder), control_planes=leaders)
            site.write_inventory()
            before = _cpu()
            total = site.ok("up", "--yes").seconds
            ours = _cpu() - before
        took = {
            (node.name, run): float(node.exec(["sh", "-c", TOOK, "sh", run]).stdout)
            for node in lab.nodes
            for run in ("init", "join")
        }
        names = [node.name for node in lab.nodes]
    finally:
        lab.down()
    joins = [took[name, "join"] for name in names]
    path = took[names[0], "init"]
    path += max(sum(joins[1:leaders]), max(joins[leaders:], default=0.0))
    found = {"kind": kind, "control planes": leaders, "workers": workers, "load": load}
    return found | {"total": total, "path": path, "rest": total - path, "cpu": ours}


def main(kind: str, control_planes: str, workers: str) -> int:
    """Print one line."""
    run = measure(kind, int(control_planes), int(workers))
    print(
        f"{kind} {control_planes}+{workers}: total {run['total']:.1f} s, kubeadm's path"
        f" {run['path']:.1f} s, the rest {run['rest']:.1f} s; CPU of kbootstrap {run['cpu']:.1f} s;"
        f" load before {run['load']:.1f}"
    )
    return 0


def _cpu() -> float:
    """Seconds that the children which have ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
