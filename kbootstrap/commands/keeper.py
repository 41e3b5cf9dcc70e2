"""Takes a lock in several places, keeps it renewed in the background, and frees it.

Knows nothing of clusters: `kbootstrap.commands.lock` says which places there are.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from kbootstrap import codes
from kbootstrap.commands.parallel import as_they_come
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.lock import MARGIN, RENEW, TTL, Claim, Seen, Standing, standing
from kbootstrap.remote.lock import Place

FREE_SECONDS = 5  # to free it; what is left then runs out by itself
HOLD = TTL - MARGIN  # seconds after a renewal was begun for which it is relied on
RETRY = 2  # seconds between attempts to renew after one that failed
TICK = 0.5  # seconds between checks whether enough is held
_TRIES = 3  # to write where others write too
# Also counts the time a suspended workstation sleeps; the places' clocks go on meanwhile.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Alive = Callable[[int, int], bool]
Names = frozenset[str]  # of places


def refused(place: str, seen: Seen) -> RefusedError:
    """Who is at work."""
    return RefusedError(codes.LOCKED, f"at work: {seen.who}", detail=seen.life).at(place)


class Keeper:
    """One claim, in some places.

    Args:
        claim: what is written there.
        alive: whether a process of this machine runs.
        note: told what is taken over, and what could not be freed.
        lost: called once, in a thread of the keeper: somebody else has the lock (KB411), or it
            was not renewed in time (KB412).
        suffices: whether the places where the claim is fresh keep other runs away.

    Attributes:
        ended: set when nothing is renewed any more.

    """

    def __init__(
        self,
        claim: Claim,
        alive: Alive,
        note: Callable[[str], None],
        lost: Callable[[RefusedError], None],
        suffices: Callable[[Names], bool],
    ) -> None:
        self._claim, self._alive, self._note = claim, alive, note
        self._on_loss, self._suffices = lost, suffices
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}  # place -> when its record is no longer relied on
        self._why: dict[str, str] = {}  # place -> why it was not renewed last
        self.ended = threading.Event()

    @property
    def taken(self) -> Names:
        """The places where the claim was written."""
        with self._lock:
            return frozenset(self._until)

    def take(self, place: Place, seen: Seen | None = None) -> None:
        """Write the claim, over what was ``seen`` there.

        Raises:
            RefusedError: KB410, somebody else works.

        """
        seen = seen or place.look()
        for _ in range(_TRIES):
            begun = _now()
            how = standing(seen, self._claim, self._alive)
            if how is Standing.HELD:
                break
            if how in {Standing.DEAD, Standing.EXPIRED}:
                self._note(f"taking over the lock on {place.name}, {how.value}: {seen.who}")
            seen = place.put(self._claim, seen)
            if seen.text == self._claim.text:
                self._renewed(place.name, begun + HOLD)
                return
        raise refused(place.name, seen)

    def keep(self, place: Place) -> None:
        """Renew it there from now on."""
        self._start(lambda: self._renew(place))

    def keep_later(self, find: Callable[[], Place | None]) -> None:
        """Take and renew it in a place that is still to come."""
        self._start(lambda: self._await(find))

    def watch(self) -> None:
        """From now on `lost` is called when what is held no longer suffices."""
        self._start(self._watch)

    def free(self, places: Mapping[str, Callable[[], Place | None]]) -> None:
        """End renewing, and remove the claim where it still stands."""
        self.ended.set()
        end = time.monotonic() + FREE_SECONDS
        for thread in self._threads:  # so that none writes it again
            thread.join(max(end - time.monotonic(), 0))

        def work(name: str) -> None:
            if (place := places[name]()) is not None:
                place.free(self._claim.text)

        answers = dict(as_they_come(places, work, FREE_SECONDS))
        for name in _unfreed(places, answers):
            self._note(f"the lock on {name} could not be freed; it runs out in {TTL} s")

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
                words = f"not renewed for {HOLD} s: {', '.join(sorted(stale))}"
                detail = "\n".join(f"{name}: {why}" for name, why in sorted(stale.items()))
                self._lost(RefusedError(codes.NOT_RENEWED, words, detail=detail))
                return

    def _renewed(self, name: str, until: float) -> None:
        with self._lock:
            self._until[name] = until
            self._why.pop(name, None)

    def _lost(self, error: RefusedError) -> None:
        with self._lock:
            first, self._on_loss = self._on_loss, _ignore
        first(error)

    def _renew(self, place: Place) -> None:
        pause: float = RENEW
        while not self.ended.wait(pause):
            begun, pause = _now(), RETRY
            try:
                seen = place.renew(self._claim)
            except KbError as error:  # away for the moment
                with self._lock:
                    self._why[place.name] = error.message
                continue
            if seen is None:
                self._renewed(place.name, math.inf)  # nobody can take it any more
                return
            if seen.text != self._claim.text:
                words = f"taken by {seen.who}" if seen.text else "freed by `kbootstrap unlock`"
                self._lost(RefusedError(codes.LOCK_LOST, words).at(place.name))
                return
            pause = RENEW
            self._renewed(place.name, begun + HOLD)

    def _await(self, find: Callable[[], Place | None]) -> None:
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
