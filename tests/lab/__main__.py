"""The lab by hand: `python -m tests.lab up 3`, `ssh node1`, `cut node2`, `down`."""

import argparse
import os
import subprocess
import sys

from tests.lab import rootfs
from tests.lab.lab import Lab
from tests.lab.registry import KUBERNETES
from tests.lab.shell import LabError, run
from tests.lab.site import SETUP

PUSHES = {
    "push-kubernetes": "put the real programs into the lab's registry; prints the repository",
    "push-standin": "the same names and tags with tiny contents",
}
ON_A_NODE = ("cut", "reconnect", "freeze", "thaw", "kill", "start", "reboot")


def main() -> int:
    """Run one command; what went wrong is one message, not a traceback."""
    words = _parser().parse_args()
    if os.geteuid() != 0:
        sys.exit("the lab needs root: it makes containers, network namespaces and mounts")
    try:
        return _do(words)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--name", default="demo", help="which lab; several can be up side by side")
    # The name may also follow the command; without a default there it does not undo the first.
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", parents=[common], help="only make the node image's cache")
    up = commands.add_parser("up", parents=[common], help="fresh nodes, in place of earlier ones")
    up.add_argument("count", type=int, nargs="?", default=3)
    commands.add_parser("down", parents=[common], help="remove every trace of the lab")
    commands.add_parser("status", parents=[common], help="the nodes and how they are")
    for command, text in PUSHES.items():
        push = commands.add_parser(command, parents=[common], help=text)
        push.add_argument("version", help="such as v1.34.2")
    ssh = commands.add_parser("ssh", help="log in, or run a command (--name goes before ssh)")
    ssh.add_argument("node", help="NODE or USER@NODE; users are root, ops and opspw")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    for command in ON_A_NODE:
        commands.add_parser(command, parents=[common]).add_argument("node")
    return parser


def _do(words: argparse.Namespace) -> int:
    match words.command:
        case "build":
            run([SETUP], timeout=1200)
            print(rootfs.ensure(rootfs.NODE))
        case "up":
            lab = Lab(words.name, words.count)
            lab.up()
            _status(lab)
        case "down":
            Lab(words.name).down()
        case "status":
            _status(Lab.load(words.name))
        case "push-kubernetes":
            registry = Lab.load(words.name).registry
            print(registry.push_kubernetes(KUBERNETES / words.version, words.version))
        case "push-standin":
            print(Lab.load(words.name).registry.push_standin(words.version))
        case "ssh":
            return _ssh(Lab.load(words.name), words.node, words.words)
        case _:
            getattr(Lab.load(words.name).node(words.node), words.command)()
    return 0


def _status(lab: Lab) -> None:
    print(f"key {lab.key}  known_hosts {lab.known_hosts()}  opspw's sudo: {lab.sudo_password}")
    for node in lab.nodes:
        cable = " cut off" if node.port.is_cut else ""
        print(f"{node.name:10} {node.address:12} {node.power()}{cable}")


def _ssh(lab: Lab, target: str, words: list[str]) -> int:
    user, _, name = target.rpartition("@")
    return subprocess.call([*lab.ssh(lab.node(name).address, user or "root"), *words])


if __name__ == "__main__":
    sys.exit(main())
