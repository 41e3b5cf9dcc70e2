"""Make schemas.json from a Kubernetes source tree: python -m tests.standin.schema_from_go TREE."""

import json
import re
import sys
from pathlib import Path

_KUBEADM = "cmd/kubeadm/app/apis"
_STAGING = "staging/src/k8s.io"
FILES = {
    f"{_KUBEADM}/kubeadm/v1beta3/types.go": "v1beta3",
    f"{_KUBEADM}/kubeadm/v1beta4/types.go": "v1beta4",
    f"{_KUBEADM}/bootstraptoken/v1/types.go": "bootstraptoken",
    f"{_STAGING}/kubelet/config/v1beta1/types.go": "v1beta1",
    f"{_STAGING}/kube-proxy/config/v1alpha1/types.go": "v1alpha1",
    f"{_STAGING}/component-base/config/v1alpha1/types.go": "componentbase",
    f"{_STAGING}/component-base/logs/api/v1/types.go": "logs",
    f"{_STAGING}/component-base/tracing/api/v1/types.go": "tracing",
    f"{_STAGING}/api/core/v1/types.go": "core",
}
ALIASES = {
    "metav1.TypeMeta": "TypeMeta", "corev1": "core", "v1": "core",
    "componentbaseconfigv1alpha1": "componentbase", "logsapi": "logs",
    "componentconfigv1alpha1": "componentbase", "tracingapi": "tracing",
    "bootstraptokenv1": "bootstraptoken", "v1alpha1": "componentbase",
}  # fmt: skip
ROOTS = {
    "kubeadm.k8s.io/v1beta3": ("v1beta3", "Init Cluster Join"),
    "kubeadm.k8s.io/v1beta4": ("v1beta4", "Init Cluster Join Reset Upgrade"),
    "kubelet.config.k8s.io/v1beta1": ("v1beta1", "Kubelet"),
    "kubeproxy.config.k8s.io/v1alpha1": ("v1alpha1", "KubeProxy"),
}
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"^type (\w+) (string|bool|int32|int64|\[\]\w+|map\[\w+\]\w+)$", re.MULTILINE)
_FIELD = re.compile(r'^\s+(?:(\w+)\s+)?([\w\[\]*.]+)\s+`json:"([^",]*)([^"]*)"', re.MULTILINE)
_PLAIN = {"string", "bool", "int", "int32", "int64", "uint32", "float64", "float32", "byte"}


def qualified(kind: str, package: str) -> str:
    """A Go type with its package: *[]Arg -> []v1beta4.Arg."""
    prefix, name = re.fullmatch(r"((?:\*|\[\]|map\[[\w.]+\])*)([\w.]+)", kind).groups()  # type: ignore[union-attr]
    prefix = re.sub(r"map\[[\w.]+\]", "map[string]", prefix.replace("*", ""))
    if name in _PLAIN or name.startswith(("metav1.", "resource.", "intstr.")):
        return prefix + name
    if "." in name:
        base, _, rest = name.partition(".")
        return f"{prefix}{ALIASES.get(base, base)}.{rest}"
    return f"{prefix}{package}.{name}"


def types_of(path: Path, package: str) -> dict[str, object]:
    """All structs and named types of one file."""
    text = path.read_text()
    out: dict[str, object] = {}
    for name, underlying in _NAMED.findall(text):
        out[f"{package}.{name}"] = qualified(underlying, package)
    for name, body in _STRUCT.findall(text):
        fields = []
        for go_name, kind, json_name, rest in _FIELD.findall(body):
            inline = "inline" in rest or (not json_name and not go_name)
            fields.append(["" if inline else json_name, qualified(kind, package)])
        out[f"{package}.{name}"] = [f for f in fields if f[0] != "-"]
    return out


def reachable(types: dict[str, object], roots: list[str]) -> dict[str, object]:
    """Only what the roots use."""
    out: dict[str, object] = {}
    todo = list(roots)
    while todo:
        name = re.sub(r"^(\[\]|map\[string\])+", "", todo.pop())
        if name in types and name not in out:
            value = out[name] = types[name]
            todo += [value] if isinstance(value, str) else [f[1] for f in value]  # type: ignore[attr-defined]
    return out


def main() -> None:
    """Write schemas.json beside this file."""
    tree = Path(sys.argv[1])
    types: dict[str, object] = {}
    for name, package in FILES.items():
        types |= types_of(tree / name, package)
    roots = {
        f"{version}/{kind}Configuration": f"{package}.{kind}Configuration"
        for version, (package, kinds) in ROOTS.items()
        for kind in kinds.split()
    }
    used = reachable(types, list(roots.values()))
    text = json.dumps({"roots": roots, "types": used}, indent=None, separators=(",", ":"))
    Path(__file__).with_name("schemas.json").write_text(text.replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()
