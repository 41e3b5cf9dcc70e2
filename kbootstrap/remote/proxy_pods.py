"""Whether a pod of kube-proxy runs with the stored configuration, and who wrote an object; pure.

kube-proxy reads its file when it starts (kubernetes, cmd/kube-proxy/app/options.go) and does not
follow a changed ConfigMap, so the ConfigMap alone does not show with what the pods run.
"""

import contextlib
import hashlib
import json
from typing import Any

from kbootstrap import plain_yaml
from kbootstrap.model.observed import CONFIG_SUM, KUBE_PROXY_BEFORE

Live = dict[str, Any]  # an object as the API returns it
ENTRY = "config.conf"
KUBEADM = "kubeadm"  # the field manager of what kubeadm writes


def config_sum(text: str) -> str:
    """A hash of what a configuration means, whatever its layout; of the text if it is no YAML."""
    with contextlib.suppress(ValueError):
        text = json.dumps(plain_yaml.load(text), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def config_of(config_map: Live) -> str:
    """The text of kube-proxy's configuration."""
    return str((config_map.get("data") or {}).get(ENTRY, ""))


def is_older(pod: Live, config_map: Live | None) -> bool:
    """Whether the pod was started with another configuration than the ConfigMap has.

    Its annotation has the hash of the configuration; kubeadm's pods have none, and are compared
    by time. Both times are those of API servers, in seconds.
    """
    if config_map is None:
        return True
    started = (pod["metadata"].get("annotations") or {}).get(CONFIG_SUM)
    if started:
        return bool(started != config_sum(config_of(config_map)))
    return str(pod["metadata"].get("creationTimestamp", "")) < _changed(config_map)


def _changed(config_map: Live) -> str:
    """When it was last written; RFC 3339 in UTC, which sorts as text."""
    meta = config_map["metadata"]
    times = [one.get("time") for one in meta.get("managedFields") or []]
    return max(map(str, filter(None, (*times, meta.get("creationTimestamp")))), default="")


def is_of_kubeadm(live: Live) -> bool:
    """Whether kubeadm wrote the object, however others changed it since."""
    managed = live["metadata"].get("managedFields") or []
    return any(one.get("manager") == KUBEADM for one in managed)


def is_open(workload: Live) -> bool:
    """Whether a change of it was begun and has not ended."""
    return KUBE_PROXY_BEFORE in (workload["metadata"].get("annotations") or {})
