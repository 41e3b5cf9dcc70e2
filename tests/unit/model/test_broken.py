"""Each kind of broken inventory gets its code, place, key, explanation and next step."""

from pathlib import Path

import pytest

from kbootstrap.codes import all_codes
from kbootstrap.model.problems import InventoryErrors
from tests.unit.model.broken import CASES
from tests.unit.model.broken.case import Case
from tests.unit.model.writing import MARK, found, inventory, place, problems, read


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_says_what_and_where(case: Case, tmp_path: Path) -> None:
    text = inventory(case.text)
    said = problems(tmp_path, text)
    assert found(said) == [(case.code.id, case.key)], "\n".join(map(str, said))
    (problem,) = said
    if MARK in text:
        assert (problem.line, problem.column) == place(text)
    assert problem.file == str(tmp_path / "inventory.yaml")
    assert case.says in f"{problem.message} {problem.allowed}"
    assert problem.meant == case.meant
    assert problem.hint == case.code.hint.format(node="NODE", phase="PHASE")
    assert "hunter2" not in str(problem)


def test_names_are_unique_and_kinds_are_many() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.code.id for case in CASES}) >= 20


def test_every_error_code_has_a_case() -> None:
    elsewhere = {"KB100", "KB101", "KB129"}  # the sum, unreadable files, patch directories
    errors = {code.id for code in all_codes() if "KB100" <= code.id < "KB150"}
    assert errors - {case.code.id for case in CASES} == elsewhere


def test_all_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
cluster: {name: Demo}
kubernetes: {version: 1.34}
nodes:
  - {name: cp1, adress: 192.0.2.11, role: control-plan}
  - {name: w1, address: 192.0.2.21, role: worker, ssh: {password: hunter2, prt: 1}}
  - 5
  - {name: w1, address: 192.0.2.22, role: worker, labels: {on: yes}}
network: {pod_cidr: 10.96.0.0/16, service_cidr: [10.96.0.0/12]}
kubeadm: {skip_phases: [cert], timeouts: {kubelet: 5}}
cluster: {name: other}
"""
    with pytest.raises(InventoryErrors) as caught:
        read(tmp_path, text)
    assert found(caught.value.problems) == [
        ("KB111", "cluster.name"),
        ("KB110", "kubernetes.version"),
        ("KB103", "nodes[0].adress"),
        ("KB108", "nodes[0].role"),
        ("KB109", "nodes[1].ssh.password"),
        ("KB103", "nodes[1].ssh.prt"),
        ("KB105", "nodes[2]"),
        ("KB113", "nodes[3].name"),
        ("KB107", "nodes[3].labels.on"),
        ("KB118", "network.service_cidr[0]"),
        ("KB125", "kubeadm.skip_phases[0]"),
        ("KB127", "kubeadm.timeouts.kubelet"),
        ("KB106", "cluster"),
    ]
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    assert lines[0].startswith(f"{tmp_path}/inventory.yaml:1:17: KB111 cluster.name: 'Demo'")
    assert lines[2].endswith('did you mean "address"?)')
    assert caught.value.exit_code == 2
    assert "validate" in caught.value.hint
