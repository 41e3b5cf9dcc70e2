"""``python -m bench.floor JOB``: the floor, Paramiko with nothing around it.

Logs in to every host and sends one prepared text to one prepared command, ``count`` times.
No host key is checked, no answer is understood: nothing in Python can do less over SSH.
"""

import pickle
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import paramiko

SLICE = 32 * 1024 - 64


@dataclass(frozen=True)
class Job:
    """What one host is sent."""

    host: str
    port: int
    command: str
    text: bytes
    key: str
    threads: int
    count: int = 1


def send(transport: paramiko.Transport, job: Job) -> int:
    """One exec; returns the command's status."""
    channel = transport.open_session()
    channel.exec_command(job.command)
    for start in range(0, len(job.text), SLICE):
        channel.sendall(job.text[start : start + SLICE])
    channel.shutdown_write()
    while channel.recv(65536):
        pass
    status = channel.recv_exit_status()
    channel.close()
    return int(status)


def run(job: Job, key: paramiko.PKey) -> int:
    """One host, from connecting to hanging up."""
    sock = socket.create_connection((job.host, job.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(sock)
    transport.banner_timeout = 60
    transport.start_client()
    transport.auth_publickey("root", key)
    status = max(send(transport, job) for _ in range(job.count))
    transport.close()
    return int(status)


def main(path: str) -> int:
    """The worst status of all."""
    jobs: list[Job] = pickle.loads(Path(path).read_bytes())  # noqa: S301 - our own file
    threading.stack_size(512 * 1024)
    key = paramiko.Ed25519Key.from_private_key_file(jobs[0].key)
    with ThreadPoolExecutor(min(jobs[0].threads, len(jobs))) as pool:
        return max(pool.map(lambda job: run(job, key), jobs))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
