"""The built-in pod network is IPv4 only, and the inventory says so."""

from pathlib import Path

import pytest

from kbootstrap.model.load import load
from kbootstrap.model.problems import InventoryErrors

TEXT = """\
cluster: {name: a}
kubernetes: {version: v1.34.2}
nodes: [{name: n1, address: 192.0.2.1, role: both}]
network: {pod_cidr: [10.244.0.0/16, "fd00:1::/56"], service_cidr: [10.96.0.0/12, "fd00:2::/112"]}
cni: {type: CNI}
"""


def test_bridge_with_two_families_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    file.write_text(TEXT.replace("CNI", "bridge"))

    with pytest.raises(InventoryErrors) as caught:
        load(file)

    assert [problem.code.id for problem in caught.value.problems] == ["KB119"]
    assert ":4:" in str(caught.value)
    assert "IPv4 only" in str(caught.value)


def test_without_it_two_families_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    file.write_text(TEXT.replace("CNI", "none"))

    assert len(load(file).network.pod_cidrs) == 2
