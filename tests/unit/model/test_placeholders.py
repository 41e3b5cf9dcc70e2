"""Placeholders: exactly the documented ones, and no Python format on what a user wrote."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.model.placeholders import IN_URLS, VERSION, filled, unknown
from kbootstrap.model.versions import Version

ROOT = Path(__file__).parent.parent.parent.parent
V1 = Version.parse("v1.34.2")


def test_each_is_replaced_wherever_it_is() -> None:
    text = "https://a.example/{minor}/{arch}/x-{version}-{arch}.tgz"
    assert filled(text, "arm64", V1) == "https://a.example/1.34/arm64/x-v1.34.2-arm64.tgz"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{version}", ""),
        ("{Version}", "{Version}"),
        ("{version.major}", "{version.major}"),
        ("{version!r}", "{version!r}"),
        ("{version:>99}", "{version:>99}"),
        ("{{version}}", "{"),
        ("{0}", "{0}"),
        ("{}", "{}"),
        ("}", "}"),
        ("{arch", "{arch"),
        ("{arch}", "{arch}"),  # not known for directories
    ],
)
def test_anything_else_in_braces_is_found(text: str, found: str) -> None:
    assert unknown(text, (VERSION,)) == found


@given(st.text(alphabet="{}archvesion.[]!:0_ "))
def test_what_is_accepted_has_no_brace_left(text: str) -> None:
    if not unknown(text, IN_URLS):
        assert not set("{}") & set(filled(text, "amd64", V1))


def test_a_format_is_a_constant() -> None:
    """`str.format` reads attributes: its text may never come from an inventory or a node."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("kbootstrap", "phases")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"format", "format_map", "vformat"}
        if not isinstance(node.value, ast.Constant) and not is_hint(node.value)
    ]
    assert found == []


def is_hint(value: ast.expr) -> bool:
    """The next step of a code, which is a constant of kbootstrap/codes."""
    return isinstance(value, ast.Attribute) and value.attr == "hint"
