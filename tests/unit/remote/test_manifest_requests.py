"""How many requests the objects of a manifest are, and what is sent to apply them."""

import json
from collections import Counter
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from kbootstrap.action import ApplyManifest
from kbootstrap.errors import PhaseError
from kbootstrap.model.document import Document
from kbootstrap.model.observed import MANIFEST_SUM, manifest_ref
from kbootstrap.remote import kubewrite
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubehttp import ApiError, KubeHttp
from kbootstrap.remote.kubewrite import KubeWriter
from tests.standin.apiserver.discovery import resource_list
from tests.standin.apiserver.resources import BUILT_IN, custom
from tests.unit.remote.fake_api import FakeHttp
from tests.unit.remote.net_manifest import GROUP, KINDS, MANIFESTS, NAMESPACE

ALWAYS = 7  # requests of an observation without manifests
Object = dict[str, Any]


class Server:
    """An API server of memory: discovery, objects by path, server-side apply."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.asked: list[tuple[str, str]] = []

    def request(self, method: str, url: str, body: Any, **_: Any) -> Any:
        path = urlsplit(url).path
        self.asked.append((method, path))
        if method == "PATCH":
            self._resource(path)
            self.objects[path] = body
            return body
        if path == "/readyz":
            return "ok"
        if path in self.objects:
            return self.objects[path]
        if len(path.split("/")) == (3 if path.startswith("/api/") else 4):
            return self._discovery(path.split("/", 2)[2])
        return {"items": self._items(path)}

    def _served(self) -> list[Any]:
        return [*BUILT_IN.values(), *custom(self._definitions()).values()]

    def _definitions(self) -> list[Object]:
        return [o for o in self.objects.values() if o["kind"] == "CustomResourceDefinition"]

    def _discovery(self, api_version: str) -> Object:
        found = resource_list(self._served(), api_version)
        if found is None:
            raise ApiError(404, "the server could not find the requested resource")
        return found

    def _resource(self, path: str) -> None:
        plural = path.rsplit("/", 2)[1]
        if plural not in {one.plural for one in self._served()}:
            raise ApiError(404, "the server could not find the requested resource")

    def _items(self, path: str) -> list[Object]:
        plural = path.rsplit("/", 1)[1]
        if plural not in {one.plural for one in self._served()}:
            raise ApiError(404, "the server could not find the requested resource")
        inside = [o for at, o in self.objects.items() if at.startswith(f"{path}/")]
        if not inside and path.rsplit("/", 2)[1] == plural:
            raise ApiError(404, "it does not exist")
        return [{key: o[key] for key in o if key not in {"apiVersion", "kind"}} for o in inside]


class Run:
    """A reader and a writer of one run, and the requests they sent."""

    def __init__(self) -> None:
        self.server = Server()
        self.http = FakeHttp(self.server)
        self.reader = KubeReader(cast("KubeHttp", self.http))
        self.writer = KubeWriter(self.reader, "")

    def observe(self) -> frozenset[str]:
        self.reader.forget()
        return self.reader.observe(MANIFESTS).applied

    def apply(self, manifest: Document) -> None:
        self.writer.perform(ApplyManifest(why="x", manifest=manifest, source="net.yaml"), {})

    def requests(self) -> Counter[str]:
        """By method, since the last call."""
        methods = Counter(method for method, _ in self.server.asked)
        self.server.asked.clear()
        return methods


def test_an_object_is_one_request_and_reading_it_is_shared_with_others_of_its_kind() -> None:
    run = Run()
    versions = {manifest.data["apiVersion"] for manifest in MANIFESTS}

    assert run.observe() == frozenset()
    first = run.requests()["GET"]
    assert run.observe() == frozenset()
    again = run.requests()["GET"]
    for manifest in MANIFESTS:
        run.apply(manifest)
    applying = run.requests()
    assert run.observe() == set(map(manifest_ref, MANIFESTS))
    after = run.requests()["GET"]

    assert len(MANIFESTS) == 20
    assert first - again == len(versions) - 1  # discovery; the CRDs' group is not served yet
    assert (again - ALWAYS, after - ALWAYS) == (9, 11)
    assert applying == {"PATCH": len(MANIFESTS), "GET": 1}  # the CRDs' group, when it is needed
    total = first + again + sum(applying.values()) + after - 3 * ALWAYS
    assert total / len(MANIFESTS) < 3


def test_kinds_that_are_not_served_are_one_request_for_their_group() -> None:
    run = Run()
    run.observe()
    run.server.asked.clear()

    run.observe()

    assert run.server.asked.count(("GET", f"/apis/{GROUP}/v1")) == 1


def test_an_object_is_applied_as_our_field_manager_with_its_sum() -> None:
    run = Run()
    agent = MANIFESTS[-2]

    run.apply(agent)

    request = run.http.requests[-1]
    at = urlsplit(request.path)
    assert (request.method, at.path) == (
        "PATCH",
        f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/net-agent",
    )
    assert parse_qs(at.query) == {"fieldManager": ["kbootstrap"], "force": ["true"]}
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    sent = json.loads(request.body or "")
    notes = sent["metadata"].pop("annotations")
    assert notes == {MANIFEST_SUM: manifest_ref(agent).rsplit(" ", 1)[1]}
    assert sent == agent.data


def test_names_are_quoted_in_paths() -> None:
    run = Run()
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:a?b"},
    }
    run.apply(Document.of(role))
    assert run.http.requests[-1].path.partition("?")[0].endswith("/clusterroles/system:a%3Fb")


def test_a_kind_that_no_definition_adds_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubewrite, "SERVED_SECONDS", 0)
    run = Run()
    pool = next(one for one in MANIFESTS if one.data["kind"] == KINDS[0])

    with pytest.raises(PhaseError, match=rf"the API has no kind {GROUP}/v1 Pool"):
        run.apply(pool)


def test_only_metadata_is_read_except_of_workloads() -> None:
    run = Run()
    for manifest in MANIFESTS:
        run.apply(manifest)
    run.http.requests.clear()

    run.observe()

    accepts = {urlsplit(r.path).path: r.headers["Accept"] for r in run.http.requests}
    place = f"/api/v1/namespaces/{NAMESPACE}"
    assert accepts[f"{place}/configmaps"].startswith("application/json;as=PartialObjectMetadataL")
    assert accepts[f"/api/v1/namespaces/{NAMESPACE}"].startswith("application/json;as=Partial")
    assert accepts[f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/net-agent"] == (
        "application/json"
    )


def test_annotations_that_are_null_are_none() -> None:
    run = Run()
    meta = {"name": "a", "annotations": None}
    run.apply(Document.of({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}))
    sent = json.loads(run.http.requests[-1].body or "")
    assert list(sent["metadata"]["annotations"]) == [MANIFEST_SUM]
