"""A lab of real systemd nodes on one host, to run kbootstrap against.

`Lab` brings up nodes (podman containers on a bridge of their own) which look like fresh Debian
nodes over SSH, and lets a test cut, freeze, kill, reboot and compare them.
`python -m tests.lab up 3` does the same by hand.
"""

from tests.lab.lab import Lab
from tests.lab.node import Node
from tests.lab.snapshot import Snapshot

__all__ = ["Lab", "Node", "Snapshot"]
