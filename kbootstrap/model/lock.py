"""One lock: who holds it, as written on a control plane or in the Lease, and what that means.

Pure: times come in as ages, told by the clock of the place that keeps the record.
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

PATH = "/run/kbootstrap.lock"  # tmpfs: it does not outlive a reboot
TTL = 30  # seconds a record lives unless it is renewed
RENEW = 8  # seconds between renewals, so that two may fail
MARGIN = 5  # seconds before a record ends in which a run that did not renew it lets go
_SHOWN = 300  # characters of a value that somebody else wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a run says of itself.

    Attributes:
        holder: the user at the operator's machine.
        host: that machine's name.
        machine: where its process ids mean something: one boot of one machine (or container).
        start: when the process started, in ticks since that boot; tells a reused pid.
        since: UTC, by the operator's clock.
        ttl: seconds it holds after each renewal.

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
        """One line of JSON; the same for the whole life of the run."""
        return json.dumps(self.fields, sort_keys=True)

    @property
    def who(self) -> str:
        """For people: somebody to ask, and what to look for there."""
        return f"{self.holder}@{self.host} (pid {self.pid}, since {self.since}): {self.command}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a place holds at one moment.

    Attributes:
        text: the record as it is; empty if there is none.
        stamp: changes with every renewal; empty if there is no record.
        age: seconds since the last renewal.
        boot: which boot of the node it was read in; empty for the Lease.

    """

    text: str = ""
    stamp: str = ""
    age: int = 0
    boot: str = ""

    @property
    def claim(self) -> Claim | None:
        """Who holds it; None if nobody does, or if nobody can tell."""
        return parse_claim(self.text)

    @property
    def held(self) -> bool:
        """Whether a record that still counts is there, whoever wrote it.

        A clock that was set makes an age wrong, in either direction, so it is the distance
        that counts: a step of some seconds takes nobody's lock away.
        """
        claim = self.claim
        return bool(self.stamp) and abs(self.age) <= (claim.ttl if claim else TTL)

    @property
    def who(self) -> str:
        """For people."""
        claim = self.claim
        return claim.who if claim else "somebody who cannot be told: the record is not readable"

    @property
    def life(self) -> str:
        """For people: how fresh it is."""
        claim = self.claim
        left = (claim.ttl if claim else TTL) - self.age
        if not self.held:
            return f"renewed {self.age} s ago, so it counts no more"
        return f"renewed {self.age} s ago, runs out in {left} s unless renewed again"


NOBODY = Seen()


class Standing(Enum):
    """How a record stands to a run."""

    FREE = "free"  # nobody's
    MINE = "mine"
    DEAD = "dead"  # of a process of this machine that is gone
    EXPIRED = "expired"  # nobody renewed it
    HELD = "held"  # somebody works


def standing(seen: Seen, me: Claim, alive: Callable[[int, int], bool]) -> Standing:
    """How a record stands to the run ``me``.

    Args:
        seen: the record.
        me: the run that wants to know.
        alive: whether the process of this pid and start time runs on this machine.

    """
    claim = seen.claim
    if not seen.stamp:
        return Standing.FREE
    if claim is not None and claim.run == me.run and claim.machine == me.machine:
        return Standing.MINE
    if not seen.held:
        return Standing.EXPIRED
    if claim is not None and claim.machine == me.machine and not alive(claim.pid, claim.start):
        return Standing.DEAD
    return Standing.HELD


def parse_record(output: str) -> Seen:
    """What templates/lock/read.sh.j2 printed: some facts, then the record."""
    facts: dict[str, str] = {}
    text = output
    for name in ("boot", "stamp", "now"):
        if text.startswith(f"{name}="):
            line, _, text = text.partition("\n")
            facts[name] = line.removeprefix(f"{name}=")
    text, boot = text.rstrip("\n"), facts.get("boot", "")
    if not text or "now" not in facts:  # none, or removed while it was read
        return Seen(boot=boot)
    age = int(facts["now"]) - int(facts["stamp"])
    return Seen(text=text, stamp=facts["stamp"], age=age, boot=boot)


def parse_claim(text: str) -> Claim | None:
    """The claim a record holds; None for anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return claim_of(data) if isinstance(data, dict) else None


def claim_of(data: dict[str, Any]) -> Claim | None:
    """A claim from its fields, which somebody else may have written; None if they are wrong."""
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
    """Text that does nothing to a terminal."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return "".join(c if c.isprintable() else "?" for c in value)[:_SHOWN]
