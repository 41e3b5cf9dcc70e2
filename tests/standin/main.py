"""Which binary this file is: by its own name, or by the first word for the daemons."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

COPY = ".pyz"  # how the name of the server's copy ends, see `forks`
PROGRAMS = {
    "kubeadm": "kubeadm.cli",
    "kubelet": "kubelet.main",
    "kubectl": "kubectl",
    "crictl": "crictl",
    "crio": "crio",
}
DAEMONS = {
    "kube-apiserver": "apiserver.server",
    "kube-controller-manager": "controllers.manager",
    "kube-scheduler": "controllers.manager",
    "etcd": "etcd.server",
}


def main() -> int:
    """Run the binary; modules are loaded only when they are needed."""
    name, argv = Path(sys.argv[0]).name, sys.argv[1:]
    if name.endswith(COPY):
        importlib.import_module(f"{__package__}.forks").serve()
    if argv and argv[0] in DAEMONS:
        return _daemon(argv)
    module = importlib.import_module(f"{__package__}.{PROGRAMS.get(name, 'kubeadm.cli')}")
    return int(module.main(argv))


def _daemon(argv: list[str]) -> int:
    Path("/proc/self/comm").write_text(argv[0][:15])
    module = importlib.import_module(f"{__package__}.{DAEMONS[argv[0]]}")
    manager = DAEMONS[argv[0]].startswith("controllers")
    return int(module.main(argv if manager else argv[1:]))
