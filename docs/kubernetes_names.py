"""Read names from the source of Kubernetes: ``python docs/kubernetes_names.py DIRECTORY``.

Writes kbootstrap/model/kubernetes_names.json, which `kbootstrap.model.generated_names` reads: the
names of the minor version that the directory has are replaced, those of other minors stay.
"""
# ruff: noqa: INP001 - a script, in no package

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.model.generated_names import FILE, Names

_LINES = re.MULTILINE
_STAGING = "staging/src/k8s.io"
_KUBEADM = "cmd/kubeadm/app"
_GATES = (
    "pkg/features/kube_features.go",
    f"{_STAGING}/apiextensions-apiserver/pkg/features/kube_features.go",
    f"{_STAGING}/apiserver/pkg/features/kube_features.go",
    f"{_STAGING}/client-go/features/known_features.go",
    f"{_STAGING}/component-base/featuregate/feature_gate.go",
    f"{_STAGING}/component-base/logs/api/v1/kube_features.go",
    f"{_STAGING}/component-base/zpages/features/kube_features.go",
    f"{_STAGING}/controller-manager/pkg/features/kube_features.go",
)
_CHECKS = f"{_KUBEADM}/preflight/checks.go"
_UPGRADE_CHECKS = tuple(f"{_KUBEADM}/phases/upgrade/{name}.go" for name in ("health", "preflight"))


@dataclass(frozen=True, slots=True)
class Source:
    """A directory with the source of Kubernetes."""

    directory: Path

    @property
    def minor(self) -> int:
        """The minor version of the source, which may not be released yet."""
        file = f"{_STAGING}/component-base/version/base.go"
        return int(self._find(file, r'DefaultKubeBinaryVersion = "1\.(\d+)"')[0])

    def names(self) -> Names:
        """All names of this minor.

        Raises:
            LookupError: a file is no longer written as this script expects.

        """
        return Names(
            kubelet=self._fields("kubelet/config/v1beta1", "KubeletConfiguration"),
            kube_proxy=self._fields("kube-proxy/config/v1alpha1", "KubeProxyConfiguration"),
            preflight_checks=tuple(sorted(set(self._checks()))),
            kubeadm_gates=self._kubeadm_gates(),
            gates=dict(sorted(gate for file in _GATES for gate in self._gates(file))),
        )

    def _find(self, file: str, pattern: str) -> list[str]:
        """What the pattern's group matches in a file, in its order."""
        matches = re.findall(pattern, self._text(file), _LINES)
        if not matches:
            raise LookupError(f"{file} has nothing like {pattern}")
        return matches

    def _text(self, file: str) -> str:
        return (self.directory / file).read_text(encoding="utf-8")

    def _fields(self, package: str, kind: str) -> tuple[str, ...]:
        """The keys of a document."""
        file = f"{_STAGING}/{package}/types.go"
        [body] = self._find(file, rf"^type {kind} struct \{{\n((?:.*\n)*?)\}}")
        return tuple(sorted({"apiVersion", "kind", *re.findall(r'`json:"(\w+)', body)}))

    def _checks(self) -> Iterator[str]:
        """The names of preflight checks that are not made of a port or path."""
        yield from self._find(_CHECKS, r'Name\(\) string \{\n\treturn "(\w+)"')
        yield from self._find(_CHECKS, r'\bLabel: "(\w+)"')
        for service in self._find(_CHECKS, r'\bServiceCheck\{Service: "(\w+)"'):
            yield f"Service-{service}"
        for file in _UPGRADE_CHECKS:
            yield from self._find(file, r'\bname: +"(\w+)"')

    def _kubeadm_gates(self) -> dict[str, int]:
        """The gates of kubeadm, and the first minor of each, which its comment names."""
        file = f"{_KUBEADM}/features/features.go"
        names = self._find(file, r'^\t\w+ = "(\w+)"')
        minors = self._find(file, r'^\t// .*?v1\.(\d+).*\n\t\w+ = "')
        return {name: int(since) for name, since in zip(names, minors, strict=True)}

    def _gates(self, file: str) -> Iterator[tuple[str, int]]:
        """The gates of the components, and the first minor of each; 0 if the file has none.

        An entry for 1.0 beside later ones is not a release: it is for emulated versions.
        """
        text = self._text(file)
        names = dict(re.findall(r'^\t(\w+) +(?:featuregate\.)?Feature += "(\w+)"', text, _LINES))
        specs = re.findall(r"^\t+(?:\w+\.)?(\w+): +\{(.*\n(?:\t+\{.*\n)*)", text, _LINES)
        for constant, spec in specs:
            if constant in names:
                minors = map(int, re.findall(r'MustParse\("1\.(\d+)"\)', spec))
                yield names[constant], min((minor for minor in minors if minor), default=0)


def main() -> None:
    """Replace the names of one minor."""
    source = Source(Path(sys.argv[1]))
    names, minor = source.names(), source.minor
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    known[f"1.{minor}"] = names.plain()
    FILE.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    counts = ", ".join(f"{len(values)} {key}" for key, values in names.plain().items())
    print(f"read Kubernetes 1.{minor} from {source.directory}: {counts}")  # noqa: T201


if __name__ == "__main__":
    main()
