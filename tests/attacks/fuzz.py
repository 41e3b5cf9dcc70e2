"""What the fuzz tests share: how many examples, text and JSON of odd shapes, damaged answers.

CI tries the same few examples each time. By hand, as many others as are asked for::

    KBOOTSTRAP_FUZZ=100000 pytest tests/attacks -k fuzz
"""

import copy
import os
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from kbootstrap.errors import KbError

T = TypeVar("T")
MANY = os.environ.get("KBOOTSTRAP_FUZZ", "")
FUZZ = settings(
    max_examples=int(MANY or 60),
    derandomize=not MANY,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
ODD = (
    *("", " ", "\n", "\0", "=", ":", "/", "..", "-1", "0", "1", "null", "true", "[]", "{}", '"'),
    *("9" * 5000, "1e999", "NaN", "٣", "²", "v1.34.2", "v", "1.2.3.4", "10.0.0.0/33", "::1%x\n"),
    *("\x1b[31m", "\u202e", "\ud800", "é" * 300, "a b", "a b c", "/a/b c", "2026-11-30T00:00:00Z"),
)
PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789./:_-"
KEYS = ("metadata", "name", "items")


def by_dice(make: Callable[[Random], T]) -> st.SearchStrategy[T]:
    """What ``make`` builds from one random number, where strategies draw hundreds.

    A case that fails is printed as it is; hypothesis does not make it smaller.
    """
    return st.integers(0, 2**62).map(lambda number: make(Random(number)))  # noqa: S311 - no secret


def any_text(dice: Random) -> str:
    """Odd, foreign or plain text."""
    kind = dice.randrange(3)
    if kind == 0:
        return dice.choice(ODD)
    if kind == 1:
        end = dice.choice((0x80, 0x300, 0x3000, 0xD800))
        return "".join(chr(dice.randrange(end)) for _ in range(dice.randrange(21)))
    words = ("".join(dice.choices(PLAIN, k=dice.randint(0, 9))) for _ in range(dice.randint(1, 4)))
    return " ".join(words)


def _scalar(dice: Random) -> object:
    return dice.choice(
        (
            *(None, True, False, 10**400, -1, float("inf"), float("nan")),
            *(dice.randint(-300, 300), dice.uniform(-9, 9), any_text(dice), any_text(dice)),
        )
    )


def any_json(dice: Random, depth: int = 3) -> Any:
    """A scalar, a list or an object, at most ``depth`` deep."""
    kind = dice.randrange(4) if depth else 0
    if kind < 2:
        return _scalar(dice)
    inner = [any_json(dice, depth - 1) for _ in range(dice.randrange(4))]
    if kind == 2:
        return inner
    return {dice.choice((*KEYS, any_text(dice))): value for value in inner}


def damaged(good: Any) -> st.SearchStrategy[Any]:
    """Copies of ``good`` with damage."""
    return by_dice(lambda dice: damage(dice, good))


def damage(dice: Random, good: Any) -> Any:
    """A copy of JSON data in which up to three places were removed or hold something else."""
    value = copy.deepcopy(good)
    for _ in range(dice.randint(1, 3)):
        value = _damage_one(dice, value)
    return value


def _damage_one(dice: Random, value: Any) -> Any:
    parent: Any = None
    key: Any = None
    at = value
    while isinstance(at, dict | list) and at and (parent is None or dice.randrange(4)):
        parent = at
        key = dice.choice(sorted(at) if isinstance(at, dict) else range(len(at)))
        at = parent[key]
    if parent is None:
        return any_json(dice)
    if dice.randrange(2):
        parent[key] = any_json(dice)
    else:
        del parent[key]
    return value


text = by_dice(any_text)
json_values = by_dice(any_json)


def ends_with_a_code(action: Callable[[], object], *, but: tuple[str, ...] = ("KB900",)) -> str:
    """Run it: it succeeds ("") or raises a KbError of any other code, which is returned."""
    try:
        action()
    except KbError as error:
        code = error.code.id
    else:
        code = ""
    assert code not in but
    return code
