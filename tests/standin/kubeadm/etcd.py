"""The etcd cluster as kubeadm sees it: members found through the API, calls over mTLS."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.standin.common import kube, times, tls
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube
from tests.standin.etcd.client import Etcd
from tests.standin.etcd.peers import EtcdError

from .commands import etcd_urls
from .config.load import InitConfig

Members = list[dict[str, Any]]
_ANNOTATION = "kubeadm.kubernetes.io/etcd.advertise-client-urls"
CHECKS, CHECK_EVERY = 8, 5.0


def endpoints(api: Kube) -> list[str]:
    """From the annotations of the etcd pods."""
    path = kube.path("pods", "kube-system") + "?labelSelector=component=etcd,tier=control-plane"
    pods = api.items(path)
    found = [(p["metadata"].get("annotations") or {}).get(_ANNOTATION) for p in pods]
    urls = sorted({u for u in found if u})
    if not urls:
        raise FatalError("could not retrieve the list of etcd endpoints: no etcd Pods found")
    return urls


def client(urls: list[str], cluster: dict[str, object]) -> Etcd:
    folder = Path(str(cluster["certificatesDir"])) / "etcd"
    ca = (folder / "ca.crt").read_text()
    pair = str(folder / "healthcheck-client.crt"), str(folder / "healthcheck-client.key")
    context = tls.client(ca, *pair)
    context.check_hostname = False
    return Etcd(urls, context, 5.0)


def connect(api: Kube, config: InitConfig) -> Etcd:
    """A client of the members that the cluster really has."""
    first = client(endpoints(api), config.cluster)
    urls = sorted(u for m in first.members() for u in m.get("clientURLs", []))
    return client(urls, config.cluster)


def check_health(api: Kube, config: InitConfig) -> None:
    etcd = connect(api, config)
    deadline = time.monotonic() + times.seconds(config.init["timeouts"]["etcdAPICall"])
    while not etcd.healthy():
        if time.monotonic() > deadline:
            raise FatalError(
                "etcd cluster is not healthy: failed to dial endpoint: context deadline exceeded"
            )
        time.sleep(1.0)


def add_learner(etcd: Etcd, config: InitConfig) -> list[tuple[str, str]]:
    """Announce this node's member; (name, peer URL) of all members."""
    _, peer = etcd_urls(config)
    members = etcd.members()
    if not any(m["peerURLs"] == [peer] for m in members):
        members = _patiently(lambda: etcd.member("add", peerURLs=[peer], isLearner=True), config)
    name = config.node["name"]
    return [
        (m.get("name") or (name if m["peerURLs"] == [peer] else m["ID"]), m["peerURLs"][0])
        for m in members
    ]


def promote(etcd: Etcd, config: InitConfig) -> None:
    _, peer = etcd_urls(config)
    found = next((m for m in etcd.members() if m["peerURLs"] == [peer]), None)
    if found is None:
        raise FatalError(f"no member id found for peer URL {peer}")
    if found.get("isLearner"):
        _patiently(lambda: etcd.member("promote", ID=found["ID"]), config)


def _patiently(call: Callable[[], Members], config: InitConfig) -> Members:
    deadline = time.monotonic() + times.seconds(config.init["timeouts"]["etcdAPICall"])
    while True:
        try:
            return call()
        except EtcdError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def wait_available(etcd: Etcd) -> None:
    for attempt in range(CHECKS):
        if etcd.healthy():
            return
        if attempt + 1 < CHECKS:
            time.sleep(CHECK_EVERY)
    raise FatalError("timeout waiting for etcd cluster to be available")


def remove_own(api: Kube, config: InitConfig) -> None:
    """Take this node's member out of the cluster; the last one stays."""
    etcd = connect(api, config)
    mine, peer = etcd_urls(config)
    members = etcd.members()
    if len(members) == 1 and members[0].get("clientURLs") == [mine]:
        return
    found = next((m for m in members if m["peerURLs"] == [peer]), None)
    if found is None:
        return
    others = [u for m in members for u in m.get("clientURLs", []) if u != mine]
    rest = client(others, config.cluster) if others else etcd
    with contextlib.closing(rest):
        rest.member("remove", ID=found["ID"])
