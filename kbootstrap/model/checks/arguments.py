"""Command-line arguments: set by kbootstrap, removed upstream, or not repeatable."""

from collections.abc import Iterator

from kbootstrap import codes
from kbootstrap.model import kubernetes_names
from kbootstrap.model.checks.base import CheckContext
from kbootstrap.model.problems import Violation
from kbootstrap.model.versions import FULL_FROM_MINOR

_COMPONENTS = ("api_server", "controller_manager", "scheduler", "etcd")
_MASKS = ("node-cidr-mask-size", "node-cidr-mask-size-ipv4", "node-cidr-mask-size-ipv6")


def components(context: CheckContext) -> Iterator[Violation]:
    """Arguments of the control plane do not contradict the inventory."""
    for component in _COMPONENTS:
        written = getattr(context.inventory.kubeadm.extra_args, component)
        for name, values in written.items():
            path = ("kubeadm", "extra_args", component, name)
            key = kubernetes_names.OWNED_ARGUMENTS[component].get(name)
            if key is not None:
                yield Violation(
                    code=codes.INV_OWNED,
                    path=path,
                    message=f"{name} is set from the inventory",
                    allowed=key,
                    at_key=True,
                )
            if len(values) > 1 and context.before(FULL_FROM_MINOR):
                message = f"kubeadm {context.version} takes each argument once"
                yield Violation(code=codes.INV_ARGUMENT, path=path, message=message)
            if name in _MASKS and not values[-1].isdecimal():
                message = f"{values[-1]!r} is not a number of bits"
                yield Violation(code=codes.INV_ARGUMENT, path=path, message=message)


def kubelet(context: CheckContext) -> Iterator[Violation]:
    """The kubelet's arguments exist in this release and do not contradict the inventory."""
    for layer_path, layer in context.layers:
        for name in layer.kubelet_args or {}:
            path = (*layer_path, "kubelet_args", name)
            key = kubernetes_names.OWNED_KUBELET_ARGUMENTS.get(name)
            since, instead = kubernetes_names.REMOVED_KUBELET_FLAGS.get(name, (0, ""))
            if key is not None:
                message = f"{name} is set from the inventory"
                yield Violation(
                    code=codes.INV_OWNED, path=path, message=message, allowed=key, at_key=True
                )
            elif instead and context.version is not None and not context.before(since):
                yield Violation(
                    code=codes.INV_ARGUMENT,
                    path=path,
                    message=f"the kubelet of {context.version} does not start with {name}",
                    allowed=f"{instead} instead",
                    at_key=True,
                )


def etcd(context: CheckContext) -> Iterator[Violation]:
    """Keys of local etcd are not set beside external etcd; its data has its own directory."""
    section, directory = context.inventory.etcd, context.inventory.etcd.data_dir
    if directory in kubernetes_names.SHARED_FOLDERS:
        yield Violation(
            code=codes.INV_PATH,
            path=("etcd", "data_dir"),
            message=f"{directory} holds more than etcd's data, and reset empties it",
            allowed="a directory of its own, such as /var/lib/etcd",
        )
    if section.external is None:
        return
    local = {
        ("etcd", "image_tag"): section.image_tag,
        ("etcd", "data_dir"): directory,
        ("registry", "etcd"): context.inventory.registry.etcd,
        ("kubeadm", "extra_args", "etcd"): context.inventory.kubeadm.extra_args.etcd,
    }
    for path, value in local.items():
        if value:
            message = "is for local etcd, but etcd.external is set"
            yield Violation(
                code=codes.INV_CONTRADICTION, path=path, message=message, allowed="one of the two"
            )


CHECKS = (components, kubelet, etcd)
