"""The binary kubeadm: which command, and how its failure looks."""

from __future__ import annotations

import importlib
import sys

from tests.standin import switches
from tests.standin.common.flags import Spec, parse
from tests.standin.common.klog import FatalError, KubeError, Unreachable

from .flags import GLOBAL
from .phase import record

COMMANDS = {
    "init": "init",
    "join": "join",
    "reset": "reset",
    "upgrade": "upgrade",
    "token": "cmd_token",
    "config": "cmd_config",
    "certs": "cmd_certs",
    "version": "cmd_version",
}
_HELP = """

    ┌──────────────────────────────────────────────────────────┐
    │ KUBEADM                                                  │
    │ Easily bootstrap a secure Kubernetes cluster             │
    └──────────────────────────────────────────────────────────┘

Usage:
  kubeadm [command]

Available Commands:
  certs       Commands related to handling Kubernetes certificates
  config      Manage configuration for a kubeadm cluster persisted in a ConfigMap in the cluster
  init        Run this command in order to set up the Kubernetes control plane
  join        Run this on any machine you wish to join an existing cluster
  reset       Performs a best effort revert of changes made to this host
  token       Manage bootstrap tokens
  upgrade     Upgrade your cluster smoothly to a newer version with this command
  version     Print the version of kubeadm
"""


def _command(argv: list[str]) -> str:
    return next((w for w in argv if not w.startswith("-")), "")


def _run(name: str, argv: list[str]) -> None:
    if name not in COMMANDS:
        raise FatalError(f'unknown command "{name}" for "kubeadm"')
    record(name, "start")
    rest = list(argv)
    rest.remove(name)
    importlib.import_module(f"{__package__}.{COMMANDS[name]}").main(rest)


def main(argv: list[str]) -> int:
    """Errors go to stderr the way the real one prints them; the code is always 1."""
    name = _command(argv)
    try:
        if "--help" in argv or "-h" in argv:
            print(_HELP)
            return 0
        if not name:
            parse(argv, Spec(GLOBAL, "v=v h=help"))
            print(_HELP)
            return 0
        _run(name, argv)
    except (FatalError, KubeError, Unreachable) as err:
        sys.stdout.flush()
        sys.stderr.write(
            f"error: {err}\nTo see the stack trace of this error execute with --v=5 or higher\n"
        )
        record(name, f"failed: {err}")
        return 1
    except BrokenPipeError:
        return 1
    record(name, "ok")
    text = switches.table("exit").get(name)
    return int(text) if text else 0
