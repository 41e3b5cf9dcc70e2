"""Command lines as Go's pflag reads them."""

from __future__ import annotations

import dataclasses
import sys

from tests.standin import unknown

from .klog import FatalError

REFUSED = "no-such-flag"  # what tests give a daemon, since the real one does not know it


def simple(
    argv: list[str], known: str, refusal: str = "Error: unknown flag: --{}"
) -> dict[str, str]:
    """--name=value arguments of a daemon; a name alone means true. An unknown one ends it."""
    out = {}
    for arg in argv:
        if arg.startswith("--"):
            name, _, value = arg[2:].partition("=")
            if name not in known.split():
                if name != REFUSED:
                    unknown.report("daemon", arg)
                sys.exit(refusal.format(name))
            out[name] = value if "=" in arg else "true"
    return out


@dataclasses.dataclass
class Flags:
    """What a command line said."""

    values: dict[str, str]
    lists: dict[str, list[str]]
    args: list[str]

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def yes(self, name: str) -> bool:
        return self.values.get(name, "false").lower() in {"true", "1", "t"}

    def several(self, name: str) -> list[str]:
        return self.lists.get(name, [])

    def changed(self) -> list[str]:
        """The names that were given, sorted."""
        return sorted({*self.values, *self.lists})


@dataclasses.dataclass(frozen=True)
class Spec:
    """The flags one command knows: names, with '?' for booleans and '*' for lists."""

    names: str
    short: str = ""  # "f=force y=yes"

    def kinds(self) -> dict[str, str]:
        return {n.rstrip("?*"): n[-1] if n[-1] in "?*" else "" for n in self.names.split()}

    def shorts(self) -> dict[str, str]:
        return dict(pair.split("=") for pair in self.short.split())


def parse(argv: list[str], spec: Spec) -> Flags:
    """Parse or fail with pflag's message."""
    kinds, shorts = spec.kinds(), spec.shorts()
    out = Flags({}, {}, [])
    rest = list(argv)
    while rest:
        arg = rest.pop(0)
        if arg == "--":
            out.args += rest
            break
        if arg.startswith("--"):
            _long(arg[2:], rest, kinds, out)
        elif arg.startswith("-") and len(arg) > 1:
            _short(arg, rest, (kinds, shorts), out)
        else:
            out.args.append(arg)
    return out


def _long(text: str, rest: list[str], kinds: dict[str, str], out: Flags) -> None:
    name, equals, value = text.partition("=")
    if name not in kinds:
        unknown.report("flags", f"--{name}")
        raise FatalError(f"unknown flag: --{name}")
    if not equals:
        if kinds[name] == "?":
            value = "true"
        elif rest:
            value = rest.pop(0)
        else:
            raise FatalError(f"flag needs an argument: --{name}")
    _store(name, value, kinds, out)


def _short(
    arg: str, rest: list[str], known: tuple[dict[str, str], dict[str, str]], out: Flags
) -> None:
    kinds, shorts = known
    letters = arg[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter not in shorts:
            unknown.report("flags", arg)
            raise FatalError(f"unknown shorthand flag: '{letter}' in {arg}")
        name = shorts[letter]
        if kinds[name] == "?":
            _store(name, "true", kinds, out)
            continue
        value = letters.removeprefix("=") if letters else (rest.pop(0) if rest else "")
        _store(name, value, kinds, out)
        return


def _store(name: str, value: str, kinds: dict[str, str], out: Flags) -> None:
    if kinds[name] == "*":
        out.lists.setdefault(name, []).extend(v for v in value.split(",") if v)
        return
    if kinds[name] == "?" and value.lower() not in {"true", "false", "1", "0", "t", "f"}:
        raise FatalError(
            f'invalid argument "{value}" for "--{name}" flag: strconv.ParseBool: parsing "{value}":'
            " invalid syntax"
        )
    out.values[name] = value
