"""The part of tests/demo after the installation: a lab, `kbootstrap up`, `kubectl get nodes`.

Called by tests/demo only. All its files are in .lab/NAME; `--down` removes them.
"""

import argparse
import contextlib
import json
import shlex
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import new_site
from tests.e2e.site import Site, need_binaries, real_programs
from tests.lab import Lab
from tests.lab.shell import LabError

NODES = 3
RECORD = "demo.json"  # in the lab's directory: the arguments its site was made with
KBOOTSTRAP = Path(sys.executable).with_name("kbootstrap")


def main() -> int:
    """Make the demo, use the one that exists, or remove it; return the exit status."""
    options = _parser().parse_args()
    try:
        if options.down:
            Lab(options.name).down()
            print(f"The demo {options.name!r} is removed.")
            return 0
        return _demo(options.name)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests/demo", description="make three nodes on this workstation, and a cluster of them"
    )
    parser.add_argument("--down", action="store_true", help="remove the nodes")
    parser.add_argument("--name", default="demo", help="name of the lab and of the cluster")
    return parser


def _demo(name: str) -> int:
    real = real_programs()
    if real:
        need_binaries(real)
    site = _site(name, "real" if real else "standin")
    inventory = _shown(site.inventory)
    print(f"\n$ kbootstrap up {inventory}", flush=True)
    status = subprocess.call([KBOOTSTRAP, "up", inventory])
    if status:
        print(_after_failure(site, status))
        return status
    status = _show_nodes(site)
    print(_after_success(site))
    return status


def _site(name: str, kind: str) -> Site:
    """Return the site of an earlier demo if all its nodes run, else a new one."""
    with contextlib.suppress(LabError, OSError, ValueError):
        lab = Lab.load(name)
        known = json.loads((lab.state / RECORD).read_text())
        if known["kind"] == kind and all(node.power() == "running" for node in lab.nodes):
            lab.registry.start()
            _show_lab(lab, "are up already")
            return Site(lab=lab, folder=lab.state, programs=Path(known.pop("programs")), **known)
    print(f"Making {NODES} systemd nodes (lab {name!r}) ...", flush=True)
    lab = Lab(name, NODES)
    lab.up()
    _show_lab(lab, "are up")
    print("Pushing images to the lab's registry ...", flush=True)
    site = new_site(lab, kind, lab.state)
    _write_inventory(site)
    known = {"kind": kind, "programs": str(site.programs), "repository": site.repository}
    (lab.state / RECORD).write_text(json.dumps(known))
    return site


def _show_lab(lab: Lab, how: str) -> None:
    print(f"{len(lab.nodes)} nodes {how} (lab {lab.name!r}):")
    for node in lab.nodes:
        print(f"  {node.name}  {node.address}  {node.power()}", flush=True)


def _write_inventory(site: Site) -> None:
    """Write it with the nodes' host keys, so that no known_hosts file is needed."""
    site.write_inventory()
    data = site.inventory_data()
    for entry in data["nodes"]:
        entry["ssh"] = {"host_keys": site.node(entry["name"]).host_keys()}
    site.save(data)


def _show_nodes(site: Site) -> int:
    """Run `kubectl get nodes`: a real kubectl runs locally, the stand-in's on node1."""
    arguments = ["get", "nodes"]
    if site.kind == "real":
        kubectl = [str(site.programs / "kubectl"), "--kubeconfig", str(site.kubeconfig), *arguments]
        print(f"\n$ kubectl --kubeconfig {_shown(site.kubeconfig)} get nodes", flush=True)
        return subprocess.call(kubectl)
    print("\n$ kubectl get nodes   (the stand-in's, on node1)", flush=True)
    print(site.kubectl(*arguments), end="")
    return 0


def _after_success(site: Site) -> str:
    last = site.lab.nodes[-1].name
    return f"""
What you can run next:
  {_choose(site)}
  .venv/bin/kbootstrap status
  .venv/bin/kbootstrap up --dry-run       prints: nothing to do
  .venv/bin/kbootstrap reset {last}        asks for the node's name first
  .venv/bin/kbootstrap join {last}
  {_get_pods(site)}
{_how_to_remove(site)}"""


def _after_failure(site: Site, status: int) -> str:
    return f"""
`kbootstrap up` failed with exit status {status}; its errors are above.
What you can run next:
  {_choose(site)}
  .venv/bin/kbootstrap status
  .venv/bin/kbootstrap up --dry-run       prints what is still to do
  .venv/bin/kbootstrap up                 resumes
{_how_to_remove(site)}"""


def _choose(site: Site) -> str:
    return f"export KBOOTSTRAP_INVENTORY={shlex.quote(_shown(site.inventory))}"


def _get_pods(site: Site) -> str:
    if site.kind == "real":
        return f"{site.programs}/kubectl --kubeconfig {_shown(site.kubeconfig)} get pods -A"
    kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf get pods -A"
    return f".venv/bin/python -m tests.lab --name {site.name} ssh node1 {kubectl}"


def _how_to_remove(site: Site) -> str:
    name = "" if site.name == "demo" else f" --name {site.name}"
    return f"Remove it:\n  tests/demo --down{name}"


def _shown(path: Path) -> str:
    """Return the path relative to the working directory where that is possible."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


if __name__ == "__main__":
    sys.exit(main())
