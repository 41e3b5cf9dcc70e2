"""The names that docs/kubernetes_names.py read from the source of Kubernetes, by minor version.

`kbootstrap.model.kubernetes_names` makes the tables of hints from them.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("kubernetes_names.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names in one minor version.

    Attributes:
        kubelet: the fields of KubeletConfiguration.
        kube_proxy: the fields of KubeProxyConfiguration.
        preflight_checks: kubeadm's checks that are not named after a port, directory or file.
        kubeadm_gates: the feature gates of kubeadm; each with the first minor that has it.
        gates: the feature gates of the components; likewise, 0 if the source does not say.

    """

    kubelet: Sequence[str]
    kube_proxy: Sequence[str]
    preflight_checks: Sequence[str]
    kubeadm_gates: Mapping[str, int]
    gates: Mapping[str, int]

    def plain(self) -> dict[str, Any]:
        """As the file has it."""
        return dataclasses.asdict(self)


@cache
def by_minor() -> Mapping[int, Names]:
    """Minor version -> its names, the oldest first."""
    read = json.loads(FILE.read_text(encoding="utf-8"))
    minors = {int(version.removeprefix("1.")): Names(**names) for version, names in read.items()}
    return dict(sorted(minors.items()))
