"""Patch files with other names are silently ignored by kubeadm, so they are errors."""

from pathlib import Path

import pytest

from tests.unit.model.writing import found, inventory, problems

TEXT = inventory("kubeadm: {patches: patches}\n")
GOOD = (
    "kube-apiserver.yaml",
    "kube-apiserver0+merge.yaml",
    "etcd+json.json",
    "kube-scheduler-a+strategic.yaml",
    "kubeletconfiguration.json",
    "corednsdeployment+merge.yaml",
)
BAD = {
    "kube-apisever.yaml": "kube-apiserver.yaml",
    "kube-apiserver.yml": "kube-apiserver.yaml",
    "kube-apiserver+patch.yaml": "",
    "etcd.yaml.bak": "etcd.yaml",
    "README.md": "",
}


def _folder(tmp_path: Path, *names: str) -> None:
    (tmp_path / "patches").mkdir()
    for name in names:
        (tmp_path / "patches" / name).write_text("{}")


def test_good_names(tmp_path: Path) -> None:
    _folder(tmp_path, *GOOD)
    assert problems(tmp_path, TEXT) == ()


@pytest.mark.parametrize("name", BAD)
def test_bad_names(name: str, tmp_path: Path) -> None:
    _folder(tmp_path, "etcd.yaml", name)
    (problem,) = problems(tmp_path, TEXT)
    assert (problem.code.id, problem.key) == ("KB129", "kubeadm.patches")
    assert repr(name) in problem.message
    assert problem.meant == BAD[name]
    assert "strategic|merge|json" in problem.hint


def test_no_directory_and_empty_directory(tmp_path: Path) -> None:
    assert found(problems(tmp_path, TEXT)) == [("KB128", "kubeadm.patches")]
    _folder(tmp_path)
    assert found(problems(tmp_path, TEXT)) == [("KB129", "kubeadm.patches")]
