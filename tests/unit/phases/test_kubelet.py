"""The kubelet's unit is the package's only where the kubelet is the package's."""

import pytest

from kbootstrap.action import PutFile
from kbootstrap.engine.phase import View
from phases import kubelet
from tests.laws.clusters import cluster

WRITTEN = {kubelet.UNIT, kubelet.DROP_IN, kubelet.LAST, kubelet.CRICTL}


@pytest.mark.parametrize(
    ("name", "kept"), [("ha", set()), ("cri-o", {kubelet.UNIT, kubelet.DROP_IN})]
)
def test_a_unit_of_a_package_stays_for_preinstalled_binaries_only(
    name: str, kept: set[str]
) -> None:
    known = cluster(name)
    view = View(cluster=known, node=known.first, facts=kubelet.Facts(packaged=True))

    written = {action.path for action in kubelet.plan(view) if isinstance(action, PutFile)}

    assert written == WRITTEN - kept
