"""What tests/demo does once everything is installed: a lab, `kbootstrap up`, `kubectl get nodes`.

Everything it makes is in .lab/NAME and goes with `--down`.
"""

import argparse
import contextlib
import json
import shlex
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import new_site
from tests.e2e.site import Site, real_programs
from tests.lab import Lab
from tests.lab.shell import LabError

NODES = 3
NOTE = "demo.json"  # in the lab's folder: what its site was made of
KBOOTSTRAP = Path(sys.executable).with_name("kbootstrap")


def main() -> int:
    """Make the demo, go on with it, or take it away."""
    words = _parser().parse_args()
    try:
        if words.down:
            Lab(words.name).down()
            print(f"The demo {words.name!r} is gone.")
            return 0
        return _demo(words.name)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests/demo", description="three machines here, and a cluster of them"
    )
    parser.add_argument("--down", action="store_true", help="take the machines away")
    parser.add_argument("--name", default="demo", help="of the lab and the cluster")
    return parser


def _demo(name: str) -> int:
    kind = "real" if real_programs() else "standin"
    site = _site(name, kind)
    inventory = _shown(site.inventory)
    print(f"\n$ kbootstrap up {inventory}", flush=True)
    status = subprocess.call([KBOOTSTRAP, "up", inventory])
    if status == 0:
        status = _show_nodes(site)
    _how_to_go_on(site)
    return status


def _site(name: str, kind: str) -> Site:
    """The site that is there already, as one left it, or a new one."""
    with contextlib.suppress(LabError, OSError, ValueError):
        lab = Lab.load(name)
        known = json.loads((lab.state / NOTE).read_text())
        if known["kind"] == kind and all(node.power() == "running" for node in lab.nodes):
            lab.registry.start()
            _show_machines(lab, "are up already")
            return Site(lab=lab, folder=lab.state, programs=Path(known.pop("programs")), **known)
    print(f"Making {NODES} systemd machines (lab {name!r}) ...", flush=True)
    lab = Lab(name, NODES)
    lab.up()
    _show_machines(lab, "are up")
    print("Putting images into the lab's registry ...", flush=True)
    site = new_site(lab, kind, lab.state)
    _write_inventory(site)
    known = {"kind": kind, "programs": str(site.programs), "repository": site.repository}
    (lab.state / NOTE).write_text(json.dumps(known))
    return site


def _show_machines(lab: Lab, how: str) -> None:
    print(f"{len(lab.nodes)} machines {how} (lab {lab.name!r}):")
    for node in lab.nodes:
        print(f"  {node.name}  {node.address}  {node.power()}", flush=True)


def _write_inventory(site: Site) -> None:
    """With the machines' host keys in it, so that it needs no known_hosts file."""
    site.write_inventory()
    data = site.inventory_data()
    for entry in data["nodes"]:
        entry["ssh"] = {"host_keys": site.node(entry["name"]).host_keys()}
    site.save(data)


def _show_nodes(site: Site) -> int:
    """With the kubeconfig `up` wrote: here with real programs, on a node with the stand-in's."""
    words = ["get", "nodes"]
    if site.kind == "real":
        kubectl = [str(site.programs / "kubectl"), "--kubeconfig", str(site.kubeconfig), *words]
        print(f"\n$ kubectl --kubeconfig {_shown(site.kubeconfig)} get nodes", flush=True)
        return subprocess.call(kubectl)
    print("\n$ kubectl get nodes   (the stand-in's, on node1)", flush=True)
    print(site.kubectl(*words), end="")
    return 0


def _how_to_go_on(site: Site) -> None:
    last = site.lab.nodes[-1].name
    if site.kind == "real":
        kubectl = f"{site.programs}/kubectl --kubeconfig {_shown(site.kubeconfig)} get pods -A"
    else:
        words = "kubectl --kubeconfig /etc/kubernetes/admin.conf get pods -A"
        kubectl = f".venv/bin/python -m tests.lab --name {site.name} ssh node1 {words}"
    name = "" if site.name == "demo" else f" --name {site.name}"
    print(f"""
Go on with it:
  export KBOOTSTRAP_INVENTORY={shlex.quote(_shown(site.inventory))}
  .venv/bin/kbootstrap status
  .venv/bin/kbootstrap up --dry-run       what would be done: nothing
  .venv/bin/kbootstrap reset {last}        asks for its name
  .venv/bin/kbootstrap join {last}
  {kubectl}
Take it away:
  tests/demo --down{name}""")


def _shown(path: Path) -> str:
    """The path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


if __name__ == "__main__":
    sys.exit(main())
