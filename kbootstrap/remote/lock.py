"""Where the lock is written: a record on a control plane, and a Lease in the API.

Both are changed only if they are still as they were seen, so of two runs one is first.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from kbootstrap import codes
from kbootstrap.action import SwapRecord, read_record
from kbootstrap.errors import PhaseError
from kbootstrap.model.lock import NOBODY, PATH, Claim, Seen, claim_of, parse_record
from kbootstrap.remote.kubehttp import ApiError, KubeHttp
from kbootstrap.remote.kubeobjects import CONFLICT, NOT_FOUND
from kbootstrap.remote.protocol import Part, Reply

LEASE = "kube-system/kbootstrap"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
_PATH = f"{_LEASES}/kbootstrap"
_TIMES = "%Y-%m-%dT%H:%M:%S.%fZ"
_PREFIX = "kbootstrap.io/"
_SECONDS = 5  # for one request: the next attempt must come before the Lease ends


class Place(Protocol):
    """One place of the lock.

    Attributes:
        name: for people.

    """

    name: str

    def look(self) -> Seen:
        """What is there."""

    def put(self, claim: Claim, over: Seen) -> Seen:
        """Write the claim if ``over`` is still there; what is there afterwards."""

    def renew(self, claim: Claim) -> Seen | None:
        """Renew the claim if it is there; what is there afterwards.

        None: the place is gone, and this run takes it away itself.
        """

    def free(self, text: str) -> Seen:
        """Remove the record if it is this one; what is there afterwards."""


class Wire(Protocol):
    """Runs parts on one host."""

    def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply: ...


class Record:
    """The file /run/kbootstrap.lock of one control plane. Its clock tells the age.

    Args:
        wire: the connection to it.
        name: of the node.
        run_id: of the run.
        leaving: the run takes the node out of the cluster, so a reboot ends the lock there.
        path: of the file.

    """

    def __init__(
        self, wire: Wire, name: str, run_id: str, *, leaving: bool = False, path: str = PATH
    ) -> None:
        self.name = name
        self._wire, self._run_id, self._path = wire, run_id, path
        self._leaving, self._boot = leaving, ""

    def look(self) -> Seen:
        return self._run(Part("lock", read_record(self._path), "probe"))

    def put(self, claim: Claim, over: Seen) -> Seen:
        seen = self._swap(over.text, over.stamp if over.text else None, claim.text)
        self._boot = seen.boot
        return seen

    def renew(self, claim: Claim) -> Seen | None:
        """After a reboot the file is gone, and is written again."""
        seen = self._swap(claim.text, None, claim.text)
        if seen.text or seen.boot == self._boot:
            return seen
        return None if self._leaving else self.put(claim, seen)

    def free(self, text: str) -> Seen:
        return self._swap(text, None, "")

    def _swap(self, seen: str, stamp: str | None, record: str) -> Seen:
        action = SwapRecord(
            why="one run at a time", seen=seen, stamp=stamp, record=record, path=self._path
        )
        return self._run(Part("lock", action.script()))

    def _run(self, part: Part) -> Seen:
        result = self._wire.perform([part], run_id=self._run_id).part("lock")
        if result.rc != 0:
            words = result.stderr or result.output
            raise PhaseError(
                codes.STEP_FAILED, f"the lock {self._path} cannot be changed", detail=words
            ).at(self.name)
        return parse_record(result.output)


class Lease:
    """The Lease kube-system/kbootstrap. The API server's clock tells the age."""

    name = f"Lease {LEASE}"

    def __init__(self, http: KubeHttp) -> None:
        self._http = http
        self._version = ""  # resourceVersion, as we last saw it
        self._since = ""

    def look(self) -> Seen:
        try:
            return self._told(self._request("GET", _PATH))
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise _refused(error) from error
            self._version = ""
            return NOBODY

    def put(self, claim: Claim, over: Seen) -> Seen:
        self._version = over.stamp
        return self._write(claim)

    def renew(self, claim: Claim) -> Seen:
        """One that is gone is made again, as a record is after a reboot."""
        seen = self._write(claim)
        return seen if seen.text else self._write(claim)

    def _write(self, claim: Claim) -> Seen:
        """Make it, or replace the one seen last."""
        method, path = ("PUT", _PATH) if self._version else ("POST", _LEASES)
        try:
            return self._told(self._request(method, path, self._object(claim)))
        except ApiError as error:
            seen = self.look()
            if seen.text or error.status in {CONFLICT, NOT_FOUND}:  # somebody was faster
                return seen
            raise _refused(error) from error

    def free(self, text: str) -> Seen:
        seen = self.look()
        if seen.text != text:
            return seen
        try:
            body = {"preconditions": {"resourceVersion": seen.stamp}}
            self._request("DELETE", _PATH, body)
        except ApiError as error:
            if error.status not in {CONFLICT, NOT_FOUND}:
                raise _refused(error) from error
        return self.look()

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        return self._http.request(method, path, body, patient=False, seconds=_SECONDS)

    def _told(self, lease: dict[str, Any]) -> Seen:
        self._version = lease["metadata"]["resourceVersion"]
        notes = lease["metadata"].get("annotations") or {}
        fields = {name.removeprefix(_PREFIX): value for name, value in notes.items()}
        claim, spec = claim_of(fields), lease.get("spec") or {}
        return Seen(
            text=claim.text if claim else f"held by {spec.get('holderIdentity')}",
            stamp=self._version,
            age=round(self._http.now() - _seconds(spec.get("renewTime"))),
        )

    def _object(self, claim: Claim) -> dict[str, Any]:
        now = datetime.fromtimestamp(self._http.now(), UTC).strftime(_TIMES)
        self._since = self._since or now
        metadata: dict[str, Any] = {"name": "kbootstrap", "namespace": "kube-system"}
        if self._version:
            metadata["resourceVersion"] = self._version
        metadata["annotations"] = {_PREFIX + name: str(v) for name, v in claim.fields.items()}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": f"{claim.holder}@{claim.host}/{claim.run}",
                "leaseDurationSeconds": claim.ttl,
                "acquireTime": self._since,
                "renewTime": now,
            },
        }


def _seconds(stamp: str | None) -> float:
    """A time of the API server's; long ago if there is none."""
    return datetime.fromisoformat(stamp).timestamp() if stamp else 0.0


def _refused(error: ApiError) -> PhaseError:
    return PhaseError(codes.API_REFUSED, f"{Lease.name}: {error}", detail=f"status {error.status}")
