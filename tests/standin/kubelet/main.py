"""The kubelet's life: checks that end it, its two ports, its loop."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from tests.standin import stamp, switches
from tests.standin.common import http, klog, tls
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube, KubeError
from tests.standin.cri.client import Client

from . import credentials
from .images import Images
from .node import Node
from .options import Options, die, load
from .pods import Pods
from .static import StaticPods

CYCLE = 0.5


class HealthHandler(http.Handler):
    """127.0.0.1:10248 and the port 10250."""

    def do_GET(self) -> None:  # noqa: N802
        if self.path.startswith("/healthz"):
            self.reply(200, "ok", "text/plain; charset=utf-8")
        else:
            self.reply(401, "Unauthorized", "text/plain; charset=utf-8")


class Kubelet:
    """One running kubelet."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.runtime = Client(options.endpoint)
        self.images = Images(self.runtime)
        folder = str(options.config.get("staticPodPath") or options.flags.get("pod-manifest-path"))
        member = Path(options.flags.get("kubeconfig") or "/nonexistent").exists()
        self.static = StaticPods(Path(folder or "/nonexistent"), api_seen=not member)
        self.api: Kube | None = None
        self.node: Node | None = None
        self.pods: Pods | None = None

    def serve(self) -> None:
        """Open the ports."""
        options = self.options
        if not switches.get("kubelet_never_healthy"):
            bind = str(options.config.get("healthzBindAddress") or "127.0.0.1")
            http.Server((bind, options.number("healthzPort", 10248)), HealthHandler, None).start()
        cert, key = credentials.serving_pair(options.name)
        port = options.number("port", 10250)
        http.Server(http.everywhere(port), HealthHandler, tls.server(cert, key)).start()

    def run(self) -> None:
        while True:
            wanted = self.static.sync(self.images)
            try:
                self._sync_api(wanted)
                self.static.api_seen = True
            except (KubeError, http.Unreachable) as err:
                klog.error(f'"Error talking to the API server" err="{err}"', "kubelet.go:1")
                time.sleep(1.0)
            time.sleep(CYCLE)

    def _sync_api(self, wanted: list[dict[str, object]]) -> None:
        if self.api is None:
            path = Path(self.options.flags.get("kubeconfig"))
            self.api = credentials.client(path)
            if self.api is None:
                return
            self.node = Node(self.options, self.api, self.runtime)
            self.pods = Pods(self.options, self.api, self.node, self.images)
        if self.node and self.pods:
            self.node.sync()
            self.pods.sync(wanted)


def _check(options: Options) -> None:
    """What makes the real kubelet exit at once."""
    swaps = Path("/proc/swaps")
    on = swaps.exists() and len(swaps.read_text().splitlines()) > 1
    fails = options.config.get("failSwapOn", True)
    if options.flags.get("fail-swap-on"):
        fails = options.flags.yes("fail-swap-on")
    if on and fails:
        raise FatalError(
            "failed to run Kubelet: running with swap on is not supported, please disable swap or"
            " set --fail-swap-on flag to false"
        )
    strict = switches.get("fail_cgroup_v1") and options.config.get("failCgroupV1", True)
    if strict and not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        raise FatalError("kubelet is configured to not run on a host using cgroup v1")
    try:
        Client(options.endpoint).validate()
    except RuntimeError as err:
        raise FatalError(f"failed to run Kubelet: validate service connection: {err}") from err


def _may_bootstrap(options: Options) -> None:
    """Without a kubelet.conf that is valid there must be a bootstrap file."""
    target = Path(options.flags.get("kubeconfig"))
    source = Path(options.flags.get("bootstrap-kubeconfig"))
    if (not target.exists() or credentials.has_ended(target)) and not source.is_file():
        raise FatalError(
            "failed to run Kubelet: unable to load bootstrap kubeconfig: stat"
            f" {source}: no such file or directory"
        )


def _bootstrap(options: Options) -> None:
    """TLS bootstrap, again and again; static pods start meanwhile."""
    target = Path(options.flags.get("kubeconfig"))
    source = Path(options.flags.get("bootstrap-kubeconfig"))
    while not target.exists() or credentials.has_ended(target):
        try:
            credentials.bootstrap(source, target, options.name)
        except credentials.BOOTSTRAP_ERRORS as err:
            klog.error(f'"Failed while requesting a signed certificate" err="{err}"', "csr.go:1")
            time.sleep(0.5)


def main(argv: list[str]) -> int:
    """The binary kubelet."""
    if "--version" in argv or "--version=true" in argv:
        print(f"Kubernetes {stamp.VERSION}")
        return 0
    try:
        options = load(argv)
        _check(options)
        switches.record(program="kubelet", argv=sys.argv, phase="kubelet", outcome="start")
        kubelet = Kubelet(options)
        kubelet.serve()
        if options.flags.get("kubeconfig"):
            _may_bootstrap(options)
            threading.Thread(target=_bootstrap, args=(options,), daemon=True).start()
        kubelet.run()
    except FatalError as err:
        return die(str(err))
    except OSError as err:
        return die(f"failed to run Kubelet: {err}")
    return 0
