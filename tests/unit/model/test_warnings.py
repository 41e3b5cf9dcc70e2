"""What is allowed but probably not meant."""

from pathlib import Path

import pytest

from kbootstrap import codes
from kbootstrap.codes import all_codes
from tests.unit.model.broken.case import Case
from tests.unit.model.writing import MARK, found, inventory, place, read

CASES = (
    Case(
        "even number of control planes",
        codes.INV_W_ETCD_QUORUM,
        "nodes",
        "api: {endpoint: 'api.example.org:6443'}\nnodes: §["
        "{name: a, address: 192.0.2.1, role: both}, {name: b, address: 192.0.2.2, role: both}]\n",
        "tolerate 0 losses",
    ),
    Case(
        "old release",
        codes.INV_W_RENDER_ONLY,
        "kubernetes.version",
        "kubernetes: {version: §v1.28.3}\n",
        "v1beta3",
    ),
    Case(
        "all checks ignored",
        codes.INV_W_PREFLIGHT_ALL,
        "kubeadm.ignore_preflight",
        "kubeadm: {ignore_preflight: §[all]}\n",
        "every preflight check",
    ),
    Case(
        "no worker",
        codes.INV_W_NO_WORKER,
        "nodes",
        "nodes: §[{name: a, address: 192.0.2.1, role: control-plane}]\n",
        "control planes only",
    ),
    Case(
        "taints replace the control plane's",
        codes.INV_W_TAINTS,
        "nodes[0].taints",
        "nodes:\n  - {name: a, address: 192.0.2.1, role: control-plane,"
        " taints: §['x:NoSchedule']}\n  - {name: w1, address: 192.0.2.21, role: worker}\n",
        "a gets these taints only",
    ),
    Case(
        "endpoint on one of three",
        codes.INV_W_ENDPOINT,
        "api.endpoint",
        "api: {endpoint: §'192.0.2.1:6443'}\nnodes:\n"
        "  - {name: a, address: 192.0.2.1, role: both}\n"
        "  - {name: b, address: 192.0.2.2, role: both}\n"
        "  - {name: c, address: 192.0.2.3, role: both}\n",
        "192.0.2.1 is a",
    ),
    Case(
        "endpoint with another port",
        codes.INV_W_ENDPOINT,
        "api.endpoint",
        "api: {endpoint: §'192.0.2.11:443'}\n",
        "port 443 of cp1",
    ),
    Case("no network", codes.INV_W_NO_CNI, "cni", "cni: §{}\n", "NotReady"),
    Case(
        "no sudo",
        codes.INV_W_SUDO,
        "defaults.ssh.become",
        "defaults: {ssh: {user: me, become: §false}}\n",
        "kubeadm needs root",
    ),
    Case(
        "misspelt field of the kubelet",
        codes.INV_W_SETTING,
        "kubelet.maxpods",
        "kubelet: {§maxpods: 50}\n",
        "dropped silently",
        "maxPods",
    ),
    Case(
        "cgroup driver",
        codes.INV_W_SETTING,
        "kubelet.cgroupDriver",
        "kubelet: {cgroupDriver: §cgroupfs}\n",
        "both must be the same",
    ),
    Case(
        "feature gate of a newer release",
        codes.INV_W_SETTING,
        "kubeadm.feature_gates.Later",
        "kubernetes: {version: v1.36.0}\nkubeadm: {feature_gates: {§Later: true}}\n",
        "kubeadm 1.36",
    ),
    Case(
        "misspelt feature gate of the kubelet",
        codes.INV_W_SETTING,
        "kubelet.featureGates.NodeSwaps",
        "kubelet: {featureGates: {§NodeSwaps: true}}\n",
        "exits with an unknown one",
        "NodeSwap",
    ),
    Case(
        "feature gate that this kube-proxy does not have yet",
        codes.INV_W_SETTING,
        "kube_proxy.featureGates.EnvFiles",
        "kubernetes: {version: v1.33.4}\nkube_proxy: {featureGates: {§EnvFiles: true}}\n",
        "from 1.34",
    ),
)

# Known to 1.31 and removed before the source that the names were read from.
REMOVED = (
    "kubernetes: {version: v1.31.4}\nkubelet: {featureGates: {PodDisruptionConditions: true}}\n"
)


def test_a_feature_gate_that_was_removed_later_is_no_mistake(tmp_path: Path) -> None:
    assert read(tmp_path, inventory(REMOVED)).warnings == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_warns_and_loads(case: Case, tmp_path: Path) -> None:
    text = inventory(case.text)
    warnings = read(tmp_path, text).warnings
    assert found(warnings) == [(case.code.id, case.key)]
    (warning,) = warnings
    assert MARK in text
    assert (warning.line, warning.column) == place(text)
    assert case.says in warning.message
    assert warning.meant == case.meant


def test_every_warning_code_has_a_case() -> None:
    warnings = {code.id for code in all_codes() if "KB150" <= code.id < "KB170"}
    assert warnings == {case.code.id for case in CASES}


def test_the_base_has_no_warnings(tmp_path: Path) -> None:
    assert read(tmp_path, inventory()).warnings == ()
