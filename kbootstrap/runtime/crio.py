"""cri-o: one drop-in in crio.conf.d and one in registries.conf.d.

Sources: crio.conf.d(5), containers-registries.conf.d(5).
"""

from typing import Any
from urllib.parse import urlsplit

import tomli_w

from kbootstrap.model.cluster import Cluster, Mirror
from kbootstrap.model.document import merged

DROP_IN = "/etc/crio/crio.conf.d/10-kbootstrap.conf"
REGISTRIES = "/etc/containers/registries.conf.d/10-kbootstrap.conf"


def drop_in(cluster: Cluster) -> str:
    """Pause image and cgroup manager; the user's settings are merged over kbootstrap's."""
    base = {
        "crio": {
            "image": {"pause_image": cluster.images.pause},
            "runtime": {"cgroup_manager": "systemd", "conmon_cgroup": "system.slice"},
        }
    }
    head = "# Written by kbootstrap; settings come from `runtime.settings` in the inventory.\n"
    return head + tomli_w.dumps(merged(base, cluster.runtime.settings.data))


def registries(cluster: Cluster) -> str:
    """One [[registry]] table per mirrored host."""
    tables = [_table(mirror) for mirror in cluster.images.mirrors]
    body = tomli_w.dumps({"registry": tables}) if tables else ""
    return "# Written by kbootstrap.\n" + body


def _table(mirror: Mirror) -> dict[str, Any]:
    table: dict[str, Any] = {
        "prefix": mirror.host,
        "location": mirror.host,
        "insecure": mirror.insecure,
    }
    others = [e for e in mirror.endpoints if urlsplit(e).netloc != mirror.host]
    if others:
        table["mirror"] = [
            {
                "location": urlsplit(endpoint).netloc + urlsplit(endpoint).path.rstrip("/"),
                "insecure": mirror.insecure or endpoint.startswith("http://"),
            }
            for endpoint in others
        ]
    return table
