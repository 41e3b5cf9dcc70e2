"""The Lease, against an API server of memory with resourceVersions and a clock of its own."""

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap.errors import PhaseError
from kbootstrap.lock.places import Lease
from kbootstrap.lock.record import NO_RECORD, TTL, LockState, LockStatus, status_of
from kbootstrap.remote.kubehttp import ApiError
from tests.unit.lock.test_record import ME, OTHER, yes
from tests.unit.remote.fake_api import api_over

COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
PATH = f"{COLLECTION}/kbootstrap"


class Server:
    """One object."""

    def __init__(self) -> None:
        self.clock = 1_700_000_000.0
        self.version = 0
        self.lease: dict[str, Any] | None = None
        self.refuses = 0

    def now(self) -> float:
        """As `KubeHttp.now`."""
        return self.clock

    def request(
        self, method: str, path: str, body: Any = None, *, patient: bool, seconds: float
    ) -> Any:
        """As `KubeHttp.request`."""
        assert not patient
        assert seconds < TTL / 3
        if self.refuses:
            raise ApiError(self.refuses, "no")
        assert path == (COLLECTION if method == "POST" else PATH)
        self._check(method, body)
        if method == "DELETE":
            self.lease = None
        elif method != "GET":
            self.version += 1
            version = {"resourceVersion": str(self.version)}
            self.lease = {**body, "metadata": body["metadata"] | version}
        return self.lease

    def _check(self, method: str, body: Any) -> None:
        if (method == "POST") == bool(self.lease):
            raise ApiError(409 if self.lease else 404, "it is there, or it is not")
        have = self.lease["metadata"]["resourceVersion"] if self.lease else None
        meta = (body or {}).get("metadata") or (body or {}).get("preconditions") or {}
        if method != "GET" and meta.get("resourceVersion") != have:
            raise ApiError(409, "the object has been modified")


@pytest.fixture
def server() -> Server:
    return Server()


def lease(server: Server) -> Lease:
    return Lease(api_over(server))


def test_taken_renewed_and_freed(server: Server) -> None:
    mine = lease(server)
    assert mine.read() == NO_RECORD

    taken = mine.write(ME, NO_RECORD)
    assert (taken.claim, taken.age, taken.held) == (ME, 0, True)
    assert server.lease is not None
    spec = dict(server.lease["spec"])
    assert spec["holderIdentity"] == f"alice@ops1/{ME.run}"
    assert spec["leaseDurationSeconds"] == TTL
    assert spec["acquireTime"] == spec["renewTime"] == "2023-11-14T22:13:20.000000Z"

    server.clock += 8
    renewed = mine.renew(ME)
    assert (renewed.text, renewed.age) == (ME.text, 0)
    assert server.lease["spec"]["acquireTime"] == spec["acquireTime"]
    assert server.lease["spec"]["renewTime"] == "2023-11-14T22:13:28.000000Z"

    assert mine.free(OTHER.text).claim == ME
    assert mine.free(ME.text) == NO_RECORD
    assert server.lease is None


def test_age_is_measured_by_the_servers_clock(server: Server) -> None:
    lease(server).write(OTHER, NO_RECORD)
    server.clock += TTL
    assert status_of(lease(server).read(), ME, yes) is LockStatus.HELD
    server.clock += 1
    assert status_of(lease(server).read(), ME, yes) is LockStatus.EXPIRED


def test_of_two_one_is_faster(server: Server) -> None:
    mine, theirs = lease(server), lease(server)
    assert mine.read() == theirs.read() == NO_RECORD
    theirs.write(OTHER, NO_RECORD)
    assert mine.write(ME, NO_RECORD).claim == OTHER

    server.clock += 2 * TTL
    old = mine.read()
    theirs.renew(OTHER)
    assert mine.write(ME, old).claim == OTHER

    server.clock += 2 * TTL
    assert mine.write(ME, mine.read()).claim == ME
    assert theirs.renew(OTHER).claim == ME
    assert theirs.free(OTHER.text).claim == ME


def test_one_that_was_removed_is_made_again(server: Server) -> None:
    mine = lease(server)
    mine.write(ME, NO_RECORD)
    server.lease = None
    assert mine.renew(ME).claim == ME


def test_one_that_others_annotate_stays_ours(server: Server) -> None:
    mine = lease(server)
    mine.write(ME, NO_RECORD)
    assert server.lease is not None
    server.lease["metadata"]["resourceVersion"] = "77"
    assert mine.renew(ME).claim == ME
    server.clock += 8
    mine.renew(ME)
    assert mine.read().age == 0


def test_a_lease_of_others_is_held_by_another_run(server: Server) -> None:
    lease(server).write(OTHER, NO_RECORD)
    assert server.lease is not None
    del server.lease["metadata"]["annotations"]
    found = lease(server).read()
    assert status_of(found, ME, yes) is LockStatus.HELD
    assert "bob@ops2" in found.text


def test_an_api_that_refuses_is_reported(server: Server) -> None:
    mine = lease(server)
    server.refuses = 403
    for ask in (mine.read, lambda: mine.write(ME, NO_RECORD), lambda: mine.free(ME.text)):
        with pytest.raises(PhaseError, match="Lease kube-system/kbootstrap"):
            ask()


def test_a_record_without_a_time_is_old(server: Server) -> None:
    lease(server).write(replace(OTHER, ttl=TTL), LockState())
    assert server.lease is not None
    del server.lease["spec"]["renewTime"]
    assert not lease(server).read().held
