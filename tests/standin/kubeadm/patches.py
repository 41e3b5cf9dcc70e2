"""--patches DIR: files that change manifests and the kubelet's configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.standin.apiserver.patch import json_patch, merge_patch, strategic
from tests.standin.common.klog import FatalError

from .phase import say

_TARGETS = (
    "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubeletconfiguration",
    "corednsdeployment",
)  # fmt: skip
_NAME = re.compile(rf"({'|'.join(_TARGETS)})[^+.]*(?:\+(strategic|merge|json))?\.(?:yaml|json)")
_TYPES = {
    "strategic": ("application/strategic-merge-patch+json", strategic),
    "merge": ("application/merge-patch+json", merge_patch),
    "json": ("application/json-patch+json", json_patch),
}


def announce(target: str, kind: str = "strategic") -> None:
    say(f'[patches] Applied patch of type "{_TYPES[kind][0]}" to target "{target}"')


def apply(target: str, value: dict[str, Any], folder: str) -> dict[str, Any]:
    """The patched value; directory may be empty."""
    if not folder:
        return value
    if not Path(folder).is_dir():
        raise FatalError(
            f'could not list patch files for path "{folder}": open {folder}: no such file or'
            f" directory"
        )
    names = sorted(p.name for p in Path(folder).iterdir() if p.is_file())
    ignored = [n for n in names if not _NAME.fullmatch(n)]
    if ignored:
        say(f"[patches] Ignored the following files: [{' '.join(ignored)}]")
    for name in names:
        found = _NAME.fullmatch(name)
        if not found or found[1] != target:
            continue
        kind = found[2] or "strategic"
        for patch in yaml.safe_load_all((Path(folder) / name).read_text()):
            if patch:
                value = _TYPES[kind][1](value, patch)
                announce(target, kind)
    return value
