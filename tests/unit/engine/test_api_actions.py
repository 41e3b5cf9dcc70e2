"""Changes through the API wait for what comes a moment later."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from kbootstrap.action import ExpireCerts, MakeToken, SetNodeMeta
from kbootstrap.errors import PhaseError, TrustError
from kbootstrap.kubeadm import JOIN_TOKEN
from kbootstrap.model.cluster import Taint
from kbootstrap.model.observed import NOTHING, Observed, ObservedNode
from kbootstrap.pki import token_signs
from kbootstrap.remote import kubewrite
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubehttp import ApiError
from kbootstrap.remote.kubeobjects import PROXY_TOKEN, leftovers_of
from kbootstrap.remote.kubewrite import KubeWriter
from tests.standin.common import pki
from tests.standin.controllers.security import detached_jws
from tests.unit.remote.fake_api import api_over

CLUSTER_INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info"


class Reader:
    """Shows one state of the cluster after the other, and notes requests as an API would."""

    def __init__(self, states: Iterator[Observed]) -> None:
        self._states = states
        self.asked: list[str] = []
        self.api = api_over(self)

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


def test_a_node_that_never_comes_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubewrite, "REGISTER_SECONDS", 0)
    reader = Reader(iter([NOTHING] * 3))
    with pytest.raises(PhaseError, match="w1 is not registered") as caught:
        label(reader)
    assert caught.value.code.id == "KB331"
    assert reader.asked == []


class Api(Reader):
    """A Node and cluster-info; a change is made, and then answered as the test says."""

    def __init__(self, *answers: ApiError | None, ca: str = "") -> None:
        super().__init__(iter([Observed(nodes=(ObservedNode(name="w1", ready=False),))] * 9))
        self._answers = list(answers)
        self.ca_pem = ca
        self.changes: list[Any] = []
        self.info: str | None = None  # what cluster-info holds instead of the CA

    def _info(self) -> str:
        data = base64.b64encode(self.ca_pem.encode()).decode()
        return yaml.safe_dump({"clusters": [{"cluster": {"certificate-authority-data": data}}]})

    def request(self, method: str, path: str, body: Any = None, **_: Any) -> Any:
        if method == "GET":
            return self._get(path)
        self.changes.append(body)
        if self._answers and (answer := self._answers.pop(0)) is not None:
            raise answer
        return {}

    def _get(self, path: str) -> Any:
        if path.startswith("/api/v1/nodes/"):
            version = str(len(self.changes))
            return {"metadata": {"resourceVersion": version}, "spec": {"taints": []}}
        if path != CLUSTER_INFO:
            return {"items": []}
        text = self.info if self.info is not None else self._info()
        token = self.changes[-1]["stringData"]
        jws = detached_jws(text, token["token-id"], token["token-secret"])
        return {"data": {"kubeconfig": text, f"jws-kubeconfig-{token['token-id']}": jws}}


def test_a_token_whose_answer_was_lost_is_ours() -> None:
    """The connection broke after the server had made it; asked again it says 409."""
    ca = pki.authority("kubernetes").cert_pem()
    api = Api(ApiError(409, "already exists"), ca=ca)
    slots: dict[str, str] = {}
    KubeWriter(cast("KubeReader", api), ca).perform(MakeToken(why="x", node="w1", ttl=60), slots)
    token = api.changes[0]["stringData"]
    assert slots["token"] == f"{token['token-id']}.{token['token-secret']}"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[" * 3000,
        "clusters: [{cluster: 7}]",
        "clusters: [{cluster: {certificate-authority-data: 7}}]",
        "clusters: [{cluster: {certificate-authority-data: AAAA}}]",
    ],
)
def test_a_cluster_info_of_another_shape_serves_no_ca(text: str) -> None:
    ca = pki.authority("kubernetes").cert_pem()
    api = Api(ca=ca)
    api.info = text
    with pytest.raises(TrustError, match="cluster-info serves no CA") as caught:
        KubeWriter(cast("KubeReader", api), ca).perform(MakeToken(why="x", node="w1", ttl=60), {})
    assert caught.value.code.id == "KB501"


@pytest.mark.parametrize("jws", ["", "x", "a..b", "=..b", "\ud800..b", "é..b"])
def test_a_signature_of_another_shape_is_none(jws: str) -> None:
    assert not token_signs("x", jws, "abcdef", "0" * 16)


def test_taints_are_set_again_when_another_client_was_faster() -> None:
    api = Api(ApiError(409, "the object has been modified"))
    action = SetNodeMeta(why="x", node="w1", taints=(Taint("a", "b", "NoSchedule"),))
    KubeWriter(cast("KubeReader", api), "").perform(action, {})
    assert [change["metadata"]["resourceVersion"] for change in api.changes] == ["0", "1"]


def test_a_taint_that_is_refused_is_reported_at_once() -> None:
    api = Api(ApiError(403, "no"))
    action = SetNodeMeta(why="x", node="w1", taints=(Taint("a", "b", "NoSchedule"),))
    with pytest.raises(PhaseError):
        KubeWriter(cast("KubeReader", api), "").perform(action, {})
    assert len(api.changes) == 1


def test_uploaded_certificates_end_with_the_token_time() -> None:
    """Kubeadm's own end is two hours away; the Secret goes with this token."""
    http = Secrets()
    writer = KubeWriter(cast("KubeReader", SimpleNamespace(api=api_over(http))), "")

    writer.perform(ExpireCerts(why="x", ttl=900), {})

    ((path, body),) = http.patched
    assert path.endswith("/secrets/bootstrap-token-proxy0")
    end = datetime.fromisoformat(base64.b64decode(body["data"]["expiration"]).decode())
    assert abs((end - datetime.now(UTC)).total_seconds() - 900) < 30


def test_what_joins_left_is_named_with_its_owner_and_end() -> None:
    lines = leftovers_of(Secrets().items)

    assert lines == (
        "bootstrap token of the join of node3 (expires: 2026-01-01T02:00:00Z)",
        "uploaded certificates, Secret kubeadm-certs (expires: 2026-01-01T02:00:00Z)",
    )


class Secrets:
    """A token for a join, kubeadm's for the certificates, and another one."""

    def __init__(self) -> None:
        descriptions = {"node30": JOIN_TOKEN + "node3", "proxy0": PROXY_TOKEN, "other0": "mine"}
        self.items = [self._token(name, words) for name, words in descriptions.items()]
        self.patched: list[tuple[str, Any]] = []

    def _token(self, name: str, description: str) -> dict[str, Any]:
        data = {"description": description, "expiration": "2026-01-01T02:00:00Z"}
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        return {"metadata": {"name": f"bootstrap-token-{name}"}, "data": encoded}

    def request(self, method: str, path: str, body: Any = None, **_: Any) -> Any:
        """List them, or note a change."""
        if method == "GET":
            return {"items": self.items}
        self.patched.append((path, body))
        return {}
