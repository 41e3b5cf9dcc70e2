"""A request that must not wait goes over a new connection when the run's own gives no answer."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from kbootstrap import codes
from kbootstrap.errors import KbError, UnreachableError
from kbootstrap.lock import two_connections
from kbootstrap.lock.two_connections import TwoConnections, Wire
from kbootstrap.remote.protocol import Part, Reply
from tests.load import within

PARTS = (Part("lock", "true"),)
OWN, SPARE = Reply(()), Reply(())


class Line:
    """A connection that answers, refuses or hangs."""

    def __init__(self, reply: Reply) -> None:
        self.reply, self.asked = reply, 0
        self.error: KbError | None = None
        self.open = threading.Event()
        self.open.set()

    def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply:
        """As the test says."""
        assert (parts, run_id) == (PARTS, "run")
        self.asked += 1
        self.open.wait(30)
        if self.error:
            raise self.error
        return self.reply


class Ways:
    """The two."""

    def __init__(self) -> None:
        self.own, self.spare = Line(OWN), Line(SPARE)
        self.closed = 0
        self.both = TwoConnections(self.own, self._new)

    def _new(self, use: Callable[[Wire], Reply]) -> Reply:
        try:
            return use(self.spare)
        finally:
            self.closed += 1

    def ask(self) -> Reply:
        """Once."""
        return self.both.perform(PARTS, run_id="run")


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ways]:
    monkeypatch.setattr(two_connections, "OWN_SECONDS", 0.1)
    monkeypatch.setattr(two_connections, "SPARE_SECONDS", 0.3)
    ways = Ways()
    yield ways
    ways.own.open.set()
    ways.spare.open.set()


def test_the_own_connection_is_used_while_it_answers(ways: Ways) -> None:
    assert ways.ask() is OWN
    assert ways.spare.asked == 0


def test_one_that_refuses_is_gone_round(ways: Ways) -> None:
    ways.own.error = UnreachableError(codes.SESSION_REFUSED, "no session")
    assert ways.ask() is SPARE
    assert ways.closed == 1


def test_one_that_hangs_is_gone_round_and_not_asked_again_until_it_has_answered(
    ways: Ways,
) -> None:
    ways.own.open.clear()
    assert ways.ask() is SPARE
    assert ways.ask() is SPARE
    assert ways.own.asked == 1
    ways.own.open.set()
    end = time.monotonic() + 5
    while ways.ask() is not OWN:
        assert time.monotonic() < end


def test_when_neither_answers_that_is_reported_in_time(ways: Ways) -> None:
    ways.own.open.clear()
    ways.spare.open.clear()
    start = time.monotonic()
    with pytest.raises(KbError, match="no answer in time"):
        ways.ask()
    assert time.monotonic() - start < within(5)
