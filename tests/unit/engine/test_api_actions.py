"""Changes through the API wait for what comes a moment later."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from kbootstrap.action import SetNodeMeta
from kbootstrap.errors import PhaseError
from kbootstrap.model.observed import NOTHING, Observed, ObservedNode
from kbootstrap.remote import kubewrite
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubewrite import KubeWriter


class Reader:
    """Shows one state of the cluster after the other, and notes requests as an API would."""

    def __init__(self, states: Iterator[Observed]) -> None:
        self._states = states
        self.asked: list[str] = []
        self.http = self

    def observe(self) -> Observed:
        """The next state."""
        return next(self._states)

    def request(self, method: str, path: str, *_: Any, **__: Any) -> None:
        """Note it."""
        self.asked.append(f"{method} {path}")


def label(reader: Reader) -> None:
    writer = KubeWriter(cast("KubeReader", reader), "")
    writer.perform(SetNodeMeta(why="x", node="w1", labels=(("a", "b"),)), {})


def test_labels_wait_until_the_kubelet_has_registered_its_node() -> None:
    reader = Reader(iter([NOTHING, Observed(nodes=(ObservedNode(name="w1", ready=False),))]))
    label(reader)
    assert reader.asked == ["PATCH /api/v1/nodes/w1"]


def test_a_node_that_never_comes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubewrite, "REGISTER_SECONDS", 0)
    reader = Reader(iter([NOTHING] * 3))
    with pytest.raises(PhaseError, match="w1 is not registered") as caught:
        label(reader)
    assert caught.value.code.id == "KB331"
    assert reader.asked == []
