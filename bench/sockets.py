"""``python -m bench.sockets PID...``: a listening containerd.sock in the host of each process.

One process holds them all: it enters each host's network namespace and root directory,
binds, and leaves. Nothing answers; probes only check whether a socket listens.
"""

import ctypes
import os
import signal
import socket
import sys

PATH = "/run/containerd/containerd.sock"


def main(pids: list[str]) -> None:
    """Open the sockets, say ``ready`` and stay."""
    libc = ctypes.CDLL(None, use_errno=True)
    top = os.open("/", os.O_RDONLY)
    held = []
    for pid in pids:
        space = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        if libc.setns(space, 0):
            raise OSError(ctypes.get_errno(), f"cannot enter the network of {pid}")
        os.close(space)
        os.chroot(f"/proc/{pid}/root")
        here = socket.socket(socket.AF_UNIX)
        here.bind(PATH)
        here.listen()
        held.append(here)
        os.fchdir(top)
        os.chroot(".")
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
