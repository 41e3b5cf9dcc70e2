"""kubeadm config validate, images, print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.standin import stamp
from tests.standin.common import yamlio
from tests.standin.common.flags import Flags, Spec, parse
from tests.standin.common.klog import FatalError
from tests.standin.cri.client import Client

from . import addons, images, kubelet, preflight
from .config import defaults, load, net
from .flags import GLOBAL

SPEC = Spec(
    GLOBAL + " config kubernetes-version"
    " image-repository feature-gates cri-socket output kubeconfig component-configs*"
    " show-managed-fields? allow-missing-template-keys?",
    "o=output v=v h=help",
)


def main(argv: list[str]) -> None:
    """The second word decides."""
    flags = parse(argv, SPEC)
    words = flags.args
    action = COMMANDS.get(" ".join(words[:2]))
    if action:
        action(flags)
    elif words and words[0] in {"images", "print"}:
        raise FatalError("\nerror: subcommand is required")
    elif words:
        raise FatalError(f'unknown command "{words[0]}" for "kubeadm config"')
    else:
        raise FatalError("\nerror: subcommand is required")


def _validate(flags: Flags) -> None:
    if not flags.get("config"):
        raise FatalError("the --config flag is mandatory")
    try:
        text = Path(flags.get("config")).read_text()
    except OSError as err:
        raise FatalError(f"open {flags.get('config')}: {(err.strerror or '').lower()}") from err
    load.check(text)
    print("ok")


def _config(flags: Flags) -> load.InitConfig:
    try:
        return _read(flags)
    except FatalError as err:
        raise FatalError(f"could not convert cfg to an internal cfg: {err}") from err


def _read(flags: Flags) -> load.InitConfig:
    if flags.get("config"):
        return load.init_from(load.read(flags.get("config")), fatal=False, detect=False)
    cluster = {
        "kubernetesVersion": flags.get("kubernetes-version"),
        "imageRepository": flags.get("image-repository"),
    }
    node = {"criSocket": flags.get("cri-socket")}
    init = {"nodeRegistration": node, "localAPIEndpoint": {"advertiseAddress": "1.2.3.4"}}
    found: dict[str, dict[str, Any]] = {"InitConfiguration": init, "ClusterConfiguration": cluster}
    return load.complete_init(found, {}, detect=False)


def _list(flags: Flags) -> None:
    names = images.all_of(_config(flags).cluster)
    if flags.get("output") == "json":
        value = {
            "kind": "Images",
            "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
            "images": names,
        }
        print(json.dumps(value, indent=4))
    else:
        print("\n".join(names))


def _pull(flags: Flags) -> None:
    config = _config(flags)
    socket = defaults.cri_socket(flags.get("cri-socket"), detect=True)
    if flags.get("config"):
        socket = config.node["criSocket"]
    client = Client(socket)
    try:
        client.validate()
    except RuntimeError as err:
        raise FatalError(
            f"failed to create new CRI runtime service: validate service connection: {err}"
        ) from err
    for image in images.all_of(config.cluster):
        problem = preflight.pull_one(client, image)
        if problem:
            raise FatalError(
                f'failed to pull image "{image}": failed to pull image {image}: {problem}'
            )
        print(f"[config/images] Pulled {image}", flush=True)


def _print(flags: Flags) -> None:
    kind, socket = flags.args[1], defaults.SOCKETS[0]
    documents: list[dict[str, Any]]
    if kind == "join-defaults":
        documents = [_join_defaults(socket)]
    else:
        documents = _init_defaults(socket, flags.several("component-configs"))
    print("---\n".join(yamlio.dump(d) for d in documents), end="")


def _join_defaults(socket: str) -> dict[str, Any]:
    token = "abcdef.0123456789abcdef"  # the documented placeholder
    config = load.complete_join(
        {
            "nodeRegistration": {"criSocket": socket},
            "discovery": {
                "bootstrapToken": {
                    "token": token,
                    "apiServerEndpoint": "kube-apiserver:6443",
                    "unsafeSkipCAVerification": True,
                }
            },
        },
        detect=False,
    )
    return {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "JoinConfiguration", **config}


def _init_defaults(socket: str, components: list[str]) -> list[dict[str, Any]]:
    major, minor, _ = net.semantic(stamp.VERSION)
    init = {
        "bootstrapTokens": [{"token": "abcdef.0123456789abcdef"}],
        "localAPIEndpoint": {"advertiseAddress": "1.2.3.4"},
        "nodeRegistration": {"name": "node", "criSocket": socket},
    }
    cluster = {"kubernetesVersion": f"{major}.{minor}.0"}
    found: dict[str, dict[str, Any]] = {"InitConfiguration": init, "ClusterConfiguration": cluster}
    config = load.complete_init(found, {}, detect=False)
    config.node["taints"] = None
    for token in config.init["bootstrapTokens"]:
        token.pop("_ttl_given")
    version = "kubeadm.k8s.io/v1beta4"
    plain = {**config.cluster, "kubernetesVersion": f"{major}.{minor}.0"}
    plain["networking"] = {k: v for k, v in plain["networking"].items() if v}
    out = [
        {"apiVersion": version, "kind": "InitConfiguration", **config.init},
        {"apiVersion": version, "kind": "ClusterConfiguration", **plain},
    ]
    if "KubeletConfiguration" in components:
        out.append(kubelet.config(config.cluster, None))
    if "KubeProxyConfiguration" in components:
        out.append(addons.proxy_config(config))
    return out


COMMANDS = {
    "validate": _validate,
    "images list": _list,
    "images pull": _pull,
    "print init-defaults": _print,
    "print join-defaults": _print,
}
