"""Takes the lock in several places, renews it in the background, and frees it.

It knows no cluster and no run: `kbootstrap.lock.run_lock` passes the places.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from kbootstrap import codes
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.fanout import as_completed
from kbootstrap.lock.places import LockPlace
from kbootstrap.lock.record import (
    MARGIN,
    RENEW,
    TTL,
    Claim,
    LockState,
    LockStatus,
    status_of,
)

FREE_SECONDS = 5  # to free it; a record that is left ends by itself
HOLD = TTL - MARGIN  # seconds that a record counts for this run, from the start of its renewal
RETRY = 2  # seconds between attempts to renew after one that failed
TICK = 0.5  # seconds between checks whether the run still holds enough places
_TRIES = 3  # attempts to write a place that other runs write, too
# Also counts the time while the workstation is suspended, as the clocks of the places do.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Alive = Callable[[int, int], bool]
Names = frozenset[str]  # of places


def refused(place: str, state: LockState) -> RefusedError:
    """The error that names the run that holds the lock."""
    return RefusedError(codes.LOCKED, f"at work: {state.who}", detail=state.freshness).at(place)


class LockHolder:
    """Holds one claim in some places.

    Args:
        claim: what is written there.
        alive: whether a process of this workstation runs.
        notify: called with a line for people: a place is taken over, or could not be freed.
        on_lost: called once, in a thread of the holder: another run has the lock (KB411), or it
            was not renewed in time (KB412).
        suffices: whether the places where the claim is fresh keep other runs away.

    Attributes:
        ended: set when nothing is renewed any more.

    """

    def __init__(
        self,
        claim: Claim,
        alive: Alive,
        notify: Callable[[str], None],
        on_lost: Callable[[RefusedError], None],
        suffices: Callable[[Names], bool],
    ) -> None:
        self._claim, self._alive, self._notify = claim, alive, notify
        self._on_lost, self._suffices = on_lost, suffices
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}  # place -> when its record no longer counts
        self._why: dict[str, str] = {}  # place -> why the last renewal failed
        self.ended = threading.Event()

    @property
    def taken(self) -> Names:
        """The places where the claim was written."""
        with self._lock:
            return frozenset(self._until)

    def take(self, place: LockPlace, state: LockState | None = None) -> None:
        """Write the claim, if ``state``, the record as it was read, allows it.

        Raises:
            RefusedError: KB410, another run holds it.

        """
        state = state or place.read()
        for _ in range(_TRIES):
            begun = _now()
            status = status_of(state, self._claim, self._alive)
            if status is LockStatus.HELD:
                break
            if status in {LockStatus.DEAD, LockStatus.EXPIRED}:
                self._notify(f"taking over the lock on {place.name}, {status.value}: {state.who}")
            state = place.write(self._claim, state)
            if state.text == self._claim.text:
                self._renewed(place.name, begun + HOLD)
                return
        raise refused(place.name, state)

    def keep_renewed(self, place: LockPlace) -> None:
        """Renew it there from now on."""
        self._start(lambda: self._renew(place))

    def take_later(self, find: Callable[[], LockPlace | None]) -> None:
        """Take and renew it in a place that does not exist yet."""
        self._start(lambda: self._await(find))

    def watch(self) -> None:
        """From now on call ``on_lost`` when the places that are held no longer suffice."""
        self._start(self._watch)

    def free(self, places: Mapping[str, Callable[[], LockPlace | None]]) -> None:
        """Stop renewing, and remove the claim where it is still stored."""
        self.ended.set()
        end = time.monotonic() + FREE_SECONDS
        for thread in self._threads:  # so that no thread writes it again
            thread.join(max(end - time.monotonic(), 0))

        def work(name: str) -> None:
            if (place := places[name]()) is not None:
                place.free(self._claim.text)

        answers = dict(as_completed(places, work, FREE_SECONDS))
        for name in _unfreed(places, answers):
            self._notify(f"the lock on {name} could not be freed; it expires in {TTL} s")

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True, name="kb-lock")
        self._threads.append(thread)
        thread.start()

    def _watch(self) -> None:
        while not self.ended.wait(TICK):
            now = _now()
            with self._lock:
                fresh = frozenset(name for name, until in self._until.items() if now < until)
                stale = {n: self._why.get(n, "no answer yet") for n in self._until.keys() - fresh}
            if not self._suffices(fresh):
                message = f"not renewed for {HOLD} s: {', '.join(sorted(stale))}"
                detail = "\n".join(f"{name}: {why}" for name, why in sorted(stale.items()))
                self._lost(RefusedError(codes.NOT_RENEWED, message, detail=detail))
                return

    def _renewed(self, name: str, until: float) -> None:
        with self._lock:
            self._until[name] = until
            self._why.pop(name, None)

    def _lost(self, error: RefusedError) -> None:
        with self._lock:
            first, self._on_lost = self._on_lost, _ignore
        first(error)

    def _renew(self, place: LockPlace) -> None:
        pause: float = RENEW
        while not self.ended.wait(pause):
            begun, pause = _now(), RETRY
            try:
                state = place.renew(self._claim)
            except KbError as error:  # perhaps only for the moment
                with self._lock:
                    self._why[place.name] = error.message
                continue
            if state is None:
                self._renewed(place.name, math.inf)  # no other run can take it any more
                return
            if state.text != self._claim.text:
                message = f"taken by {state.who}" if state.text else "freed by `kbootstrap unlock`"
                self._lost(RefusedError(codes.LOCK_LOST, message).at(place.name))
                return
            pause = RENEW
            self._renewed(place.name, begun + HOLD)

    def _await(self, find: Callable[[], LockPlace | None]) -> None:
        while not self.ended.wait(RENEW):
            place = find()
            if place is None:
                continue
            try:
                self.take(place)
            except RefusedError as error:
                self._lost(RefusedError(codes.LOCK_LOST, error.message).at(place.name))
                return
            except KbError:
                continue
            self._renew(place)


def _now() -> float:
    return time.clock_gettime(_CLOCK)


def _ignore(error: RefusedError) -> None:
    del error


def _unfreed(names: Iterable[str], answers: Mapping[str, object]) -> list[str]:
    return [name for name in names if name not in answers or answers[name] is not None]
