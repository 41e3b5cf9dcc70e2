"""`python -m tests.standin build --version v1.34.2 FOLDER`, `push --version v1.34.2 REPOSITORY`."""

import argparse
from pathlib import Path

from . import build, push


def main() -> None:
    """Build the binaries."""
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="write kubeadm, kubelet, kubectl and crictl")
    make.add_argument("--version", default="v1.34.2")
    make.add_argument("folder", type=Path)
    fill = commands.add_parser("push", help="put tiny images with the right names into a registry")
    fill.add_argument("--version", default="v1.34.2")
    fill.add_argument("repository", help="HOST:PORT/PATH of a plain-http registry")
    words = parser.parse_args()
    if words.command == "build":
        made = [str(path) for path in build.build(words.version, words.folder)]
    else:
        made = push.push(words.version, words.repository)
    print("\n".join(made))


if __name__ == "__main__":
    main()
