"""Waiting for control plane components, and marking their node."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import yaml

from tests.standin.common import http, kube, kubeconfig, times, tls
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube, KubeError

from .config import net
from .config.load import InitConfig
from .manifests import FOLDER
from .phase import say

LABELS = (
    "node-role.kubernetes.io/control-plane",
    "node.kubernetes.io/exclude-from-external-load-balancers",
)
_FAIL = """
A control plane component may have crashed or exited when started by the container runtime.
To troubleshoot, list all containers using your preferred container runtimes CLI.
Here is one example how you may list all running Kubernetes containers by using crictl:
	- 'crictl --runtime-endpoint {0} ps -a | grep kube | grep -v pause'
	Once you have found the failing container, you can inspect its logs with:
	- 'crictl --runtime-endpoint {0} logs CONTAINERID'

"""


def _flag(name: str, flag: str, default: str) -> str:
    pod = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    for word in pod["spec"]["containers"][0]["command"]:
        if word.startswith(f"--{flag}="):
            return str(word.split("=", 1)[1])
    return default


def components(config: InitConfig) -> dict[str, str]:
    """Name -> URL, as the manifests on disk say."""
    api_port = _flag("kube-apiserver", "secure-port", "6443")
    address = config.endpoint["advertiseAddress"]
    urls = {"kube-apiserver": f"https://{net.join_host_port(address, api_port)}/livez"}
    for name, port, path in (
        ("kube-controller-manager", "10257", "healthz"),
        ("kube-scheduler", "10259", "livez"),
    ):
        bind = _flag(name, "bind-address", "127.0.0.1")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104
        urls[name] = f"https://{net.join_host_port(host, _flag(name, 'secure-port', port))}/{path}"
    return urls


def control_plane(config: InitConfig) -> None:
    """Poll all three until they are healthy."""
    timeout = config.init["timeouts"]["controlPlaneComponentHealthCheck"]
    limit = times.seconds(timeout)
    say(
        "[control-plane-check] Waiting for healthy control plane components. This can take up to"
        f" {times.duration(limit)}"
    )
    urls = components(config)
    for name, url in urls.items():
        say(f"[control-plane-check] Checking {name} at {url}")
    problems: dict[str, str] = {}
    threads = [
        threading.Thread(target=_wait, args=(name, url, limit, problems))
        for name, url in urls.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        texts = [problems[name] for name in urls if name in problems]
        joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        say(_FAIL.format(config.node["criSocket"]))
        raise FatalError(f"failed while waiting for the control plane to start: {joined}")


def _wait(name: str, url: str, limit: float, problems: dict[str, str]) -> None:
    begin = time.monotonic()
    client = http.Client(url, tls.client(insecure=True), 10.0)
    path = "/" + url.rpartition("/")[2]
    while True:
        try:
            status, _ = client.request("GET", path)
            problem = f"{name} check failed at {url} with status: {status}"
        except http.Unreachable as err:
            status, problem = 0, f'{name} check failed at {url}: Get "{url}": {err}'
        passed = time.monotonic() - begin
        if status == 200:
            say(f"[control-plane-check] {name} is healthy after {times.duration(passed)}")
            return
        if passed >= limit:
            say(f"[control-plane-check] {name} is not healthy after {times.duration(passed)}")
            problems[name] = problem
            return
        time.sleep(0.5)


def mark(api: Kube, node: str, taints: list[dict[str, str]], timeout: str) -> None:
    """The labels and taints of a control plane node."""
    say(
        f"[mark-control-plane] Marking the node {node} as control-plane by adding the labels:"
        f" [{' '.join(LABELS)}]"
    )
    if taints:
        shown = " ".join(
            f"{t['key']}{'=' + t['value'] if t.get('value') else ''}:{t['effect']}" for t in taints
        )
        say(
            f"[mark-control-plane] Marking the node {node} as control-plane by adding the"
            f" taints [{shown}]"
        )

    def patch() -> None:
        found = api.get(kube.path("nodes", name=node))
        if "kubernetes.io/hostname" not in (found["metadata"].get("labels") or {}):
            raise KubeError(404, "NotFound", f'nodes "{node}" has no hostname label')
        have: list[dict[str, Any]] = found["spec"].get("taints") or []
        new = [t for t in taints if not any(_same(t, h) for h in have)]
        body = {
            "metadata": {
                "labels": dict.fromkeys(LABELS, ""),
                "resourceVersion": found["metadata"]["resourceVersion"],
            },
            "spec": {"taints": have + new},
        }
        api.patch(kube.path("nodes", name=node), body)

    kube.retry(patch, times.seconds(timeout))


def _same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return (left["key"], left["effect"]) == (right["key"], right["effect"])


def local_api(path: Path, url: str) -> Kube:
    """admin.conf, but for this node's own API server."""
    config = kubeconfig.load(path)
    cluster, _ = kubeconfig.current(config)
    cluster["server"] = url
    return Kube(config)
