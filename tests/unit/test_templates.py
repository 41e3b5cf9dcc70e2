"""Each value in a template is quoted, or of a form that needs no quotes where it stands."""

import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest
from jinja2 import nodes

from kbootstrap.render import render

TEMPLATES = Path(__file__).parents[2] / "templates"
FILTERS = frozenset({"sh", "json", "plain"})
# Shell text of our own, which holds no value of an inventory or a node.
OURS = {
    "place": "upgrade/place.sh.j2, rendered",
    "serving": "upgrade/serving.sh.j2, rendered",
    "stage": "rotation/probe.sh.j2, rendered",
    "certificates": "certificates/probe.sh.j2, rendered",
    "only": "a constant pattern of `case`",
}


def unquoted(text: str) -> list[str]:
    """The values of a template that reach its text as they are."""
    outputs = jinja2.Environment(autoescape=True).parse(text).find_all(nodes.Output)
    values = (one for output in outputs for one in output.nodes)
    return [
        f"line {value.lineno}: {value}"
        for value in values
        if not isinstance(value, nodes.TemplateData) and not is_quoted(value)
    ]


def is_quoted(value: nodes.Node) -> bool:
    if isinstance(value, nodes.Const):
        return True
    if isinstance(value, nodes.CondExpr):
        return all(is_quoted(one) for one in (value.expr1, value.expr2) if one is not None)
    if isinstance(value, nodes.Name):
        return value.name in OURS
    if not isinstance(value, nodes.Filter):
        return False
    return value.name in FILTERS or (value.name == "join" and is_quoted_each(value.node))


def is_quoted_each(values: nodes.Expr | None) -> bool:
    """Whether it is ``values | map(FILTER)``."""
    if not isinstance(values, nodes.Filter) or values.name != "map" or not values.args:
        return False
    used = values.args[0]
    return isinstance(used, nodes.Const) and used.value in FILTERS


def within_quotes(text: str) -> Iterator[str]:
    """The lines in which ``| sh`` stands inside of quotes, where it quotes nothing.

    ``$(...)`` begins a text of its own.
    """
    for line in text.splitlines():
        before, found, _ = line.partition(" | sh }}")
        head = re.sub(r"\$\([^()]*\)", "", before.rpartition("{{")[0]).rpartition("$(")[2]
        if found and (head.count('"') % 2 or head.count("'") % 2):
            yield line


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.j2")), ids=lambda path: path.name)
def test_every_value_of_a_template_is_quoted(path: Path) -> None:
    assert unquoted(path.read_text()) == []


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.sh.j2")), ids=lambda path: path.name)
def test_what_is_quoted_for_the_shell_is_not_in_quotes(path: Path) -> None:
    assert [*within_quotes(path.read_text())] == []


@pytest.mark.parametrize(
    "text",
    [
        "x={{ name }}",
        "x={{ names | join(' ') }}",
        "x={{ names | map('upper') | join(' ') }}",
        "x={{ 'a' if name else name }}",
        "{% if name %}{{ name | replace('a', 'b') }}{% endif %}",
        "x={{ (name | sh) ~ other }}",
    ],
)
def test_a_value_without_quotes_is_found(text: str) -> None:
    assert len(unquoted(text)) == 1


def test_quotes_in_quotes_are_found() -> None:
    assert [*within_quotes("a={{ a | sh }}\nb=\"{{ b | sh }}\"\nc='{{ c | sh }}'\n")] == [
        'b="{{ b | sh }}"',
        "c='{{ c | sh }}'",
    ]


@pytest.mark.parametrize("text", ["a b", "a\n", "$(id)", "`id`", "a'b", 'a"b', "a;b", "a\\b", "%h"])
def test_what_would_need_quotes_is_not_rendered(text: str) -> None:
    with pytest.raises(ValueError, match="would need quotes"):
        render("kubelet/kubelet.service.j2", bin_dir=text)
