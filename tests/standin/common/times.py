"""Times as Kubernetes writes them."""

from __future__ import annotations

import datetime as dt
import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def stamp(moment: dt.datetime | None = None) -> str:
    """2026-11-20T23:35:44Z."""
    return (moment or now()).astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro() -> str:
    return now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> dt.datetime | None:
    """An RFC 3339 time, or None."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def expired(text: str) -> bool:
    """True for the past and for what is no time; empty means never."""
    if not text:
        return False
    moment = parse(text)
    return moment is None or moment <= now()


def seconds(text: str) -> float:
    """A Go duration such as 4m0s; ValueError for anything else."""
    if text == "0":
        return 0.0
    found = re.fullmatch(r"([-+]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|h|m|s))+", text)
    if not found:
        raise ValueError(text)
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|h|m|s)", text)
    total = sum(float(n) * _UNITS[u] for n, u in parts)
    return -total if text.startswith("-") else total


def delta(text: str) -> dt.timedelta:
    return dt.timedelta(seconds=seconds(text))


def duration(total: float) -> str:
    """A Go duration: 4m0s, 1.5s, 500.67977ms."""
    if total < 1:
        return f"{total * 1000:.6f}".rstrip("0").rstrip(".") + "ms" if total else "0s"
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    text = f"{secs:.9f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{int(hours)}h{int(minutes)}m{text}"
    return f"{int(minutes)}m{text}" if minutes else text
