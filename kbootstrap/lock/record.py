"""The record of the lock: who holds it, what its age means, and the shell that reads and writes it.

Pure. Ages are given by the clock of the place that stores the record.
"""

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kbootstrap.render import render

PATH = "/run/kbootstrap.lock"  # tmpfs: a reboot removes it
TTL = 30  # seconds a record lives unless it is renewed
RENEW = 8  # seconds between renewals, so that two may fail
GUARD_SECONDS = 3  # to wait for another process that changes the record of the same node
MARGIN = 5  # a run that has not renewed its record stops this many seconds before it ends
_TIME = re.compile(r"[0-9]{1,15} [0-9]{1,15}")
_SHOWN = 300  # characters shown of a value that another run wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a run writes into the record about itself.

    Attributes:
        holder: the user on the operator's workstation.
        host: name of the workstation.
        machine: identifies one boot of a workstation or container, in which ``pid`` is unique.
        start: start time of the process in ticks since that boot; it identifies a reused pid.
        since: UTC, by the workstation's clock.
        ttl: seconds the record counts after each renewal.

    """

    holder: str
    host: str
    machine: str
    pid: int
    start: int
    run: str
    command: str
    since: str
    ttl: int = TTL

    @property
    def fields(self) -> dict[str, str | int]:
        """By name."""
        return dataclasses.asdict(self)

    @property
    def text(self) -> str:
        """One line of JSON; it does not change during the run."""
        return json.dumps(self.fields, sort_keys=True)

    @property
    def who(self) -> str:
        """For people: whom to ask, and the process to look for."""
        return f"{self.holder}@{self.host} (pid {self.pid}, since {self.since}): {self.command}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockState:
    """What a place of the lock holds at one moment.

    Attributes:
        text: the record; empty if there is none.
        stamp: changes with every renewal; empty if there is no record.
        age: seconds since the last renewal.
        boot: the boot of the node in which it was read; empty for the Lease.

    """

    text: str = ""
    stamp: str = ""
    age: int = 0
    boot: str = ""

    @property
    def claim(self) -> Claim | None:
        """Who holds it; None if there is no record, or none that can be read."""
        return parse_claim(self.text)

    @property
    def held(self) -> bool:
        """Whether there is a record that still counts, whoever wrote it.

        A clock that was set makes an age wrong in either direction, so the absolute age is
        compared: a clock step of some seconds ends no lock.
        """
        claim = self.claim
        return bool(self.stamp) and abs(self.age) <= (claim.ttl if claim else TTL)

    @property
    def who(self) -> str:
        """For people."""
        claim = self.claim
        return claim.who if claim else "unknown: the record is not readable"

    @property
    def freshness(self) -> str:
        """For people: when it was renewed, and when it ends."""
        claim = self.claim
        left = (claim.ttl if claim else TTL) - self.age
        if not self.held:
            return f"renewed {self.age} s ago, so it no longer counts"
        return f"renewed {self.age} s ago, expires in {left} s unless renewed"


NO_RECORD = LockState()


class LockStatus(Enum):
    """What a record means for a run."""

    FREE = "free"  # no record
    MINE = "mine"
    DEAD = "dead"  # of a process of this workstation that has ended
    EXPIRED = "expired"  # it was not renewed
    HELD = "held"  # another run is at work


def status_of(state: LockState, me: Claim, alive: Callable[[int, int], bool]) -> LockStatus:
    """What a record means for the run ``me``.

    Args:
        state: the record as it was read.
        me: the run that asks.
        alive: whether the process of this pid and start time runs on this workstation.

    """
    claim = state.claim
    if not state.stamp:
        return LockStatus.FREE
    if claim is not None and claim.run == me.run and claim.machine == me.machine:
        return LockStatus.MINE
    if not state.held:
        return LockStatus.EXPIRED
    if claim is not None and claim.machine == me.machine and not alive(claim.pid, claim.start):
        return LockStatus.DEAD
    return LockStatus.HELD


def parse_record(output: str) -> LockState:
    """The output of `read_script`: some facts, then the record."""
    facts: dict[str, str] = {}
    text = output
    for name in ("boot", "stamp", "now"):
        if text.startswith(f"{name}="):
            line, _, text = text.partition("\n")
            facts[name] = line.removeprefix(f"{name}=")
    text, boot = text.rstrip("\n"), facts.get("boot", "")
    if not text or "now" not in facts:  # there is none, or it was removed while it was read
        return LockState(boot=boot)
    stamp, now = facts.get("stamp", ""), facts["now"]
    # A record without its time counts as renewed just now, so that no run takes it over.
    age = int(now) - int(stamp) if _TIME.fullmatch(f"{now} {stamp}") else 0
    return LockState(text=text, stamp=stamp or "unknown", age=age, boot=boot)


def parse_claim(text: str) -> Claim | None:
    """The claim in a record; None for any other text."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return claim_of(data) if isinstance(data, dict) else None


def claim_of(data: dict[str, Any]) -> Claim | None:
    """A claim from its fields, which others may have written; None if they are invalid."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(Claim):
        value = data.get(field.name)
        try:
            values[field.name] = int(value) if field.type is int else _plain(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return None
    claim = Claim(**values)
    return claim if claim.pid > 0 and 0 < claim.ttl <= TTL * 10 else None


def _plain(value: object) -> str:
    """Text without control characters, which could change a terminal."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return "".join(c if c.isprintable() else "?" for c in value)[:_SHOWN]


def read_script(path: str = PATH, *, gate: bool = False) -> str:
    """Shell that prints the record; read-only. With ``gate`` it fails if there is one."""
    return render("lock/read.sh.j2", path=path, gate=gate)


def swap_script(before: str, stamp: str | None, record: str, path: str = PATH) -> str:
    """Shell that writes or removes the record if it did not change, then prints what is there.

    Args:
        before: the text that the record must have; empty for no record.
        stamp: the time it must have; None for any, as its own holder may have renewed it.
        record: the new text; empty to remove it.
        path: of the record.

    """
    swap = render(
        "lock/swap.sh.j2",
        path=path,
        tries=GUARD_SECONDS * 10,
        seen=before,
        stamp=stamp,
        record=record,
    )
    return f"{swap}\n{read_script(path)}"
