"""Row (g): `up` on machines with systemd, and how much of its time is kubeadm's own.

``python -m bench.whole KIND CONTROL_PLANES WORKERS``, KIND ``standin`` or ``real``. What
kubeadm took is read on the nodes: its detached runs note when they began and ended.
"""

import resource
import sys
import tempfile
from pathlib import Path

from tests.e2e.conftest import new_site
from tests.lab import Lab

# Seconds from the start of a detached run to its end, by its own files; 0 if it never ran.
TOOK = """
cd "/var/lib/kbootstrap/run/$1" 2>/dev/null || { echo 0; exit 0; }
begun=$(stat -c %.3Y started) ended=$(stat -c %.3Y rc)
awk -v a="$begun" -v b="$ended" 'BEGIN { print b - a }'
"""


def main(kind: str, control_planes: str, workers: str) -> int:
    """Print one line: total, kubeadm's path, the rest; and the CPU seconds of our own process."""
    leaders = int(control_planes)
    lab = Lab("benchwhole", leaders + int(workers))
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
    init = took[names[0], "init"]
    joins = [took[name, "join"] for name in names]
    path = init + max(sum(joins[1:leaders]), max(joins[leaders:], default=0.0))
    print(
        f"{kind} {control_planes}+{workers}: total {total:.1f} s, kubeadm's path {path:.1f} s"
        f" (init {init:.1f} s), the rest {total - path:.1f} s; CPU of kbootstrap {ours:.1f} s"
    )
    return 0


def _cpu() -> float:
    """Seconds that the children which have ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
