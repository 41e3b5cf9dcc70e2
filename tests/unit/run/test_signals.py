"""SIGINT and SIGTERM at any moment: the run lets go, never hangs; a second one ends at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kbootstrap import codes
from kbootstrap.engine.events import Bus
from kbootstrap.errors import RefusedError
from kbootstrap.options import RunOptions
from kbootstrap.run.run import Run
from kbootstrap.run.signals import on_signal
from tests.laws.clusters import cluster
from tests.load import within

DEADLINE = 60  # seconds for all rounds; the usual is 5

# The main thread takes the very locks that letting go takes, all the time.
CHILD = """
import os, random, signal, sys, threading
from pathlib import Path
from kbootstrap.options import RunOptions
from kbootstrap.run.run import Run
from kbootstrap.run.signals import on_signal
from kbootstrap.engine.events import Bus, Event
from kbootstrap.model.cluster import Node
from tests.laws.clusters import cluster

seed, rounds = int(sys.argv[1]), int(sys.argv[2])
chance, known = random.Random(seed), cluster("ha")
options = RunOptions(inventory=Path("x"), verb="up")

def shoot(after):
    threading.Event().wait(after)
    os.kill(os.getpid(), chance.choice([signal.SIGINT, signal.SIGTERM]))

for _ in range(rounds):
    run = Run(options, known, (), Bus(lambda event: None))
    first = run.connections.to(known.first)
    with on_signal(run.interrupt):
        threading.Thread(target=shoot, args=(chance.random() / 100,), daemon=True).start()
        while not run.stopping():
            run.bus(Event(kind="note", text="x"))
            run.connections.to(known.first)
            run.probes.update({})
            first._shared.close()
    run.close()
print("all rounds ended")
"""


def test_a_signal_at_any_moment_never_hangs() -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(seed), "200"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert "all rounds ended" in child.stdout, f"seed {seed}: {child.stderr}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_lets_go_in_a_thread_of_its_own(number: int) -> None:
    told: list[tuple[str, bool]] = []
    done = threading.Event()

    def let_go(name: str) -> None:
        told.append((name, threading.current_thread() is threading.main_thread()))
        done.set()

    with on_signal(let_go):
        signal.raise_signal(number)
        assert done.wait(5)
    assert told == [(signal.Signals(number).name, False)]


def test_the_second_signal_ends_at_once_even_if_on_signal_hangs() -> None:
    stuck, begun = threading.Event(), threading.Event()

    def let_go(name: str) -> None:
        del name
        begun.set()
        stuck.wait(30)

    def twice() -> None:
        with on_signal(let_go):
            signal.raise_signal(signal.SIGINT)
            assert begun.wait(5)
            signal.raise_signal(signal.SIGTERM)

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        twice()
    assert time.monotonic() - start < within(5)
    stuck.set()


def test_without_a_signal_nothing_happens_and_the_handlers_are_put_back() -> None:
    told: list[str] = []
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with on_signal(told.append):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert told == []


def test_a_stopped_run_does_not_report_its_lock_as_lost() -> None:
    """It no longer renews the lock, so on a slow host its time passes while the steps end."""
    run = Run(
        RunOptions(inventory=Path("x"), verb="up"), cluster("ha"), (), Bus(list[object]().append)
    )
    run.interrupt("SIGINT")
    run.give_up(RefusedError(codes.NOT_RENEWED, "not renewed for 25 s: node1"))
    assert run.lost is None
    run.close()
