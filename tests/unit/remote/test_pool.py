"""Shared connections: opened once, errors shared, final ones retained."""

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from kbootstrap.codes import LOGIN_REFUSED, UNREACHABLE
from kbootstrap.errors import KbError, LoginError, LostError, UnreachableError
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.meter import Meter, Usage
from kbootstrap.remote.pool import ConnectionPool, SharedConnection
from kbootstrap.remote.secret_source import Secrets
from tests.load import within


class Line:
    """Stands for a `fabric.Connection`."""

    def __init__(self) -> None:
        self.is_connected = True

    def close(self) -> None:
        self.is_connected = False


class Dialler:
    """Counts, and fails as the test says."""

    def __init__(self, *errors: KbError | None, seconds: float = 0) -> None:
        self.errors = list(errors)
        self.seconds = seconds
        self.count = 0

    def __call__(self) -> Any:
        self.count += 1
        time.sleep(self.seconds)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return Line()


def together(shared: SharedConnection, number: int) -> list[object]:
    """What each of several threads gets that ask at the same time."""
    got: list[object] = []

    def ask() -> None:
        try:
            got.append(shared.get())
        except KbError as error:
            got.append(error.at(f"node{len(got)}"))

    threads = [threading.Thread(target=ask) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_opened_once_for_all() -> None:
    dial = Dialler(seconds=0.05)
    assert len(set(together(SharedConnection(dial), 8))) == 1
    assert dial.count == 1


def test_who_waited_for_a_failure_shares_it() -> None:
    dial = Dialler(UnreachableError(UNREACHABLE, "gone"), seconds=0.2)
    errors = together(SharedConnection(dial), 5)
    assert dial.count == 1
    assert len({id(error) for error in errors}) == 5
    assert len({e.where.node for e in errors if isinstance(e, KbError)}) == 5


def test_a_later_caller_may_try_again_unless_it_is_final() -> None:
    shared = SharedConnection(Dialler(UnreachableError(UNREACHABLE, "gone")))
    with pytest.raises(UnreachableError):
        shared.get()
    assert isinstance(shared.get(), Line)
    refused = Dialler(LoginError(LOGIN_REFUSED, "no"))
    shared = SharedConnection(refused)
    for _ in range(3):
        with pytest.raises(LoginError):
            shared.get()
    assert refused.count == 1


def test_a_lost_connection_is_opened_again() -> None:
    dial = Dialler()
    shared = SharedConnection(dial)
    first = shared.get()
    first.close()
    second = shared.get()
    shared.drop(first)
    assert shared.get() is second
    shared.drop(second)
    assert shared.get() is not second
    assert dial.count == 3


def test_closing_does_not_wait_for_a_login() -> None:
    shared = SharedConnection(Dialler(seconds=0.5))
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.extend(together(shared, 1)))
    thread.start()
    time.sleep(0.1)
    begin = time.monotonic()
    shared.close()
    assert time.monotonic() - begin < within(0.2)
    thread.join()
    assert isinstance(got[0], LostError)
    with pytest.raises(LostError):
        shared.get()


def test_nothing_is_tried_again_once_the_run_ends() -> None:
    pool = ConnectionPool(HostKeys([]), Secrets(), Meter())
    transient = pool.unless_closed(lambda _: True)
    assert transient(EOFError())
    pool.close()
    assert not transient(EOFError())


def test_the_meter_adds_up_from_all_threads() -> None:
    meter = Meter()

    def work() -> None:
        for _ in range(500):
            meter.add("n", Usage(trips=1, sent=2))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.snapshot() == {"n": Usage(trips=2000, sent=4000)}


def test_paramiko_is_not_loaded_before_a_connection_is_opened() -> None:
    code = (
        "import sys, kbootstrap.remote.hosts, kbootstrap.remote.local;"
        "print([m for m in ('fabric', 'paramiko', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
