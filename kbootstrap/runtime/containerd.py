"""containerd: config.toml (version 2 for 1.x, version 3 for 2.x) and certs.d/hosts.toml.

Sources: containerd docs/cri/config.md and docs/hosts.md.
"""

from typing import Any

import tomli_w

from kbootstrap.model.cluster import Cluster, Mirror
from kbootstrap.model.document import merged
from kbootstrap.node_paths import CNI_BINARY_DIR, CNI_CONFIG_DIR

CONFIG = "/etc/containerd/config.toml"
CERTS = "/etc/containerd/certs.d"
OURS = "# Written by kbootstrap."  # the first line of each hosts.toml that kbootstrap writes
_RUNC = {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": True}}


def config(cluster: Cluster, major: int) -> str:
    """The text of config.toml; the user's settings are merged over kbootstrap's."""
    base = _version_3(cluster) if major >= 2 else _version_2(cluster)  # noqa: PLR2004
    head = "# Written by kbootstrap; settings come from `runtime.settings` in the inventory.\n"
    return head + tomli_w.dumps(merged(base, cluster.runtime.settings.data))


def _version_2(cluster: Cluster) -> dict[str, Any]:
    return {
        "version": 2,
        "plugins": {
            "io.containerd.grpc.v1.cri": {
                "sandbox_image": cluster.images.pause,
                "cni": {"bin_dir": CNI_BINARY_DIR, "conf_dir": CNI_CONFIG_DIR},
                "containerd": {"runtimes": {"runc": _RUNC}},
                "registry": {"config_path": CERTS},
            }
        },
    }


def _version_3(cluster: Cluster) -> dict[str, Any]:
    return {
        "version": 3,
        "plugins": {
            "io.containerd.cri.v1.images": {
                "pinned_images": {"sandbox": cluster.images.pause},
                "registry": {"config_path": CERTS},
            },
            "io.containerd.cri.v1.runtime": {
                "cni": {"bin_dir": CNI_BINARY_DIR, "conf_dir": CNI_CONFIG_DIR},
                "containerd": {"runtimes": {"runc": _RUNC}},
            },
        },
    }


def hosts_path(mirror: Mirror) -> str:
    """The path of containerd's settings of a registry."""
    return f"{CERTS}/{mirror.host}/hosts.toml"


def hosts_toml(mirror: Mirror) -> str:
    """The text of one hosts.toml: the endpoints, tried in order."""
    entry: dict[str, Any] = {"capabilities": ["pull", "resolve"]}
    if mirror.insecure:
        entry["skip_verify"] = True
    if mirror.ca_file:
        entry["ca"] = mirror.ca_file
    return f"{OURS}\n" + tomli_w.dumps(
        {
            "server": mirror.endpoints[0],
            "host": dict.fromkeys(mirror.endpoints, entry),
        }
    )
