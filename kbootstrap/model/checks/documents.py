"""The free-form documents of kubelet and kube-proxy: contradictions and likely typos.

No later step checks them strictly: kubeadm does not validate values, and drops unknown fields
with a warning in its log.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from kbootstrap import codes
from kbootstrap.errors import Code
from kbootstrap.model import kubernetes_names
from kbootstrap.model.checks.base import CheckContext
from kbootstrap.model.problems import Violation
from kbootstrap.model.validators.base import closest

_KUBELET = ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration")
_KUBE_PROXY = ("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration")
_TYPO = 0.9  # names of gates that were removed are long, too, and similar to others
_PROXY_MODES = ("", "iptables", "ipvs", "nftables")


def kubelet(context: CheckContext) -> Iterator[Violation]:
    """The kubelet's document does not contradict the inventory."""
    fields = context.inventory.kubelet
    wanted = {
        "staticPodPath": (
            kubernetes_names.STATIC_POD_PATH,
            "kubeadm writes the static pods there",
        ),
        "clusterDomain": (context.inventory.network.dns_domain, "it is set by network.dns_domain"),
        "rotateCertificates": (True, "kubeadm forces it to true"),
    }
    for key, (value, why) in wanted.items():
        if key in fields and fields[key] != value:
            yield _wrong("kubelet", key, f"must be {_json(value)}: {why}", codes.INV_OWNED)
    if "containerRuntimeEndpoint" in fields:
        yield _wrong(
            "kubelet", "containerRuntimeEndpoint", "it is set by runtime.type", codes.INV_OWNED
        )
    if fields.get("cgroupDriver", "systemd") != "systemd":
        yield Violation(
            code=codes.INV_W_SETTING,
            path=("kubelet", "cgroupDriver"),
            message="the runtime uses the systemd driver, and both must be the same",
            allowed="systemd, or the same driver in runtime.settings",
            warning=True,
        )
    yield from _kind("kubelet", fields, _KUBELET)
    yield from _typos("kubelet", fields, kubernetes_names.KUBELET_FIELDS)
    yield from _gates(context, "kubelet", fields)


def kube_proxy(context: CheckContext) -> Iterator[Violation]:
    """kube-proxy's document does not contradict the inventory."""
    fields = context.inventory.kube_proxy
    if fields and not context.inventory.addons.kube_proxy:
        message = "addons.kube_proxy is false, so these settings are not used"
        yield Violation(code=codes.INV_CONTRADICTION, path=("kube_proxy",), message=message)
    cidrs = ",".join(context.inventory.network.pod_cidr)
    if fields.get("clusterCIDR", cidrs) != cidrs:
        message = f"must be {cidrs}: it is set by network.pod_cidr"
        yield _wrong("kube_proxy", "clusterCIDR", message, codes.INV_OWNED)
    if fields.get("mode", "") not in _PROXY_MODES:
        yield Violation(
            code=codes.INV_VALUE,
            path=("kube_proxy", "mode"),
            message=f"{fields['mode']!r} is not a mode of kube-proxy, and kubeadm would accept it",
            allowed="iptables, ipvs, nftables",
            meant=closest(str(fields["mode"]), _PROXY_MODES),
        )
    yield from _kind("kube_proxy", fields, _KUBE_PROXY)
    yield from _typos("kube_proxy", fields, kubernetes_names.KUBE_PROXY_FIELDS)
    yield from _gates(context, "kube_proxy", fields)


def _kind(
    section: str, fields: Mapping[str, Any], expected: tuple[str, str]
) -> Iterator[Violation]:
    for key, value in zip(("apiVersion", "kind"), expected, strict=True):
        if key in fields and fields[key] != value:
            yield _wrong(section, key, f"must be {value}", codes.INV_VALUE)


def _typos(section: str, fields: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Violation]:
    """Fields that look like a misspelt known field; other fields may be newer."""
    for key in fields:
        near = "" if key in known else closest(key, known)
        if near:
            yield Violation(
                code=codes.INV_W_SETTING,
                path=(section, key),
                message=f"{key!r} is not a known field, and unknown fields are dropped silently",
                meant=near,
                at_key=True,
                warning=True,
            )


def _gates(context: CheckContext, section: str, fields: Mapping[str, Any]) -> Iterator[Violation]:
    """Feature gates that are misspelt, or newer than the release; a component exits with one."""
    gates, known = fields.get("featureGates"), kubernetes_names.COMPONENT_GATES
    for name in gates if isinstance(gates, Mapping) else ():
        near = "" if name in known else closest(name, known, similar=_TYPO)
        newer = context.before(known.get(name, 0))
        if near or newer:
            first = f"in Kubernetes from 1.{known[name]}" if newer else "a known feature gate"
            yield Violation(
                code=codes.INV_W_SETTING,
                path=(section, "featureGates", name),
                message=f"{name!r} is not {first}, and a component exits with an unknown one",
                meant=near,
                at_key=True,
                warning=True,
            )


def _wrong(section: str, key: str, message: str, code: Code) -> Violation:
    return Violation(code=code, path=(section, key), message=message)


def _json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


CHECKS = (kubelet, kube_proxy)
