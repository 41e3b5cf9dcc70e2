"""Time limits: what is ended, when, and what the error says."""

import threading
import time

import pytest

from kbootstrap.errors import LostError, UnreachableError
from kbootstrap.remote.time_limit import Limit, TimeLimits


def test_work_in_time_is_left_alone() -> None:
    ended = threading.Event()
    limits = TimeLimits()
    with limits.within(Limit("n1", "it", 0.2, ended.set)):
        pass
    assert not ended.wait(0.4)
    limits.close()


def test_work_that_takes_too_long_is_ended_and_the_error_names_the_stage() -> None:
    ended = threading.Event()
    limits = TimeLimits()

    def work() -> None:
        with limits.within(Limit("n1", "the first", 60, ended.set), LostError) as limit:
            limit.begin("the second", 0.1)
            with limits.within(Limit("n2", "another", 60, ended.set)):  # the thread looks again
                assert ended.wait(10)
            raise EOFError("what the end caused")

    with pytest.raises(LostError) as caught:
        work()
    assert caught.value.code.id == "KB216"
    assert caught.value.message == "n1: the second took more than 0.1 s"
    assert isinstance(caught.value.__cause__, EOFError)
    limits.close()


def test_work_that_does_not_notice_its_end_has_failed_too() -> None:
    limits = TimeLimits()
    with pytest.raises(UnreachableError), limits.within(Limit("n1", "it", 0.1, lambda: None)):
        time.sleep(0.5)
    limits.close()


def test_an_end_that_hangs_does_not_keep_the_next_one_waiting() -> None:
    limits, ended = TimeLimits(), threading.Event()
    with (
        pytest.raises(UnreachableError),
        limits.within(Limit("n1", "it", 0.1, threading.Event().wait)),  # type: ignore[arg-type]
        pytest.raises(UnreachableError),
        limits.within(Limit("n2", "it", 0.2, ended.set)),
    ):
        assert ended.wait(10)
    limits.close()


def test_a_hundred_limits_share_one_thread() -> None:
    limits = TimeLimits()
    before = threading.active_count()
    for number in range(100):
        with limits.within(Limit(f"n{number}", "it", 60, lambda: None)):
            assert threading.active_count() <= before + 1
    limits.close()
