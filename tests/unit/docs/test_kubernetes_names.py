"""docs/kubernetes_names.py reads names from a source; the tables of the model are those names."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from kbootstrap.model import generated_names, kubernetes_names
from kbootstrap.model.schema import json_schema

SCRIPT = Path(__file__).parents[3] / "docs" / "kubernetes_names.py"
GATES = "package features\n"
SOURCE = {
    "staging/src/k8s.io/component-base/version/base.go": 'DefaultKubeBinaryVersion = "1.41"\n',
    "staging/src/k8s.io/kubelet/config/v1beta1/types.go": """\
type KubeletConfiguration struct {
\tmetav1.TypeMeta `json:",inline"`
\t// maxPods is a number.
\tMaxPods int32 `json:"maxPods,omitempty"`
}

type Other struct {
\tField string `json:"field"`
}
""",
    "staging/src/k8s.io/kube-proxy/config/v1alpha1/types.go": """\
type KubeProxyConfiguration struct {
\tMode ProxyMode `json:"mode"`
}
""",
    "cmd/kubeadm/app/preflight/checks.go": """\
func (NumCPUCheck) Name() string {
\treturn "NumCPU"
}
func (poc PortOpenCheck) Name() string {
\treturn fmt.Sprintf("Port-%d", poc.port)
}
\tFileExistingCheck{Path: cfg.CAFile, Label: "ExternalEtcdClientCertificates"})
\tServiceCheck{Service: "kubelet", CheckIfActive: false},
""",
    "cmd/kubeadm/app/phases/upgrade/health.go": '\t\t\tname:    "CreateJob",\n',
    "cmd/kubeadm/app/phases/upgrade/preflight.go": '\t\t\tname:   "CoreDNSMigration",\n',
    "cmd/kubeadm/app/features/features.go": """\
const (
\t// Own is expected to be in alpha in v1.38, beta in v1.40
\tOwn = "Own"
)
""",
    "pkg/features/kube_features.go": """\
\t// A comment: { with braces
\tNodeSwap featuregate.Feature = "NodeSwap"
\tKnob featuregate.Feature = "Knob"
\tUnused featuregate.Feature = "Unused"

\tKnob: {
\t\t{Version: version.MustParse("1.0"), Default: true, PreRelease: featuregate.GA},
\t\t{Version: version.MustParse("1.39"), Default: false, PreRelease: featuregate.Deprecated},
\t},

\tNodeSwap: {
\t\t{Version: version.MustParse("1.22"), Default: false, PreRelease: featuregate.Alpha},
\t\t{Version: version.MustParse("1.28"), Default: false, PreRelease: featuregate.Beta},
\t},

\tgenericfeatures.Elsewhere: {
\t\t{Version: version.MustParse("1.30"), Default: false, PreRelease: featuregate.Alpha},
\t},
""",
    "staging/src/k8s.io/apiserver/pkg/features/kube_features.go": GATES,
    "staging/src/k8s.io/apiextensions-apiserver/pkg/features/kube_features.go": GATES,
    "staging/src/k8s.io/controller-manager/pkg/features/kube_features.go": GATES,
    "staging/src/k8s.io/component-base/featuregate/feature_gate.go": GATES,
    "staging/src/k8s.io/component-base/logs/api/v1/kube_features.go": GATES,
    "staging/src/k8s.io/component-base/zpages/features/kube_features.go": GATES,
    "staging/src/k8s.io/client-go/features/known_features.go": """\
\tWatchListClient Feature = "WatchListClient"
\tWatchListClient: {Default: false, PreRelease: Beta},
""",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, text in SOURCE.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "source"


def script() -> ModuleType:
    """docs/kubernetes_names.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("names_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_names_of_one_minor_are_replaced(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module, file = script(), tmp_path / "names.json"
    file.write_text(json.dumps({"1.40": {"kubelet": ["a"]}, "1.41": {"kubelet": ["b"]}}))
    monkeypatch.setattr(module, "FILE", file)
    monkeypatch.setattr(sys, "argv", ["kubernetes_names.py", str(source)])

    module.main()

    assert capsys.readouterr().out.startswith(f"read Kubernetes 1.41 from {source}: 3 kubelet,")
    assert json.loads(file.read_text()) == {
        "1.40": {"kubelet": ["a"]},
        "1.41": {
            "kubelet": ["apiVersion", "kind", "maxPods"],
            "kube_proxy": ["apiVersion", "kind", "mode"],
            "preflight_checks": [
                "CoreDNSMigration",
                "CreateJob",
                "ExternalEtcdClientCertificates",
                "NumCPU",
                "Service-kubelet",
            ],
            "kubeadm_gates": {"Own": 38},
            "gates": {"Knob": 39, "NodeSwap": 22, "WatchListClient": 0},
        },
    }


def test_a_source_that_is_written_differently_is_refused(source: Path) -> None:
    (source / "cmd/kubeadm/app/phases/upgrade/health.go").write_text("package upgrade\n")
    with pytest.raises(LookupError, match=r"health\.go has nothing like"):
        script().Source(source).names()


def test_the_tables_are_what_was_read() -> None:
    read = json.loads(generated_names.FILE.read_text())
    newest = read[f"1.{kubernetes_names.KNOWN_MINOR}"]
    assert set(newest["kubelet"]) <= set(kubernetes_names.KUBELET_FIELDS)
    assert set(newest["kube_proxy"]) <= set(kubernetes_names.KUBE_PROXY_FIELDS)
    assert set(newest["preflight_checks"]) <= set(kubernetes_names.PREFLIGHT_CHECKS)
    assert newest["gates"].items() <= kubernetes_names.COMPONENT_GATES.items()
    for name, since in newest["kubeadm_gates"].items():
        assert kubernetes_names.FEATURE_GATES[name] == (since, None)
    assert len(newest["kubelet"]) > 100
    assert len(newest["gates"]) > 150


def test_editors_complete_them() -> None:
    kubelet = json_schema()["properties"]["kubelet"]["properties"]
    assert "maxPods" in kubelet
    assert "NodeSwap" in kubelet["featureGates"]["properties"]
