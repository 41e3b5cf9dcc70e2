"""Decoding by Go's rules: unknown fields, wrong types, the exact messages."""

from __future__ import annotations

import json
import pkgutil
import re
from functools import cache
from typing import Any

from tests.standin.common.klog import FatalError

from .documents import Document

_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_PACKAGES = {
    "core": "v1",
    "bootstraptoken": "v1",
    "componentbase": "v1alpha1",
    "logs": "v1",
    "tracing": "v1",
}
_KINDS = {
    str: "string",
    bool: "bool",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
}


@cache
def schemas() -> dict[str, Any]:
    package = (__package__ or "").rpartition(".kubeadm")[0]
    data = pkgutil.get_data(package, "schemas.json")
    loaded: dict[str, Any] = json.loads(data or b"{}")
    return loaded


class Mismatch(Exception):  # noqa: N818  # of a value and its field
    """A value that does not fit its field."""


class Decoder:
    """Decodes one document; unknown fields are collected, a wrong type ends it."""

    def __init__(self) -> None:
        self.types: dict[str, Any] = schemas()["types"]
        self.unknown: list[str] = []

    def value(  # noqa: C901, PLR0911  # one branch per kind of Go type
        self, value: Any, kind: str, path: list[str], struct: str, shown: str
    ) -> Any:
        """One value of one Go type; path has Go's embedded names, shown has only JSON's."""
        if value is None:
            return None
        if kind.startswith("[]"):
            return self._list(value, kind, path, struct, shown)
        if kind.startswith("map["):
            return self._map(value, kind, path, struct, shown)
        if kind == "metav1.Duration":
            if not isinstance(value, str):
                raise self._wrong(value, "string", path, struct)
            return check_duration(value)
        special = self._special(value, kind)
        if special is not None:
            return special
        found = self.types.get(kind)
        if isinstance(found, list):
            if not isinstance(value, dict):
                raise self._wrong(value, kind, path, struct)
            return self.struct(value, kind, path, shown)
        return self._plain(value, (found or kind, kind), path, struct)

    def struct(self, value: dict[str, Any], kind: str, path: list[str], shown: str) -> Any:
        fields = self._fields(kind)
        out = {}
        for key, item in sorted(value.items(), key=lambda pair: str(pair[0])):
            name = str(key)
            where = f"{shown}.{name}" if shown else name
            if name not in fields:
                self.unknown.append(f'unknown field "{where}"')
                continue
            embedded, field_kind = fields[name]
            out[name] = self.value(item, field_kind, [*path, *embedded, name], _bare(kind), where)
        return out

    def _fields(self, kind: str) -> dict[str, tuple[list[str], str]]:
        out: dict[str, tuple[list[str], str]] = {}
        for name, field_kind in self.types[kind]:
            if field_kind == "metav1.TypeMeta":
                out |= {"kind": ([], "string"), "apiVersion": ([], "string")}
            elif not name:
                for inner, (embedded, inner_kind) in self._fields(field_kind).items():
                    out[inner] = ([_bare(field_kind), *embedded], inner_kind)
            else:
                out[name] = ([], field_kind)
        return out

    def _list(self, value: Any, kind: str, path: list[str], struct: str, shown: str) -> Any:
        if not isinstance(value, list):
            raise self._wrong(value, kind, path, struct)
        return [
            self.value(item, kind[2:], path, struct, f"{shown}[{number}]")
            for number, item in enumerate(value)
        ]

    def _map(self, value: Any, kind: str, path: list[str], struct: str, shown: str) -> Any:
        if not isinstance(value, dict):
            raise self._wrong(value, kind, path, struct)
        inner = kind.partition("]")[2]
        return {
            str(key): self.value(item, inner, path, struct, f"{shown}.{key}")
            for key, item in value.items()
        }

    def _plain(self, value: Any, kinds: tuple[str, str], path: list[str], struct: str) -> Any:
        underlying, kind = kinds
        if underlying.startswith(("[]", "map[")):
            return self.value(value, underlying, path, struct, "")
        fits = {
            "string": isinstance(value, str),
            "bool": isinstance(value, bool),
        }.get(underlying, isinstance(value, int | float) and not isinstance(value, bool))
        if underlying.startswith(("int", "uint")) and isinstance(value, float):
            raise Mismatch(
                f"json: cannot unmarshal number {value} into Go struct field"
                f" {struct}.{'.'.join(path)} of type {kind}"
            )
        if not fits and underlying in {
            "string",
            "bool",
            "int",
            "int32",
            "int64",
            "uint32",
            "float32",
        }:
            raise self._wrong(value, kind, path, struct)
        return value

    @staticmethod
    def _special(value: Any, kind: str) -> Any:
        if kind == "bootstraptoken.BootstrapTokenString":
            if not _TOKEN.fullmatch(str(value)):
                pattern = "\\\\A([a-z0-9]{6})\\\\.([a-z0-9]{16})\\\\z"
                raise Mismatch(f'the bootstrap token "{value}" was not of the form "{pattern}"')
            return value
        return None

    @staticmethod
    def _wrong(value: Any, kind: str, path: list[str], struct: str) -> Mismatch:
        what = _KINDS.get(type(value), "string")
        where = f"{struct}.{'.'.join(path)}"
        return Mismatch(
            f"json: cannot unmarshal {what} into Go struct field {where} of type {_go(kind)}"
        )


def check_duration(text: str) -> str:
    """time.ParseDuration's complaints."""
    rest = text.lstrip("+-")
    if rest == "0":
        return text
    if not rest:
        raise Mismatch(f'time: invalid duration "{text}"')
    while rest:
        number = re.match(r"\d+(\.\d*)?|\.\d+", rest)
        if not number:
            raise Mismatch(f'time: invalid duration "{text}"')
        unit = re.match(r"[^\d.]*", rest[number.end() :])
        name = unit[0] if unit else ""
        if not name:
            raise Mismatch(f'time: missing unit in duration "{text}"')
        if name not in {"ns", "us", "µs", "μs", "ms", "s", "m", "h"}:
            raise Mismatch(f'time: unknown unit "{name}" in duration "{text}"')
        rest = rest[number.end() + len(name) :]
    return text


def _bare(kind: str) -> str:
    return kind.rpartition(".")[2]


def _go(kind: str) -> str:
    prefix, name = re.fullmatch(r"((?:\[\]|map\[string\])*)(.*)", kind).groups()  # type: ignore[union-attr]
    package, dot, rest = name.partition(".")
    return prefix + (f"{_PACKAGES.get(package, package)}.{rest}" if dot else name)


def known(document: Document) -> bool:
    return f"{document.api_version()}/{document.kind}" in schemas()["roots"]


def decode(document: Document) -> tuple[dict[str, Any], str]:
    """(value, strict complaint); a value of the wrong type raises FatalError."""
    root = schemas()["roots"][f"{document.api_version()}/{document.kind}"]
    decoder = Decoder()
    try:
        value = decoder.struct(document.value, root, [], "")
    except Mismatch as err:
        raise FatalError(str(err)) from err
    problems = list(decoder.unknown)
    if document.duplicates:
        problems.insert(0, "yaml: unmarshal errors:\n" + "\n".join(document.duplicates))
    return value, f"strict decoding error: {', '.join(problems)}" if problems else ""


def unmarshal_error(document: Document, text: str) -> str:
    return f"error unmarshaling configuration {document.go()}: {text}"
