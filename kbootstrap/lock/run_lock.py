"""The lock as one run uses it: checked while nodes are probed, held while a plan is applied.

The lock is stored in several places: a record on each control plane that the run contacts anyway,
and a Lease once there is an API. Every run takes them in the order of the inventory, so of two
runs one gets all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from kbootstrap.errors import KbError, PhaseError
from kbootstrap.lock.places import LEASE, Lease, LockPlace
from kbootstrap.lock.record import PATH, Claim, LockState, LockStatus, status_of
from kbootstrap.lock.renewal import LockHolder, Names, refused
from kbootstrap.lock.this_process import alive


@dataclass(frozen=True, slots=True)
class LockPlaces:
    """The places of the lock that a run reaches.

    Attributes:
        records: of the control planes that the run has probed, in the order of the inventory.
        lease: the Lease; None while the run has found no API.

    """

    records: tuple[LockPlace, ...]
    lease: Callable[[], LockPlace | None]

    def found(self, probed: Mapping[str, LockState]) -> list[tuple[LockPlace, LockState]]:
        """Every record, whoever wrote it; ``probed``: those that were read with the probes.

        Raises:
            KbError: the API does not answer.

        """
        lease = self.lease()
        places = [*self.records, *([lease] if lease else [])]
        found = [(place, probed.get(place.name) or place.read()) for place in places]
        return [(place, state) for place, state in found if state.text]


def lock_text(names: Iterable[str], *, lease: bool) -> str:
    """For the plan: where the lock is held while the plan is applied."""
    also = f", Lease {LEASE}" if lease else ""
    return f"the lock is held during the run: {PATH} on {', '.join(names)}{also}"


def exclusive(fresh: Names, taken: Names, planes: Iterable[str]) -> bool:
    """Whether every other run still meets a record of this run that counts (docs/lock.md).

    Another run takes every place it reaches, and gets the lock when all of them have expired.
    Which places it reaches is unknown, but each run that finds an API takes the Lease: a fresh
    Lease is enough. Otherwise the API may answer others, through any control plane: every
    control plane must hold a fresh record, also those this run never wrote to. While no Lease
    was ever taken there is no API yet, and a run without one goes through the first control
    plane, which is to be initialised.

    Args:
        fresh: places whose record was renewed in time.
        taken: places where this run wrote a record.
        planes: names of all control planes, in the order of the inventory.

    """
    if Lease.name in taken:
        return Lease.name in fresh or set(planes) <= fresh
    first = next(iter(planes))
    return ({first} if first in taken else taken) <= fresh


class RunLock:
    """The lock of one run.

    Args:
        claim: of the run.
        stops: the run stops at the lock of another one; a command that only reads does not.
        warns: the run only reports the lock of another run, as in a dry run.
        notify: called with a line for people.

    """

    def __init__(
        self, claim: Claim, *, stops: bool, warns: bool, notify: Callable[[str], None]
    ) -> None:
        self._claim, self._stops, self._warns, self._notify = claim, stops, warns, notify

    def gate(self, place: str) -> Callable[[LockState], None] | None:
        """What stops the run at another run's lock, before anything else is read there.

        It raises RefusedError, KB410.
        """
        if not self._stops:
            return None

        def stop(state: LockState) -> None:
            if self._is_held(state):
                raise refused(place, state)

        return stop

    def warn(self, place: str, state: LockState) -> None:
        """Report that another run is at work, in a dry run."""
        if self._warns and self._is_held(state):
            self._notify(f"at work ({place}): {state.who}")

    def check(self, lease: LockPlace | None) -> None:
        """Stop at the Lease, too, if the API answers.

        Raises:
            RefusedError: KB410.

        """
        gate = self.gate(Lease.name)
        if lease is None or gate is None:
            return
        try:
            state = lease.read()
        except KbError:
            return  # it is read again before it is taken
        gate(state)

    def _is_held(self, state: LockState) -> bool:
        return status_of(state, self._claim, alive) is LockStatus.HELD

    @contextmanager
    def held(
        self,
        places: LockPlaces,
        probed: Mapping[str, LockState],
        *,
        planes: tuple[str, ...],
        on_lost: Callable[[KbError], None],
        to_free: Callable[[], AbstractContextManager[LockPlaces]],
    ) -> Iterator[None]:
        """Take the lock, renew it, free it.

        Args:
            places: where it is taken.
            probed: place -> its record as the probe read it.
            planes: names of all control planes, in the order of the inventory.
            on_lost: called once, in another thread, if the run no longer holds the lock.
            to_free: the places again at the end, when the connections may be closed.

        Raises:
            RefusedError: KB410, another run holds it.

        """
        holder = LockHolder(
            self._claim,
            alive,
            self._notify,
            on_lost,
            lambda fresh: exclusive(fresh, holder.taken, planes),
        )
        try:
            _take(holder, places, probed)
            yield
        except KeyboardInterrupt:  # a second signal ends the run at once: the lock expires
            holder.ended.set()
            raise
        except BaseException:
            _free(holder, to_free)
            raise
        _free(holder, to_free)


def _take(holder: LockHolder, places: LockPlaces, probed: Mapping[str, LockState]) -> None:
    """Take every place, and renew each from then on."""
    for place in places.records:
        try:
            holder.take(place, probed[place.name])
        except KbError as error:
            error.at(place.name, "lock")
            raise
        holder.keep_renewed(place)
    if not _take_lease(holder, places):
        holder.take_later(places.lease)
    holder.watch()


def _take_lease(holder: LockHolder, places: LockPlaces) -> bool:
    """Whether there is an API that answers; otherwise the Lease is taken later."""
    lease = places.lease()
    with suppress(PhaseError):
        if lease is not None:
            holder.take(lease)
            holder.keep_renewed(lease)
            return True
    return False


def _free(holder: LockHolder, to_free: Callable[[], AbstractContextManager[LockPlaces]]) -> None:
    def always(place: LockPlace) -> Callable[[], LockPlace | None]:
        return lambda: place

    with to_free() as places:
        records = {place.name: always(place) for place in places.records}
        holder.free(records | {Lease.name: places.lease})
