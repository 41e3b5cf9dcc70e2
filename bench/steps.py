"""``python -m bench.steps INVENTORY KNOWN_HOSTS COUNT``: connect to all, and COUNT times ``true``.

Rows (d) and (e) for kbootstrap: its own connections, one request per step, as its runner does.
"""

import sys
import threading
from pathlib import Path

from kbootstrap.engine.runner import STACK
from kbootstrap.model.cluster import Node
from kbootstrap.model.load import load
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.hosts import Hosts
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.protocol import Part
from kbootstrap.remote.secret_source import Secrets


def main(inventory: str, known_hosts: str, count: str) -> int:
    """Fails unless every step of every node did well."""
    cluster = load(Path(inventory))
    hosts = Hosts(HostKeys([Path(known_hosts)]), Secrets(), Meter())
    good: list[bool] = []

    def work(node: Node) -> None:
        wire = hosts.connection(node.ssh, node.name)
        parts = [[Part(f"s{step}", "true")] for step in range(int(count))]
        good.extend(wire.perform(part, run_id="bench").ok for part in parts)

    threading.stack_size(STACK)
    threads = [threading.Thread(target=work, args=(node,)) for node in cluster.nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hosts.close()
    return 0 if good == [True] * (int(count) * len(cluster.nodes)) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
