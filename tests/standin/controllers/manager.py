"""The binaries kube-controller-manager and kube-scheduler: lease, health port, loop."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.standin.common import flags, http, kube, pki, times, tls
from tests.standin.common.kube import Kube, KubeError

from . import cleanup, nodes, security, workloads
from .mirror import Mirror
from .scheduling import schedule

LEASE_SECONDS = 8
KNOWN = (  # what kubeadm writes, and what tests add
    "authentication-kubeconfig authorization-kubeconfig bind-address client-ca-file cluster-name"
    " cluster-signing-cert-file cluster-signing-key-file controllers kubeconfig leader-elect"
    " requestheader-client-ca-file root-ca-file service-account-private-key-file"
    " use-service-account-credentials allocate-node-cidrs cluster-cidr service-cluster-ip-range"
    " node-cidr-mask-size node-cidr-mask-size-ipv4 node-cidr-mask-size-ipv6 secure-port"
    " node-monitor-grace-period"
    " cluster-signing-duration profiling feature-gates v"
)
Step = Callable[[Mirror], None]


class HealthHandler(http.Handler):
    """/healthz and friends."""

    def do_GET(self) -> None:  # noqa: N802
        self.reply(200, "ok", "text/plain; charset=utf-8")


def self_signed() -> ssl.SSLContext:
    """A serving certificate that no client can verify, as the real binaries make it."""
    ca = pki.authority("localhost-ca@1", algorithm="ECDSA-P256")
    want = pki.Want("localhost@1", usages=("server",), sans=("localhost",), algorithm="ECDSA-P256")
    pair = pki.issue(ca, want)
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder) / "c", Path(folder) / "k"
        cert.write_text(pair.cert_pem())
        key.write_text(pair.key_pem())
        return tls.server(str(cert), str(key))


class Lease:
    """Only one binary of a kind works at a time."""

    def __init__(self, api: Kube, name: str) -> None:
        self.api, self.name = api, name
        self.me = socket.gethostname()
        self.collection = kube.path("leases", "kube-system", group="coordination.k8s.io")
        self.checked = 0.0
        self.held = False

    def hold(self) -> bool:
        """Renew every other second; False while another one holds it."""
        if self.held and time.monotonic() - self.checked < 2:
            return True
        self.held = self._try()
        self.checked = time.monotonic()
        return self.held

    def _try(self) -> bool:
        spec = {
            "holderIdentity": self.me,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": times.micro(),
        }
        lease = self.api.find(f"{self.collection}/{self.name}")
        try:
            if lease is None:
                body = {"metadata": {"name": self.name}, "spec": spec}
                self.api.call("POST", self.collection, body)
                return True
            renewed = times.parse(lease["spec"].get("renewTime", ""))
            fresh = renewed and times.now() - renewed < dt.timedelta(seconds=LEASE_SECONDS)
            if fresh and lease["spec"].get("holderIdentity") != self.me:
                return False
            lease["spec"] |= spec
            self.api.call("PUT", f"{self.collection}/{self.name}", lease)
        except KubeError as err:
            if err.code == 409:
                return False
            raise
        return True


def steps_of(program: str, options: dict[str, str]) -> list[Step]:
    """What a binary does after every change."""
    if program == "kube-scheduler":
        return [schedule]
    root_file = options.get("root-ca-file", "")
    root_ca = Path(root_file).read_text() if root_file else ""
    return [
        security.sign_cluster_info,
        security.clean_tokens,
        security.CertificateSigner(options).run,
        nodes.PodRanges(options).run,
        nodes.Heartbeats(options).run,
        lambda mirror: cleanup.give_accounts(mirror, root_ca),
        cleanup.collect_orphans,
        cleanup.finish_namespaces,
        workloads.daemon_sets,
        workloads.deployments,
        workloads.replica_sets,
        workloads.jobs,
        workloads.budgets,
    ]


class Manager:
    """One binary."""

    def __init__(self, program: str, options: dict[str, str]) -> None:
        self.api = Kube.from_file(Path(options["kubeconfig"]))
        self.lease = Lease(self.api, program)
        self.steps = steps_of(program, options)
        self.mirror = Mirror(self.api)
        self.lock = threading.Lock()

    def run(self) -> None:
        """Work for ever; a thread keeps expiry dates and silences in view."""
        threading.Thread(target=self._clock, daemon=True).start()
        while True:
            try:
                if self.lease.hold():
                    self.mirror.update()
                    self._work()
                    continue
                self.mirror.revision = -1
            except (KubeError, http.Unreachable, ConnectionError, ValueError):
                self.mirror.revision = -1
            time.sleep(0.5)

    def _clock(self) -> None:
        while True:
            time.sleep(1.0)
            with contextlib.suppress(KubeError, http.Unreachable, ConnectionError):
                if self.lease.held and self.lease.hold() and self.mirror.revision >= 0:
                    self._work()

    def _work(self) -> None:
        with self.lock:
            for step in self.steps:
                with contextlib.suppress(KubeError):
                    step(self.mirror)


def main(argv: list[str]) -> int:
    """argv[0] is the binary's name."""
    usage = f"Usage:\n  {argv[0]} [flags]\n\n"
    options = flags.simple(argv[1:], KNOWN, usage + "Error: unknown flag: --{}\n")
    port = 10259 if argv[0] == "kube-scheduler" else 10257
    address = options.get("bind-address", "127.0.0.1")
    port = int(options.get("secure-port", port))
    http.Server((address, port), HealthHandler, self_signed()).start()
    Manager(argv[0], options).run()
    return 0
