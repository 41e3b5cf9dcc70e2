"""`import` reads a cluster that others made: what it stores ends with a code, never as a bug."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kbootstrap import kubeadm
from kbootstrap.drift import imported
from kbootstrap.guards.adoption import text
from kbootstrap.model.document import Document
from kbootstrap.model.load import load_text
from tests.attacks.fuzz import FUZZ, damaged, ends_with_a_code
from tests.laws.clusters import NAMES, cluster
from tests.unit.drift.test_imported import origin, seen

KUBELET = {
    "staticPodPath": "/etc/kubernetes/manifests",
    "maxPods": 60,
    "evictionHard": {"memory.available": "50Mi"},
    "featureGates": {"A": True},
}


@FUZZ
@given(st.sampled_from(NAMES), st.data())
def test_whatever_a_cluster_stores(name: str, data: st.DataObject) -> None:
    known = cluster(name)
    api = replace(
        seen(known),
        kubeadm_config=_document(data.draw(damaged(kubeadm.cluster_configuration(known)))),
        kubelet_config=_document(data.draw(damaged(KUBELET))),
    )

    def read() -> None:
        plain = imported.inventory(api, origin(known))
        imported.with_settings(plain, load_text(text(plain), "import"), api)

    ends_with_a_code(read)


def _document(value: Any) -> Document:
    """As `kbootstrap.remote.kube` reads it: what is no object is an empty one."""
    return Document.of(value if isinstance(value, dict) else {})
