"""From documents to a complete, checked configuration."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

from tests.standin.common.klog import FatalError, warning

from . import net, strict, validate, validate_join
from .defaults import (
    cluster_defaults,
    cri_socket,
    endpoint_defaults,
    init_defaults,
    node_defaults,
    timeouts_defaults,
)
from .documents import GROUP, Document, is_old, refuse_old, split

Config = dict[str, Any]
KUBELET_GROUP, PROXY_GROUP = "kubelet.config.k8s.io", "kubeproxy.config.k8s.io"


@dataclasses.dataclass
class InitConfig:
    """Everything init works with; join and upgrade fill it from the cluster."""

    init: Config
    cluster: Config
    kubelet: Config | None = None
    proxy: Config | None = None

    @property
    def node(self) -> Config:
        found: Config = self.init["nodeRegistration"]
        return found

    @property
    def endpoint(self) -> Config:
        found: Config = self.init["localAPIEndpoint"]
        return found


def _deprecated(document: Document) -> None:
    if document.group == GROUP and document.version == "v1beta3":
        warning(
            f'your configuration file uses a deprecated API spec: "{document.api_version()}" (kind:'
            f' "{document.kind}"). Please use \'kubeadm config migrate --old-config old-config-file'
            " --new-config new-config-file', which will write the new, similar spec using a"
            " newer API"
            " version.",
            "common.go:101",
        )


def _decoded(document: Document, *, fatal: bool) -> Config:
    """Decode; what strict decoding finds is fatal or a warning."""
    if not fatal:
        _deprecated(document)
    try:
        value, complaint = strict.decode(document)
    except FatalError as err:
        text = strict.unmarshal_error(document, str(err))
        if fatal:
            raise FatalError(text) from err
        warning(text, "initconfiguration.go:341")
        if document.group == GROUP:
            raise
        return document.value
    if complaint:
        text = strict.unmarshal_error(document, complaint)
        if fatal:
            raise FatalError(text)
        warning(text, "initconfiguration.go:341")
    if document.version == "v1beta3":
        value = _from_v1beta3(value)
    return value


def _unknown(document: Document) -> None:
    """A lenient reader only warns, unless it needs the document."""
    warning(f"unknown configuration {document.go()}", "initconfiguration.go:341")
    if document.kind in {"InitConfiguration", "ClusterConfiguration"}:
        raise FatalError(
            f'no kind "{document.kind}" is registered for version "{document.api_version()}" in'
            f" scheme"
            ' "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/scheme/scheme.go:32"'
        )


def _component(document: Document) -> None:
    """Component documents are read a second time, so that they complain twice."""
    try:
        _, complaint = strict.decode(document)
    except FatalError as err:
        warning(strict.unmarshal_error(document, str(err)), "configset.go:78")
        raise
    if complaint:
        warning(strict.unmarshal_error(document, complaint), "configset.go:78")


def _from_v1beta3(value: Any) -> Any:
    """Maps of arguments become lists."""
    if isinstance(value, list):
        return [_from_v1beta3(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        if key in {"extraArgs", "kubeletExtraArgs"} and isinstance(item, dict):
            out[key] = [{"name": k, "value": v} for k, v in sorted(item.items())]
        else:
            out[key] = _from_v1beta3(item)
    return out


def raise_errors(errors: list[str]) -> None:
    if errors:
        raise FatalError(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")


def _read_one(document: Document, *, fatal: bool) -> Config:
    if strict.known(document):
        return _decoded(document, fatal=fatal)
    if fatal:
        raise FatalError(f"unknown configuration {document.go()}")
    _unknown(document)
    return {}


def _ignored(document: Document) -> None:
    warning(
        "[config] WARNING: Ignored configuration document with GroupVersionKind"
        f" {document.plain()}",
        "initconfiguration.go:371",
    )


def init_from(documents: list[Document], *, fatal: bool, detect: bool) -> InitConfig:
    """Init and Cluster documents, with the component documents beside them."""
    found: dict[str, Config] = {}
    components: dict[str, Config] = {}
    for document in sorted(documents, key=lambda d: d.plain()):
        refuse_old(document)
        value = _read_one(document, fatal=fatal)
        if document.kind in {"InitConfiguration", "ClusterConfiguration"}:
            found[document.kind] = value
        elif document.group in {KUBELET_GROUP, PROXY_GROUP}:
            components[document.group] = document.value
        else:
            _ignored(document)
    if not found:
        raise FatalError(
            "no InitConfiguration or ClusterConfiguration kind was found in the configuration file"
        )
    for document in documents:
        if document.group in components:
            _component(document)
    return complete_init(found, components, detect=detect)


def complete_init(
    found: dict[str, Config], components: dict[str, Config], *, detect: bool
) -> InitConfig:
    """Defaults and checks."""
    init = init_defaults(found.get("InitConfiguration", {}), detect=detect)
    given = found.get("ClusterConfiguration", {})
    old_timeout = (given.get("apiServer") or {}).pop("timeoutForControlPlane", None)
    if old_timeout:
        init["timeouts"]["controlPlaneComponentHealthCheck"] = old_timeout
    cluster = cluster_defaults(given, init["localAPIEndpoint"]["bindPort"])
    _recommend(cluster, components.get(KUBELET_GROUP) or {})
    raise_errors(validate.init(init, cluster))
    return InitConfig(init, cluster, components.get(KUBELET_GROUP), components.get(PROXY_GROUP))


def _recommend(cluster: Config, kubelet: Config) -> None:
    """Warn about a cluster DNS address that is not the service's."""
    try:
        wanted = str(net.cidrs(cluster["networking"]["serviceSubnet"])[0][10])
    except (ValueError, IndexError):
        return
    given = kubelet.get("clusterDNS")
    if given and given != [wanted]:
        warning(
            f'The recommended value for "clusterDNS" in "KubeletConfiguration" is: [{wanted}]; the'
            f" provided value is: [{' '.join(map(str, given))}]",
            "configset.go:177",
        )


def join_from(documents: list[Document], *, fatal: bool, detect: bool) -> Config:
    """The Join document."""
    config = None
    for document in documents:
        if document.kind != "JoinConfiguration":
            _ignored(document)
            continue
        refuse_old(document)
        config = _decoded(document, fatal=fatal)
    if config is None:
        raise FatalError("no JoinConfiguration found in the supplied config")
    return complete_join(config, detect=detect)


def complete_join(given: Config, *, detect: bool) -> Config:
    config = copy.deepcopy(given)
    config["caCertPath"] = config.get("caCertPath") or "/etc/kubernetes/pki/ca.crt"
    plane = config.get("controlPlane")
    config["nodeRegistration"] = node_defaults(
        config.get("nodeRegistration"), plane=plane is not None, detect=detect
    )
    discovery = config["discovery"] = dict(config.get("discovery") or {})
    old_timeout = discovery.pop("timeout", None)
    config["timeouts"] = timeouts_defaults(config.get("timeouts"))
    if old_timeout:
        config["timeouts"]["discovery"] = old_timeout
    by_token = discovery.get("bootstrapToken")
    if by_token is not None and not discovery.get("tlsBootstrapToken"):
        discovery["tlsBootstrapToken"] = by_token.get("token") or ""
    if plane is not None:
        plane["localAPIEndpoint"] = endpoint_defaults(plane.get("localAPIEndpoint"))
    raise_errors(validate_join.join(config))
    return config


def reset_from(documents: list[Document], *, fatal: bool, detect: bool) -> Config:
    """The Reset document."""
    config = None
    for document in documents:
        if document.kind == "ResetConfiguration":
            refuse_old(document)
            config = _decoded(document, fatal=fatal)
        else:
            _ignored(document)
    if config is None:
        raise FatalError("no ResetConfiguration found in the supplied config")
    return complete_reset(config, detect=detect)


def complete_reset(given: Config, *, detect: bool) -> Config:
    config = dict(given)
    config["certificatesDir"] = config.get("certificatesDir") or "/etc/kubernetes/pki"
    config["criSocket"] = cri_socket(config.get("criSocket") or "", detect=detect)
    config["timeouts"] = timeouts_defaults(config.get("timeouts"))
    raise_errors(validate_join.reset(config))
    return config


def upgrade_from(documents: list[Document]) -> Config:
    """The Upgrade document; an absent one means defaults."""
    for document in documents:
        if document.kind == "UpgradeConfiguration":
            refuse_old(document)
            return _decoded(document, fatal=False)
    raise FatalError("no UpgradeConfiguration found in the supplied config")


def read(path: str) -> list[Document]:
    """The documents of a --config file."""
    try:
        return split(Path(path).read_text())
    except OSError as err:
        why = f"open {path}: {(err.strerror or '').lower()}"
        raise FatalError(f'unable to read config from "{path}" : {why}') from err


def check(text: str) -> None:
    """Kubeadm config validate."""
    documents = split(text)
    unknown = [d for d in documents if not is_old(d) and not strict.known(d)]
    if unknown:
        listed = ", ".join(d.go() for d in unknown)
        raise FatalError(f"unknown configuration APIs: []schema.GroupVersionKind{{{listed}}}")
    kinds = {d.kind for d in documents}
    if kinds & {"InitConfiguration", "ClusterConfiguration"}:
        init_from(documents, fatal=True, detect=False)
    if "JoinConfiguration" in kinds:
        join_from(documents, fatal=True, detect=False)
    if "ResetConfiguration" in kinds:
        reset_from(documents, fatal=True, detect=False)


__all__ = ["GROUP", "InitConfig", "check"]
