"""kubeadm join, for workers and control planes."""

from __future__ import annotations

import time
from pathlib import Path

from tests.standin.common import kube, kubeconfig, times
from tests.standin.common.flags import parse
from tests.standin.common.klog import FatalError, warning
from tests.standin.common.kube import Kube

from . import (
    admin,
    certs,
    discovery,
    etcd,
    kubeconfigs,
    kubelet,
    manifests,
    patches,
    preflight,
    texts,
    upload,
    waiting,
)
from .joindata import SPEC, Data, data_from
from .phase import Phase, Runner, say

BOOTSTRAP = Path("/etc/kubernetes/bootstrap-kubelet.conf")
KUBELET = Path("/etc/kubernetes/kubelet.conf")


# -- phases --------------------------------------------------------------------------------------


def _preflight(data: Data) -> None:
    say("[preflight] Running pre-flight checks")
    preflight.root(data.ignore)
    preflight.run(preflight.join_checks(data.join), data.ignore)
    config = data.config
    if data.plane is None:
        return
    problem = ""
    if not config.cluster.get("controlPlaneEndpoint"):
        problem = (
            "unable to add a new control plane instance to a cluster that doesn't have a stable"
            " controlPlaneEndpoint address"
        )
    elif not data.key:
        problem = certs.shared_missing(config)
    if problem:
        raise FatalError(texts.NOT_READY.format(problem))
    say("[preflight] Running pre-flight checks before initializing the new control plane instance")
    checks = preflight.init_checks(config, secondary=True, downloads=bool(data.key))
    preflight.run(checks, data.ignore)
    texts.pulling("preflight")
    preflight.pull(config, data.ignore)


def _download(data: Data) -> None:
    if data.plane is None or not data.key:
        return
    upload.download_certs(data.token_api, data.config.cluster, data.key)


def _certs(data: Data) -> None:
    if data.plane is not None:
        certs.make_all_for_join(data.config)


def _kubeconfigs(data: Data) -> None:
    if data.plane is None:
        return
    say("[kubeconfig] Generating kubeconfig files")
    say('[kubeconfig] Using kubeconfig folder "/etc/kubernetes"')
    for name in ("admin.conf", "controller-manager.conf", "scheduler.conf"):
        kubeconfigs.ensure(data.config, name)


def _plane(data: Data) -> None:
    if data.plane is None:
        return
    say('[control-plane] Using manifest folder "/etc/kubernetes/manifests"')
    for name in manifests.PLANE:
        say(f'[control-plane] Creating static Pod manifest for "{name}"')
        manifests.store(patches.apply(name, manifests.pod(data.config, name), data.patches))


def _check_etcd(data: Data) -> None:
    if data.plane is None:
        return
    if not data.local_etcd:
        say("[check-etcd] Skipping etcd check in external mode")
        return
    say("[check-etcd] Checking that the etcd cluster is healthy")
    etcd.check_health(admin.load(), data.config)


def _kubelet_start(data: Data) -> None:
    config = data.config
    bootstrap = discovery.renamed(data.bootstrap, config.cluster["clusterName"])
    if data.plane is not None:
        cluster, _ = kubeconfig.current(bootstrap)
        cluster["server"] = kubeconfigs.local_url(config)
    kubeconfig.write(BOOTSTRAP, bootstrap)
    ca_file = Path(data.join["caCertPath"])
    if not ca_file.exists():
        ca = kubeconfig.text(kubeconfig.current(bootstrap)[0], "certificate-authority")
        certs.write(ca_file, ca, 0o644)
    _refuse_duplicate(data, kubelet.name(config))
    kubelet.stop()
    kubelet.write_instance(config.node["criSocket"])
    kubelet.write_config(upload.kubelet_value(config), data.patches)
    kubelet.write_flags(config, taints=data.plane is None)
    kubelet.start()


def _refuse_duplicate(data: Data, name: str) -> None:
    node = data.token_api.find(kube.path("nodes", name=name))
    conditions = ((node or {}).get("status") or {}).get("conditions") or []
    if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
        raise FatalError(
            f'a Node with name "{name}" and status "Ready" already exists in the cluster. You must'
            " delete the existing Node or change the name of this new joining Node"
        )


def _etcd_join(data: Data) -> None:
    if data.plane is None or not data.local_etcd:
        return
    client = etcd.connect(admin.load(), data.config)
    members = etcd.add_learner(client, data.config)
    say("[etcd] Announced new etcd member joining to the existing etcd cluster")
    say('[etcd] Creating static Pod manifest for "etcd"')
    manifests.store(
        patches.apply("etcd", manifests.pod(data.config, "etcd", members), data.patches)
    )
    etcd.promote(client, data.config)
    say("[etcd] Waiting for the new etcd member to join the cluster. This can take up to 40s")
    etcd.wait_available(client)


def _wait_bootstrap(data: Data) -> None:
    try:
        value = upload.kubelet_value(data.config)
        kubelet.wait_healthy(value, data.join["timeouts"]["kubeletHealthCheck"])
        say("[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap")
        _wait_for_conf(times.seconds(data.join["timeouts"]["tlsBootstrap"]))
    finally:
        BOOTSTRAP.unlink(missing_ok=True)


def _wait_for_conf(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            Kube.from_file(KUBELET)
        except (OSError, TypeError, KeyError, ValueError):
            if time.monotonic() > deadline:
                say(kubelet.FAIL)
                raise FatalError(
                    "failed while waiting for TLS bootstrap: context deadline exceeded"
                ) from None
            time.sleep(min(1.0, seconds))
        else:
            return


def _mark(data: Data) -> None:
    if data.plane is None:
        return
    taints = data.config.node.get("taints") or []
    timeout = data.join["timeouts"]["kubernetesAPICall"]
    waiting.mark(admin.load(), kubelet.name(data.config), taints, timeout)


def _wait_plane(data: Data) -> None:
    if data.plane is not None:
        waiting.control_plane(data.config)


PHASES: list[Phase[Data]] = [
    Phase("preflight", _preflight),
    Phase("control-plane-prepare", None, (
        Phase("download-certs", _download),
        Phase("certs", _certs),
        Phase("kubeconfig", _kubeconfigs),
        Phase("control-plane", _plane),
    )),
    Phase("check-etcd", _check_etcd),
    Phase("kubelet-start", _kubelet_start),
    Phase("etcd-join", _etcd_join),
    Phase("kubelet-wait-bootstrap", _wait_bootstrap),
    Phase("control-plane-join", None, (Phase("mark-control-plane", _mark),)),
    Phase("wait-control-plane", _wait_plane),
]  # fmt: skip


def main(argv: list[str]) -> None:
    """join, or join phase NAME."""
    runner = Runner("join", PHASES)
    flags = parse(argv, SPEC)
    single: list[str] = []
    if flags.args[:1] == ["phase"]:
        known = {n for p in runner.names() for n in p.split("/")} | {"all"}
        single = [w for w in flags.args[1:] if w in known]
        runner.check_single(single or flags.args[1:2])
        flags.args = [w for w in flags.args[1:] if w not in known]
    data = data_from(flags)
    if data.plane is None and flags.get("certificate-key"):
        warning(
            "[preflight] WARNING: --control-plane is also required when passing control-plane"
            " related"
            " flags such as [certificate-key, apiserver-advertise-address, apiserver-bind-port]",
            "join.go:398",
        )
    if single:
        runner.single(single, data)
        return
    skip = flags.several("skip-phases") or data.join.get("skipPhases") or []
    if not runner.all(data, skip, dry=flags.yes("dry-run")):
        return
    if data.plane is None:
        print(texts.JOIN_WORKER)
    else:
        print(texts.JOIN_PLANE.format(texts.ETCD_ADDED if data.local_etcd else ""))
