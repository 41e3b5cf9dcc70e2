"""The places of the lock: a record on a control plane, and a Lease in the API.

A place is changed only if it still holds what was read there, so of two runs only one succeeds.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from kbootstrap import codes
from kbootstrap.errors import PhaseError
from kbootstrap.lock.record import (
    NO_RECORD,
    PATH,
    Claim,
    LockState,
    claim_of,
    parse_record,
    read_script,
    swap_script,
)
from kbootstrap.remote.answers import checked, reading
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubehttp import CONFLICT, NOT_FOUND, ApiError
from kbootstrap.remote.kubekinds import LEASES
from kbootstrap.remote.kubeobjects import seconds_of
from kbootstrap.remote.protocol import Part, Reply

_NAMESPACE, _NAME = "kube-system", "kbootstrap"
LEASE = f"{_NAMESPACE}/{_NAME}"
_TIMES = "%Y-%m-%dT%H:%M:%S.%fZ"
_PREFIX = "kbootstrap.io/"
_SECONDS = 5  # for one request: the next attempt must come before the Lease ends


class LockPlace(Protocol):
    """One place of the lock.

    Attributes:
        name: for people.

    """

    name: str

    def read(self) -> LockState:
        """The record."""

    def write(self, claim: Claim, over: LockState) -> LockState:
        """Write the claim if ``over`` is still there; returns the record afterwards."""

    def renew(self, claim: Claim) -> LockState | None:
        """Renew the claim if it is there; returns the record afterwards.

        None: the place no longer exists, because this run itself removes it.
        """

    def free(self, text: str) -> LockState:
        """Remove the record if it is this one; returns the record afterwards."""


class Wire(Protocol):
    """Runs parts on one host."""

    def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply: ...


class NodeRecord:
    """The file /run/kbootstrap.lock of one control plane, whose clock gives the age.

    Args:
        wire: the connection to it.
        name: of the node.
        run_id: of the run.
        leaving: the run removes the node from the cluster, so a reboot ends the lock there.
        path: of the file.

    """

    def __init__(
        self, wire: Wire, name: str, run_id: str, *, leaving: bool = False, path: str = PATH
    ) -> None:
        self.name = name
        self._wire, self._run_id, self._path = wire, run_id, path
        self._leaving, self._boot = leaving, ""

    def read(self) -> LockState:
        return self._run(Part("lock", read_script(self._path), "probe"))

    def write(self, claim: Claim, over: LockState) -> LockState:
        state = self._swap(over.text, over.stamp if over.text else None, claim.text)
        self._boot = state.boot
        return state

    def renew(self, claim: Claim) -> LockState | None:
        """After a reboot there is no file, and it is written again."""
        state = self._swap(claim.text, None, claim.text)
        if state.text or state.boot == self._boot:
            return state
        return None if self._leaving else self.write(claim, state)

    def free(self, text: str) -> LockState:
        return self._swap(text, None, "")

    def _swap(self, before: str, stamp: str | None, record: str) -> LockState:
        return self._run(Part("lock", swap_script(before, stamp, record, self._path), seconds=60))

    def _run(self, part: Part) -> LockState:
        result = self._wire.perform([part], run_id=self._run_id).part("lock")
        if result.rc != 0:
            words = result.stderr or result.output
            raise PhaseError(
                codes.STEP_FAILED, f"the lock {self._path} cannot be changed", detail=words
            ).at(self.name)
        return parse_record(result.output)


class Lease:
    """The Lease kube-system/kbootstrap; the API server's clock gives the age."""

    name = f"Lease {LEASE}"

    def __init__(self, api: KubeApi) -> None:
        self._api = api.once(_SECONDS)
        self._version = ""  # resourceVersion, as it was last read
        self._since = ""

    def read(self) -> LockState:
        try:
            return self._state(self._api.get(LEASES, _NAME, _NAMESPACE))
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise _refused(error) from error
            self._version = ""
            return NO_RECORD

    def write(self, claim: Claim, over: LockState) -> LockState:
        self._version = over.stamp
        return self._write(claim)

    def renew(self, claim: Claim) -> LockState:
        """A Lease that was deleted is made again, as a record is after a reboot."""
        state = self._write(claim)
        return state if state.text else self._write(claim)

    def _write(self, claim: Claim) -> LockState:
        """Make it, or replace the one that was read last."""
        write = self._api.replace if self._version else self._api.create
        try:
            return self._state(write(LEASES, self._object(claim)))
        except ApiError as error:
            state = self.read()
            if state.text or error.status in {CONFLICT, NOT_FOUND}:  # another run was faster
                return state
            raise _refused(error) from error

    def free(self, text: str) -> LockState:
        state = self.read()
        if state.text != text:
            return state
        try:
            options = {"preconditions": {"resourceVersion": state.stamp}}
            self._api.delete(LEASES, _NAME, _NAMESPACE, options)
        except ApiError as error:
            if error.status not in {CONFLICT, NOT_FOUND}:
                raise _refused(error) from error
        return self.read()

    def _state(self, lease: dict[str, Any]) -> LockState:
        with reading(self.name):
            return checked(self._state_of(lease))

    def _state_of(self, lease: dict[str, Any]) -> LockState:
        self._version = lease["metadata"]["resourceVersion"]
        notes = lease["metadata"].get("annotations") or {}
        fields = {name.removeprefix(_PREFIX): value for name, value in notes.items()}
        claim, spec = claim_of(fields), lease.get("spec") or {}
        return LockState(
            text=claim.text if claim else f"held by {spec.get('holderIdentity')}",
            stamp=self._version,
            age=round(self._api.http.now() - seconds_of(spec.get("renewTime"))),
        )

    def _object(self, claim: Claim) -> dict[str, Any]:
        now = datetime.fromtimestamp(self._api.http.now(), UTC).strftime(_TIMES)
        self._since = self._since or now
        metadata: dict[str, Any] = {"name": _NAME, "namespace": _NAMESPACE}
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


def _refused(error: ApiError) -> PhaseError:
    return PhaseError(codes.API_REFUSED, f"{Lease.name}: {error}", detail=f"status {error.status}")
