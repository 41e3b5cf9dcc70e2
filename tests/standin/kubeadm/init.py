"""kubeadm init."""

from __future__ import annotations

import os
from pathlib import Path

from tests.standin import switches
from tests.standin.common import kube, kubeconfig, pki
from tests.standin.common.flags import Flags, parse
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube

from . import (
    addons,
    admin,
    certs,
    kubeconfigs,
    kubelet,
    manifests,
    patches,
    preflight,
    rbac,
    texts,
    tokens,
    upload,
    waiting,
)
from .initdata import SPEC, Data, data_from
from .joinline import command
from .phase import Phase, Runner, say

# -- phases --------------------------------------------------------------------------------------


def _preflight(data: Data) -> None:
    say("[preflight] Running pre-flight checks")
    preflight.root(data.ignore)
    preflight.run(preflight.init_checks(data.config, secondary=False, downloads=False), data.ignore)
    texts.pulling("preflight")
    preflight.pull(data.config, data.ignore)


def _certs(data: Data) -> None:
    say(f'[certs] Using certificateDir folder "{data.config.cluster["certificatesDir"]}"')


def _cert_phase(spec: certs.Spec) -> Phase[Data]:
    make = certs.make_leaf if spec.ca else certs.make_ca
    return Phase(spec.name, lambda data: make(spec, data.config))


def _kubeconfig_phase(name: str) -> Phase[Data]:
    def run(data: Data) -> None:
        folder = Path(data.flags.get("kubeconfig-dir") or kubeconfigs.FOLDER)
        kubeconfigs.ensure(data.config, f"{name}.conf", folder)

    return Phase(name, run)


def _etcd(data: Data) -> None:
    if data.config.cluster["etcd"].get("local") is None:
        return
    say('[etcd] Creating static Pod manifest for local etcd in "/etc/kubernetes/manifests"')
    _store(data, "etcd")


def _store(data: Data, name: str) -> None:
    """In a dry run, to the directory that the environment names."""
    folder = manifests.FOLDER
    if data.flags.yes("dry-run"):
        folder = Path(os.environ["KUBEADM_INIT_DRYRUN_DIR"])
    manifests.store(patches.apply(name, manifests.pod(data.config, name), data.patches), folder)


def _plane_phase(name: str) -> Phase[Data]:
    def run(data: Data) -> None:
        say(f'[control-plane] Creating static Pod manifest for "{name}"')
        _store(data, name)

    return Phase(name.removeprefix("kube-"), run)


def _kubelet_start(data: Data) -> None:
    kubelet.stop()
    kubelet.write_flags(data.config, taints=False)
    kubelet.write_instance(data.config.node["criSocket"])
    kubelet.write_config(upload.kubelet_value(data.config), data.patches)
    kubelet.start()


def _wait(data: Data) -> None:
    say(
        "[wait-control-plane] Waiting for the kubelet to boot up the control plane as static"
        " Pods from"
        ' directory "/etc/kubernetes/manifests"'
    )
    kubelet.wait_healthy(upload.kubelet_value(data.config), data.timeouts["kubeletHealthCheck"])
    waiting.control_plane(data.config)


def _upload_kubeadm(data: Data) -> None:
    upload.kubeadm_config(data.api, data.config.cluster)


def _upload_kubelet(data: Data) -> None:
    generated = data.config.kubelet is None
    upload.kubelet_config(data.api, upload.kubelet_value(data.config), generated=generated)


def _upload_certs(data: Data) -> None:
    if not data.flags.yes("upload-certs"):
        say("[upload-certs] Skipping phase. Please see --upload-certs")
        return
    data.key = data.key or upload.new_key()
    upload.certs(data.api, data.config.cluster, data.key)
    if not data.flags.yes("skip-certificate-key-print"):
        say(f"[upload-certs] Using certificate key:\n{data.key}")


def _mark(data: Data) -> None:
    taints = data.config.node.get("taints") or []
    waiting.mark(data.api, kubelet.name(data.config), taints, data.timeouts["kubernetesAPICall"])


def _bootstrap_token(data: Data) -> None:
    if not data.flags.yes("skip-token-print"):
        for token in data.config.init["bootstrapTokens"]:
            say(f"[bootstrap-token] Using token: {token['token']}")
    say("[bootstrap-token] Configuring bootstrap tokens, cluster-info ConfigMap, RBAC Roles")
    for token in data.config.init["bootstrapTokens"]:
        tokens.create(data.api, token)
    bootstrap_rbac(data.api)
    cluster_info(data.api, data.admin_conf)


def bootstrap_rbac(api: Kube) -> None:
    """The rules that let tokens join nodes; upgrades renew them."""
    joiners, bearer = (
        [rbac.group(rbac.BOOTSTRAPPERS)],
        "[bootstrap-token] Configured RBAC rules to allow",
    )
    say(f"{bearer} Node Bootstrap tokens to get nodes")
    name = "kubeadm:get-nodes"
    rbac.cluster_role(api, name, [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}])
    rbac.bind_cluster(api, name, name, joiners)
    say(
        f"{bearer} Node Bootstrap tokens to post CSRs in order for nodes to get long term"
        f" certificate"
        " credentials"
    )
    rbac.bind_cluster(api, "kubeadm:kubelet-bootstrap", "system:node-bootstrapper", joiners)
    say(
        f"{bearer} the csrapprover controller automatically approve CSRs from a Node Bootstrap"
        f" Token"
    )
    signers = "system:certificates.k8s.io:certificatesigningrequests"
    rbac.bind_cluster(api, "kubeadm:node-autoapprove-bootstrap", f"{signers}:nodeclient", joiners)
    say(f"{bearer} certificate rotation for all node client certificates in the cluster")
    name = "kubeadm:node-autoapprove-certificate-rotation"
    rbac.bind_cluster(api, name, f"{signers}:selfnodeclient", [rbac.group(rbac.NODES)])


def cluster_info(api: Kube, conf: Path) -> None:
    """The ConfigMap that every client may read."""
    say('[bootstrap-token] Creating the "cluster-info" ConfigMap in the "kube-public" namespace')
    cluster, _ = kubeconfig.current(kubeconfig.load(conf))
    if switches.get("wrong_ca_in_cluster_info"):
        other = pki.authority("kubernetes").cert_pem()
        cluster = {**cluster, "certificate-authority-data": kubeconfig.encode(other)}
    text = texts.cluster_info(cluster)
    meta = {"name": "cluster-info", "namespace": "kube-public"}
    api.create_or_update(
        kube.path("configmaps", "kube-public"), {"metadata": meta, "data": {"kubeconfig": text}}
    )
    name = "kubeadm:bootstrap-signer-clusterinfo"
    rbac.role(api, "kube-public", name, "configmaps", "cluster-info")
    rbac.bind(api, "kube-public", name, [rbac.user("system:anonymous")])


def _rotation(_data: Data) -> None:
    path, current = (
        Path("/etc/kubernetes/kubelet.conf"),
        "/var/lib/kubelet/pki/kubelet-client-current.pem",
    )
    if not Path(current).exists():
        raise FatalError(f"failed to find {current}")
    say(
        f'[kubelet-finalize] Updating "{path}" to point to a rotatable kubelet client'
        f" certificate and"
        " key"
    )
    config = kubeconfig.load(path)
    for user in config["users"]:
        user["user"] = {"client-certificate": current, "client-key": current}
    kubeconfig.write(path, config)


def _show_join(data: Data) -> None:
    plane = None
    if data.config.cluster.get("controlPlaneEndpoint"):
        plane = _lines(data, plane=True)
    uploaded = data.flags.yes("upload-certs")
    say(texts.init_done(plane, _lines(data, plane=False), data.admin_conf, uploaded=uploaded))


def _lines(data: Data, *, plane: bool) -> str:
    token = data.config.init["bootstrapTokens"][0]["token"]
    if data.flags.yes("skip-token-print"):
        token = "<value withheld>"
    key = "<value withheld>" if data.flags.yes("skip-certificate-key-print") else data.key
    uploaded = data.flags.yes("upload-certs")
    return command(data.admin_conf, token, key if uploaded else "", plane=plane)


PHASES: list[Phase[Data]] = [
    Phase("preflight", _preflight),
    Phase("certs", _certs, (
        *(_cert_phase(spec) for spec in certs.SPECS),
        Phase("sa", lambda data: certs.make_sa(data.config)),
    )),
    Phase("kubeconfig", lambda _data: say('[kubeconfig] Using kubeconfig folder "/etc/kubernetes"'),
          tuple(_kubeconfig_phase(n) for n in (
              "admin", "super-admin", "kubelet", "controller-manager", "scheduler"))),
    Phase("etcd", None, (Phase("local", _etcd),)),
    Phase("control-plane",
          lambda _data: say('[control-plane] Using manifest folder "/etc/kubernetes/manifests"'),
          tuple(_plane_phase(name) for name in manifests.PLANE)),
    Phase("kubelet-start", _kubelet_start),
    Phase("wait-control-plane", _wait),
    Phase("upload-config", None, (
        Phase("kubeadm", _upload_kubeadm), Phase("kubelet", _upload_kubelet))),
    Phase("upload-certs", _upload_certs),
    Phase("mark-control-plane", _mark),
    Phase("bootstrap-token", _bootstrap_token),
    Phase("kubelet-finalize", None, (Phase("enable-client-cert-rotation", _rotation),)),
    Phase("addon", None, (
        Phase("coredns", lambda data: addons.coredns(data.api, data.config)),
        Phase("kube-proxy", lambda data: addons.kube_proxy(data.api, data.config)),
    )),
    Phase("show-join-command", _show_join),
]  # fmt: skip


def skipped(data: Data, chosen: list[str]) -> list[str]:
    """Disabled addons are skipped phases, and the other way round."""
    skip, cluster = list(chosen), data.config.cluster
    for field, phase in (("dns", "addon/coredns"), ("proxy", "addon/kube-proxy")):
        if "addon" in skip or phase in skip:
            cluster[field] = {**cluster[field], "disabled": True}
        elif cluster[field].get("disabled"):
            skip.append(phase)
    return skip


def _dependencies(skip: list[str]) -> None:
    missing = [p for p in ("upload-certs", "bootstrap-token") if p in skip]
    if missing and "show-join-command" not in skip:
        lines = [f'\tmissing [{p}] phase(s) needed by "show-join-command" phase' for p in missing]
        raise FatalError("unresolved dependencies:\n" + "\n".join(lines))


def main(argv: list[str]) -> None:
    """init, or init phase NAME."""
    runner = Runner("init", PHASES)
    flags = parse(argv, SPEC)
    if flags.args[:1] == ["phase"]:
        runner.check_single(flags.args[1:])
        if flags.args[1:2] == ["upload-certs"] and not flags.get("kubeconfig"):
            flags.values.setdefault("kubeconfig", str(admin.ADMIN))
            _phase_upload(flags, runner)
            return
        runner.single(flags.args[1:], data_from(flags))
        return
    if flags.args:
        raise FatalError(f'unknown command "{flags.args[0]}" for "kubeadm init"')
    data = data_from(flags)
    say(f"[init] Using Kubernetes version: {data.config.cluster['kubernetesVersion']}")
    skip = flags.several("skip-phases") or data.config.init.get("skipPhases") or []
    skip = skipped(data, skip)
    runner.check(skip)
    _dependencies(skip)
    runner.all(data, skip, dry=flags.yes("dry-run"))


def _phase_upload(flags: Flags, runner: Runner[Data]) -> None:
    """Init phase upload-certs works with the flags of its own."""
    kept = {k: v for k, v in flags.values.items() if k != "kubeconfig"}
    data = data_from(Flags(kept, flags.lists, flags.args))
    runner.single(flags.args[1:], data)
