"""The phases of upgrade apply and upgrade node."""

from __future__ import annotations

import sys
import time

from tests.standin.common import http, kube, kubeconfig
from tests.standin.common.klog import FatalError, warning
from tests.standin.common.kube import KubeError
from tests.standin.kubeadm import addons, init, kubeconfigs, kubelet, preflight, texts, upload
from tests.standin.kubeadm.config import net
from tests.standin.kubeadm.phase import Phase, say

from . import health, policy
from .data import KUBELET_CONF, Data
from .staticpods import TMP, StaticPods


def _apply_preflight(data: Data) -> None:
    say("[upgrade/preflight] Running preflight checks")
    preflight.root(data.ignore)
    preflight.run(preflight.upgrade_checks(), data.ignore)
    health.coredns(data.api, data.ignore)
    health.cluster(data.api, data.config, data.ignore)
    data.config.cluster["kubernetesVersion"] = net.normalize_version(data.version)
    net.check_minimum(data.version)
    allow = (
        data.yes("allow-experimental-upgrades", "allowExperimentalUpgrades"),
        data.yes("allow-release-candidate-upgrades", "allowRCUpgrades"),
    )
    force = data.yes("force", "forceUpgrade")
    policy.enforce(data.api, data.version, allow=allow, force=force)
    if not (force or data.flags.yes("yes") or data.flags.yes("dry-run")):
        _confirm()
    texts.pulling("upgrade/preflight")
    preflight.pull(data.config, data.ignore)


def _confirm() -> None:
    sys.stdout.write("[upgrade] Are you sure you want to proceed? [y/N]: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise FatalError("won't proceed; the user didn't answer (Y|y) in order to continue")


def _apply_plane(data: Data) -> None:
    say(
        "[upgrade/control-plane] Upgrading your static Pod-hosted control plane to version"
        f' "{data.version}" (timeout: {data.config.init["timeouts"]["upgradeManifests"]})...'
    )
    StaticPods(data).run()
    say(
        "[upgrade/control-plane] The control plane instance for this node was successfully"
        " upgraded!"
    )


def _upload_kubeadm(data: Data) -> None:
    upload.kubeadm_config(data.api, data.config.cluster)


def _upload_kubelet(data: Data) -> None:
    upload.kubelet_config(data.api, upload.kubelet_value(data.config), generated=False)


def _kubeconfig(data: Data) -> None:
    """A control plane's kubelet talks to its own API server."""
    if not data.plane:
        say("[upgrade/kubeconfig] Skipping phase. Not a control plane node.")
        return
    config = kubeconfig.load(KUBELET_CONF)
    cluster, _ = kubeconfig.current(config)
    local = kubeconfigs.local_url(data.config)
    if cluster["server"] == kubeconfigs.plane_url(data.config) != local:
        cluster["server"] = local
        kubeconfig.write(KUBELET_CONF, config)
        kubelet.systemctl("restart", "kubelet")
    say("[upgrade/kubeconfig] The kubeconfig files for this node were successfully upgraded!")


def _kubelet_config(data: Data) -> None:
    folder = TMP / time.strftime("kubeadm-kubelet-config-%Y-%m-%d-%H-%M-%S")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    warning(
        f"Using temporary directory {folder} for kubelet config. To override it set the environment"
        " variable KUBEADM_UPGRADE_DRYRUN_DIR",
        "postupgrade.go:104",
    )
    source, target = kubelet.FOLDER / "config.yaml", folder / "config.yaml"
    say(f"[upgrade] Backing up kubelet config file to {target}")
    target.write_text(source.read_text())
    kubelet.write_config(upload.kubelet_value(data.config), data.patches)
    say(
        "[upgrade/kubelet-config] The kubelet configuration for this node was successfully"
        " upgraded!"
    )


def _bootstrap_token(data: Data) -> None:
    say("[upgrade/bootstrap-token] Configuring bootstrap token and cluster-info RBAC rules")
    init.bootstrap_rbac(data.api)


def _addons_due(data: Data, name: str, *, disabled: bool) -> bool:
    if not data.plane:
        say(f"[upgrade/addon] Skipping the addon/{name} phase. Not a control plane node.")
        return False
    if disabled:
        say(f"[upgrade/addon] Skipping the addon/{name} phase. The addon is disabled.")
        return False
    behind = health.planes_behind(data.api, data.version)
    if behind:
        say(
            "[upgrade/addon] Skipping upgrade of addons because control plane instances"
            f" [{' '.join(behind)}] have not been upgraded"
        )
    return not behind


def _coredns(data: Data) -> None:
    if _addons_due(data, "coredns", disabled=bool(data.config.cluster["dns"].get("disabled"))):
        addons.coredns(data.api, data.config)


def _kube_proxy(data: Data) -> None:
    if _addons_due(data, "kube-proxy", disabled=bool(data.config.cluster["proxy"].get("disabled"))):
        addons.kube_proxy(data.api, data.config)


def _post(data: Data) -> None:
    """The socket is in instance-config.yaml; an old annotation goes."""
    path = kube.path("nodes", name=data.config.node["name"])
    annotation = "kubeadm.alpha.kubernetes.io/cri-socket"
    try:
        found = data.api.get(path)["metadata"].get("annotations") or {}
        if annotation in found:
            data.api.patch(path, {"metadata": {"annotations": {annotation: None}}}, kube.MERGE)
    except (KubeError, http.Unreachable):
        return


def _node_preflight(data: Data) -> None:
    say("[upgrade/preflight] Running pre-flight checks")
    preflight.root(data.ignore)
    preflight.run(preflight.upgrade_checks(), data.ignore)
    if not data.plane:
        say("[upgrade/preflight] Skipping prepull. Not a control plane node.")
        return
    texts.pulling("upgrade/preflight")
    preflight.pull(data.config, data.ignore)


def _node_plane(data: Data) -> None:
    if not data.plane:
        say("[upgrade/control-plane] Skipping phase. Not a control plane node.")
        return
    say(
        "[upgrade/control-plane] Upgrading your Static Pod-hosted control plane instance to version"
        f' "{data.version}"...'
    )
    StaticPods(data).run()
    say(
        "[upgrade/control-plane] The control plane instance for this node was successfully"
        " upgraded!"
    )


_ADDONS: Phase[Data] = Phase(
    "addon", None, (Phase("coredns", _coredns), Phase("kube-proxy", _kube_proxy))
)
APPLY: list[Phase[Data]] = [
    Phase("preflight", _apply_preflight),
    Phase("control-plane", _apply_plane),
    Phase(
        "upload-config",
        None,
        (Phase("kubeadm", _upload_kubeadm), Phase("kubelet", _upload_kubelet)),
    ),
    Phase("kubeconfig", _kubeconfig),
    Phase("kubelet-config", _kubelet_config),
    Phase("bootstrap-token", _bootstrap_token),
    _ADDONS,
    Phase("post-upgrade", _post),
]
NODE: list[Phase[Data]] = [
    Phase("preflight", _node_preflight),
    Phase("control-plane", _node_plane),
    Phase("kubeconfig", _kubeconfig),
    Phase("kubelet-config", _kubelet_config),
    _ADDONS,
    Phase("post-upgrade", _post),
]
