"""Parses the kubelet's files that kubeadm writes, and the patches of its configuration; pure."""

import json
import shlex
from collections.abc import Iterable, Mapping
from functools import cache

import yaml

from kbootstrap import plain_yaml
from kbootstrap.model.cluster import Arg
from kbootstrap.model.document import EMPTY, Document

_VARIABLE = "KUBELET_KUBEADM_ARGS"
# Flags that kubeadm itself writes to kubeadm-flags.env (cmd/kubeadm/app/phases/kubelet/flags.go).
_OF_KUBEADM = frozenset(
    {
        "cgroup-driver",
        "container-runtime-endpoint",
        "hostname-override",
        "network-plugin",
        "node-ip",
        "pod-infra-container-image",
        "register-with-taints",
        "resolv-conf",
    }
)


@cache
def config_of(text: str) -> Document:
    """A kubelet's config.yaml; cached, as most nodes have the same; empty if damaged."""
    try:
        data = plain_yaml.load(text)
    except ValueError:
        return EMPTY
    return Document.of(data) if isinstance(data, dict) else EMPTY


def flags_of(line: str) -> tuple[str, ...]:
    """The flags in ``KUBELET_KUBEADM_ARGS="--a=b --c=d"``; none if the line is damaged."""
    if not line.startswith(f"{_VARIABLE}="):
        return ()
    try:
        return tuple(shlex.split(line.partition("=")[2].strip().strip('"')))
    except ValueError:
        return ()


def line_of(flags: Iterable[str]) -> str:
    """The line of kubeadm-flags.env with these flags, sorted as kubeadm writes them."""
    return f"{_VARIABLE}={json.dumps(' '.join(sorted(flags, key=name_of)), ensure_ascii=False)}"


def name_of(flag: str) -> str:
    """The name of ``--name=value``."""
    return flag.removeprefix("--").partition("=")[0]


def flags_with(have: Iterable[str], wanted: Iterable[Arg]) -> tuple[str, ...]:
    """The flags after a change: those that kubeadm wrote, and the inventory's."""
    new = [f"--{arg.name}={arg.value}" for arg in wanted]
    names = set(map(name_of, new))
    own = [flag for flag in have if name_of(flag) in _OF_KUBEADM - names]
    return tuple(sorted([*own, *new], key=name_of))


def patched_fields(text: str) -> frozenset[str] | None:
    """The fields that kubeadm's patches of a KubeletConfiguration touch; None if unknown.

    https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/#config-file: a JSON patch
    is a list of operations, the other types are a part of the document.
    """
    found: set[str] = set()
    try:
        for patch in yaml.safe_load_all(text):
            if isinstance(patch, Mapping):
                found |= set(patch)
            elif patch is not None:
                found |= {operation["path"].split("/")[1] for operation in patch}
    except (yaml.YAMLError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    return frozenset(map(str, found))
