"""Taking, renewing and freeing, in places of memory that behave as the test says."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from kbootstrap import codes
from kbootstrap.errors import RefusedError, UnreachableError
from kbootstrap.lock import renewal
from kbootstrap.lock.places import LockPlace
from kbootstrap.lock.record import NO_RECORD, RENEW, TTL, Claim, LockState
from kbootstrap.lock.renewal import FREE_SECONDS, LockHolder
from tests.unit.lock.test_record import ME, OTHER, no, yes


@dataclass
class Memory:
    """A place; each write has a new stamp."""

    name: str = "cp1"
    seen: LockState = NO_RECORD
    away: bool = False
    ends: bool = False
    beaten_by: Claim | None = None  # writes just before we do
    writes: int = 0
    renewed: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False  # while it is away, it gives no answer at all
    stuck: threading.Event = field(default_factory=threading.Event)

    def read(self) -> LockState:
        """What is there."""
        if self.away:
            if self.hangs:
                self.stuck.wait(30)
            raise UnreachableError(codes.UNREACHABLE, "no answer")
        return self.seen

    def write(self, claim: Claim, over: LockState) -> LockState:
        """Compare and write."""
        if self.beaten_by:
            claim, self.beaten_by = self.beaten_by, None
        if self.read() == over or claim != ME:
            self.writes += 1
            self.seen = LockState(text=claim.text, stamp=str(self.writes))
        return self.seen

    def renew(self, claim: Claim) -> LockState | None:
        """Write over our own."""
        try:
            if self.ends:
                return None
            return self.write(claim, self.seen) if self.read().text == claim.text else self.seen
        finally:
            self.renewed.set()

    def free(self, text: str) -> LockState:
        """Remove it."""
        if self.read().text == text:
            self.seen = NO_RECORD
        return self.seen


def held(claim: Claim, age: int = 0) -> LockState:
    return LockState(text=claim.text, stamp="s", age=age)


class Told:
    """What a renewal says."""

    def __init__(
        self,
        alive: Callable[[int, int], bool] = yes,
        suffices: Callable[[frozenset[str]], bool] = bool,
    ) -> None:
        self.notes: list[str] = []
        self.losses: list[RefusedError] = []
        self.lost = threading.Event()
        self.holder = LockHolder(ME, alive, self.notes.append, self._lose, suffices)

    def _lose(self, error: RefusedError) -> None:
        self.losses.append(error)
        self.lost.set()

    def free(self, *places: Memory) -> None:
        """In these."""

        def give(place: Memory) -> Callable[[], LockPlace | None]:
            return lambda: place

        self.holder.free({place.name: give(place) for place in places})


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RENEW", "RETRY", "TICK"):
        monkeypatch.setattr(renewal, name, 0.01)


@pytest.mark.parametrize("known", [True, False])
def test_a_free_place_is_taken_and_freed(*, known: bool) -> None:
    told, place = Told(), Memory()
    told.holder.take(place, NO_RECORD if known else None)
    assert place.seen.claim == ME
    told.free(place)
    assert place.seen == NO_RECORD
    assert told.notes == []


def test_another_run_at_work_is_reported() -> None:
    told, place = Told(), Memory(seen=held(OTHER))
    with pytest.raises(RefusedError, match=r"bob@ops2 \(pid 4711") as caught:
        told.holder.take(place)
    assert (caught.value.code.id, caught.value.where.node) == ("KB410", "cp1")
    assert "expires in" in caught.value.detail
    told.free(place)
    assert place.seen.claim == OTHER


def test_which_run_was_faster_is_reported() -> None:
    told, place = Told(), Memory(beaten_by=OTHER)
    with pytest.raises(RefusedError, match="bob@ops2"):
        told.holder.take(place)


@pytest.mark.parametrize(
    ("claim", "age", "word"),
    [(OTHER, TTL + 1, "expired"), (replace(ME, run="before"), 1, "dead")],
)
def test_a_dead_one_is_taken_over(claim: Claim, age: int, word: str) -> None:
    told, place = Told(no), Memory(seen=held(claim, age))
    told.holder.take(place)
    assert place.seen.claim == ME
    assert [note.partition(":")[0] for note in told.notes] == [
        f"taking over the lock on cp1, {word}"
    ]


def test_it_is_renewed_also_after_a_place_was_away() -> None:
    told, place = Told(), Memory()
    told.holder.take(place)
    place.away = True
    told.holder.keep_renewed(place)
    assert place.renewed.wait(5)
    place.away = False
    place.renewed.clear()
    before = place.writes
    while place.writes == before:
        assert place.renewed.wait(5)
    told.free(place)
    assert (place.seen, told.losses) == (NO_RECORD, [])


@pytest.mark.parametrize(
    ("seen", "words"),
    [(held(OTHER), "taken by bob@ops2"), (NO_RECORD, "freed by `kbootstrap unlock`")],
)
def test_a_lock_that_is_lost_is_reported_once(seen: LockState, words: str) -> None:
    told, place = Told(), Memory()
    told.holder.take(place)
    place.seen = seen
    told.holder.keep_renewed(place)
    assert told.lost.wait(5)
    told.free(place)
    (error,) = told.losses
    assert (error.code.id, error.where.node) == ("KB411", "cp1")
    assert words in error.message
    assert place.seen == seen


def test_a_place_that_ends_with_the_run_is_no_loss() -> None:
    told, place = Told(), Memory(ends=True)
    told.holder.keep_renewed(place)
    assert place.renewed.wait(5)
    told.free(place)
    assert told.losses == []


def test_a_place_that_comes_later_is_taken() -> None:
    told, place = Told(), Memory(name="Lease")
    finds = iter([None, None])
    told.holder.take_later(lambda: next(finds, place))
    assert place.renewed.wait(5)
    assert place.seen.claim == ME
    told.free(place)
    assert place.seen == NO_RECORD


def test_a_later_place_that_another_run_holds_is_a_loss() -> None:
    told, place = Told(), Memory(name="Lease", seen=held(OTHER))
    told.holder.take_later(lambda: place)
    assert told.lost.wait(5)
    assert told.losses[0].code.id == "KB411"


def test_what_cannot_be_freed_is_only_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "FREE_SECONDS", 0.2)
    told, away, here = Told(), Memory(away=True), Memory(name="cp2")
    told.holder.take(here)
    stuck = threading.Event()

    def hang() -> None:
        stuck.wait(5)

    told.holder.free({"cp1": lambda: away, "cp2": lambda: here, "cp3": hang})
    stuck.set()
    assert here.seen == NO_RECORD
    assert told.notes == [
        f"the lock on {name} could not be freed; it expires in {TTL} s" for name in ("cp1", "cp3")
    ]


# ---- not renewed in time


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "HOLD", 1.0)  # a busy host needs some of it


def test_the_run_ends_before_the_record_does() -> None:
    """Whoever takes it over finds no run at work: see `LockState.held`."""
    assert renewal.HOLD + FREE_SECONDS <= TTL
    assert 2 * RENEW < renewal.HOLD


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("hangs", [True, False])
def test_what_cannot_be_renewed_in_time_is_a_loss(*, hangs: bool) -> None:
    told, place = Told(), Memory()
    began = time.monotonic()
    told.holder.take(place)
    place.away, place.hangs = True, hangs
    told.holder.keep_renewed(place)
    told.holder.watch()

    assert told.lost.wait(5)

    assert time.monotonic() - began >= renewal.HOLD
    (error,) = told.losses
    assert (error.code.id, error.exit_code) == ("KB412", 7)
    assert "cp1" in error.message
    assert hangs or "no answer" in error.detail
    place.stuck.set()
    told.free()


@pytest.mark.usefixtures("_short")
def test_what_is_renewed_is_no_loss_however_long_it_takes() -> None:
    told, place = Told(), Memory()
    told.holder.take(place)
    told.holder.keep_renewed(place)
    told.holder.watch()
    end = time.monotonic() + 3 * renewal.HOLD
    while time.monotonic() < end:
        place.renewed.clear()
        assert place.renewed.wait(5)
    told.free(place)
    assert told.losses == []


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("needed", ["cp1", "cp2"])
def test_which_places_suffice_is_for_the_caller_to_say(needed: str) -> None:
    told = Told(suffices=lambda fresh: needed in fresh)
    here, away = Memory(name="cp1"), Memory(name="cp2")
    for place in (here, away):
        told.holder.take(place)
        told.holder.keep_renewed(place)
    away.away = True
    told.holder.watch()

    if needed == "cp2":
        assert told.lost.wait(5)
        assert told.losses[0].message.endswith(": cp2")
    else:
        end = time.monotonic() + 3 * renewal.HOLD
        while time.monotonic() < end:
            here.renewed.clear()
            assert here.renewed.wait(5)
        assert told.losses == []
    told.free(here)


@pytest.mark.usefixtures("_short")
def test_a_place_that_ends_with_the_run_counts_as_held() -> None:
    told, place, other = Told(), Memory(ends=True), Memory(name="cp2")
    seen: list[frozenset[str]] = []
    told.holder = LockHolder(ME, yes, told.notes.append, told.losses.append, _noted(seen))
    for one in (place, other):
        told.holder.take(one)
        told.holder.keep_renewed(one)
    told.holder.watch()
    end = time.monotonic() + 2 * renewal.HOLD
    while time.monotonic() < end:
        other.renewed.clear()
        assert other.renewed.wait(5)
    told.free(other)
    assert seen[-1] == {"cp1", "cp2"}


def _noted(seen: list[frozenset[str]]) -> Callable[[frozenset[str]], bool]:
    def suffices(fresh: frozenset[str]) -> bool:
        seen.append(fresh)
        return True

    return suffices


@pytest.mark.usefixtures("_short")
def test_a_later_place_that_was_taken_is_fresh() -> None:
    told, place = Told(suffices=lambda fresh: "Lease" in fresh or not place.writes), Memory("Lease")
    told.holder.take_later(lambda: place)
    told.holder.watch()
    assert place.renewed.wait(5)
    place.away = True
    assert told.lost.wait(5)
    assert told.losses[0].code.id == "KB412"
    told.free()


@pytest.mark.usefixtures("_short")
def test_a_loss_is_reported_once() -> None:
    told, place = Told(), Memory()
    told.holder.take(place)
    place.seen = held(OTHER)
    told.holder.keep_renewed(place)
    assert told.lost.wait(5)
    told.holder.watch()
    told.holder.ended.wait(3 * renewal.HOLD)
    told.free(place)
    assert [error.code.id for error in told.losses] == ["KB411"]
