"""Taking, renewing and freeing, in places of memory that behave as the test says."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from kbootstrap import codes_ssh
from kbootstrap.commands import keeper
from kbootstrap.commands.keeper import Keeper
from kbootstrap.errors import RefusedError, UnreachableError
from kbootstrap.model.lock import NOBODY, TTL, Claim, Seen
from kbootstrap.remote.lock import Place
from tests.unit.model.test_lock import ME, OTHER, no, yes


@dataclass
class Memory:
    """A place; each write has a new stamp."""

    name: str = "cp1"
    seen: Seen = NOBODY
    away: bool = False
    ends: bool = False
    beaten_by: Claim | None = None  # writes just before we do
    writes: int = 0
    renewed: threading.Event = field(default_factory=threading.Event)

    def look(self) -> Seen:
        """What is there."""
        if self.away:
            raise UnreachableError(codes_ssh.UNREACHABLE, "no answer")
        return self.seen

    def put(self, claim: Claim, over: Seen) -> Seen:
        """Compare and write."""
        if self.beaten_by:
            claim, self.beaten_by = self.beaten_by, None
        if self.look() == over or claim != ME:
            self.writes += 1
            self.seen = Seen(text=claim.text, stamp=str(self.writes))
        return self.seen

    def renew(self, claim: Claim) -> Seen | None:
        """Write over our own."""
        try:
            if self.ends:
                return None
            return self.put(claim, self.seen) if self.look().text == claim.text else self.seen
        finally:
            self.renewed.set()

    def free(self, text: str) -> Seen:
        """Remove it."""
        if self.look().text == text:
            self.seen = NOBODY
        return self.seen


def held(claim: Claim, age: int = 0) -> Seen:
    return Seen(text=claim.text, stamp="s", age=age)


class Told:
    """What a keeper says."""

    def __init__(self, alive: Callable[[int, int], bool] = yes) -> None:
        self.notes: list[str] = []
        self.losses: list[RefusedError] = []
        self.lost = threading.Event()
        self.keeper = Keeper(ME, alive, self.notes.append, self._lose)

    def _lose(self, error: RefusedError) -> None:
        self.losses.append(error)
        self.lost.set()

    def free(self, *places: Memory) -> None:
        """In these."""

        def give(place: Memory) -> Callable[[], Place | None]:
            return lambda: place

        self.keeper.free({place.name: give(place) for place in places})


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "RENEW", 0.01)


@pytest.mark.parametrize("known", [True, False])
def test_a_free_place_is_taken_and_freed(*, known: bool) -> None:
    told, place = Told(), Memory()
    told.keeper.take(place, NOBODY if known else None)
    assert place.seen.claim == ME
    told.free(place)
    assert place.seen == NOBODY
    assert told.notes == []


def test_somebody_at_work_is_told() -> None:
    told, place = Told(), Memory(seen=held(OTHER))
    with pytest.raises(RefusedError, match=r"bob@ops2 \(pid 4711") as caught:
        told.keeper.take(place)
    assert (caught.value.code.id, caught.value.where.node) == ("KB410", "cp1")
    assert "runs out in" in caught.value.detail
    told.free(place)
    assert place.seen.claim == OTHER


def test_who_was_faster_is_told() -> None:
    told, place = Told(), Memory(beaten_by=OTHER)
    with pytest.raises(RefusedError, match="bob@ops2"):
        told.keeper.take(place)


@pytest.mark.parametrize(
    ("claim", "age", "word"),
    [(OTHER, TTL + 1, "expired"), (replace(ME, run="before"), 1, "dead")],
)
def test_a_dead_one_is_taken_over(claim: Claim, age: int, word: str) -> None:
    told, place = Told(no), Memory(seen=held(claim, age))
    told.keeper.take(place)
    assert place.seen.claim == ME
    assert [note.partition(":")[0] for note in told.notes] == [
        f"taking over the lock on cp1, {word}"
    ]


def test_it_is_renewed_also_after_a_place_was_away() -> None:
    told, place = Told(), Memory()
    told.keeper.take(place)
    place.away = True
    told.keeper.keep(place)
    assert place.renewed.wait(5)
    place.away = False
    place.renewed.clear()
    before = place.writes
    while place.writes == before:
        assert place.renewed.wait(5)
    told.free(place)
    assert (place.seen, told.losses) == (NOBODY, [])


@pytest.mark.parametrize(
    ("seen", "words"),
    [(held(OTHER), "taken by bob@ops2"), (NOBODY, "freed by `kbootstrap unlock`")],
)
def test_a_lock_that_is_lost_is_told_once(seen: Seen, words: str) -> None:
    told, place = Told(), Memory()
    told.keeper.take(place)
    place.seen = seen
    told.keeper.keep(place)
    assert told.lost.wait(5)
    told.free(place)
    (error,) = told.losses
    assert (error.code.id, error.where.node) == ("KB411", "cp1")
    assert words in error.message
    assert place.seen == seen


def test_a_place_that_ends_with_the_run_is_no_loss() -> None:
    told, place = Told(), Memory(ends=True)
    told.keeper.keep(place)
    assert place.renewed.wait(5)
    told.free(place)
    assert told.losses == []


def test_a_place_that_comes_later_is_taken() -> None:
    told, place = Told(), Memory(name="Lease")
    finds = iter([None, None])
    told.keeper.keep_later(lambda: next(finds, place))
    assert place.renewed.wait(5)
    assert place.seen.claim == ME
    told.free(place)
    assert place.seen == NOBODY


def test_a_later_place_that_somebody_holds_is_a_loss() -> None:
    told, place = Told(), Memory(name="Lease", seen=held(OTHER))
    told.keeper.keep_later(lambda: place)
    assert told.lost.wait(5)
    assert told.losses[0].code.id == "KB411"


def test_what_cannot_be_freed_is_only_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "FREE_SECONDS", 0.2)
    told, away, here = Told(), Memory(away=True), Memory(name="cp2")
    told.keeper.take(here)
    stuck = threading.Event()

    def hang() -> None:
        stuck.wait(5)

    told.keeper.free({"cp1": lambda: away, "cp2": lambda: here, "cp3": hang})
    stuck.set()
    assert here.seen == NOBODY
    assert told.notes == [
        f"the lock on {name} could not be freed; it runs out in {TTL} s" for name in ("cp1", "cp3")
    ]
