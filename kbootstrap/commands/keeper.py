"""Takes a lock in several places, keeps it renewed in the background, and frees it.

Knows nothing of clusters: `kbootstrap.commands.lock` says which places there are.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from kbootstrap import codes_lock as codes
from kbootstrap.commands.parallel import as_they_come
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.lock import RENEW, TTL, Claim, Seen, Standing, standing
from kbootstrap.remote.lock import Place

FREE_SECONDS = 5  # to free it; what is left then runs out by itself
_TRIES = 3  # to write where others write too

Alive = Callable[[int, int], bool]


def refused(place: str, seen: Seen) -> RefusedError:
    """Who is at work."""
    return RefusedError(codes.LOCKED, f"at work: {seen.who}", detail=seen.life).at(place)


class Keeper:
    """One claim, in some places.

    Args:
        claim: what is written there.
        alive: whether a process of this machine runs.
        note: told what is taken over, and what could not be freed.
        lost: told once that somebody else has it; called in a thread of ours.

    """

    def __init__(
        self,
        claim: Claim,
        alive: Alive,
        note: Callable[[str], None],
        lost: Callable[[RefusedError], None],
    ) -> None:
        self._claim, self._alive, self._note, self._lost = claim, alive, note, lost
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []

    def take(self, place: Place, seen: Seen | None = None) -> None:
        """Write the claim, over what was ``seen`` there.

        Raises:
            RefusedError: KB410, somebody else works.

        """
        seen = seen or place.look()
        for _ in range(_TRIES):
            how = standing(seen, self._claim, self._alive)
            if how is Standing.HELD:
                break
            if how in {Standing.DEAD, Standing.EXPIRED}:
                self._note(f"taking over the lock on {place.name}, {how.value}: {seen.who}")
            seen = place.put(self._claim, seen)
            if seen.text == self._claim.text:
                return
        raise refused(place.name, seen)

    def keep(self, place: Place) -> None:
        """Renew it there from now on."""
        self._start(lambda: self._renew(place))

    def keep_later(self, find: Callable[[], Place | None]) -> None:
        """Take and renew it in a place that is still to come."""
        self._start(lambda: self._await(find))

    def free(self, places: Mapping[str, Callable[[], Place | None]]) -> None:
        """End renewing, and remove the claim where it still stands."""
        self._end.set()
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

    def _renew(self, place: Place) -> None:
        while not self._end.wait(RENEW):
            try:
                seen = place.renew(self._claim)
            except KbError:
                continue  # away for the moment
            if seen is None:
                return
            if seen.text != self._claim.text:
                words = f"taken by {seen.who}" if seen.text else "freed by `kbootstrap unlock`"
                self._lost(RefusedError(codes.LOCK_LOST, words).at(place.name))
                return

    def _await(self, find: Callable[[], Place | None]) -> None:
        while not self._end.wait(RENEW):
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


def _unfreed(names: Iterable[str], answers: Mapping[str, object]) -> list[str]:
    return [name for name in names if name not in answers or answers[name] is not None]
