"""No message ever shows what may be a secret; whatever is written, the answer is an answer."""

import copy
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap.model.starters import LAYOUTS, text
from tests.unit.model.writing import inventory, problems

PLACES = (
    "defaults: {ssh: {password: %s}}\n",
    "defaults: {ssh: {become_password: %s}}\n",
    "defaults: {ssh: {pasword: %s}}\n",
    "defaults: {ssh: {password: {value: %s}}}\n",
    "defaults: {ssh: {password: {env: %s, file: x}}}\n",
    "defaults: {ssh: {jump: {host: a.example, password: %s}}}\n",
    "defaults: {ssh: {password: [%s]}}\n",
    "password: %s\n",
    "files: [{path: x, content: %s}]\n",
)
SECRETS = (
    "hunter2",
    "0123456",
    "12:34:56",
    "2024-01-31",
    '"*&%@! x"',
    "!x",
    "y",
    "on",
    "1.5e9",
    "0x1F",
)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_message_shows_a_secret(where: str, secret: str, tmp_path: Path) -> None:
    said = problems(tmp_path, inventory(where.replace("%s", secret)))
    assert said
    for problem in said:
        words = f"{problem.message} {problem.allowed} {problem.meant}".split()
        assert secret.strip('"') not in [word.strip("'\",;:()") for word in words if word != "on"]


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_is_answered(content: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _answer(Path(folder), content)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_damage_to_a_starter_is_answered(data: st.DataObject) -> None:
    starter = text(data.draw(st.sampled_from(LAYOUTS)))
    start = data.draw(st.integers(0, len(starter)))
    length = data.draw(st.integers(0, 40))
    put = data.draw(st.text(alphabet="ab1.:/-[]{}\"'#&*!|>\n\t é", max_size=12))
    with tempfile.TemporaryDirectory() as folder:
        _answer(Path(folder), starter[:start] + put + starter[start + length :])


NOTHING_MUCH: list[object] = [None, True, 0, -1, 1.5, "", "x", [], [[]], [None], {}, {"a": None}]
TEXTS = ["::1", "1.2.3.4", "a,b", "all", "4m", "10.0.0.0/8", "https://[", "~no/x", "a" * 300]
VALUES = st.sampled_from([*NOTHING_MUCH, *TEXTS, 10**15, {"a": {"b": [1]}}])


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_other_value_is_answered(data: st.DataObject) -> None:
    inventory_ = yaml.safe_load(text(data.draw(st.sampled_from(LAYOUTS))))
    for _ in range(data.draw(st.integers(1, 4))):
        holder = inventory_
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = data.draw(st.sampled_from(keys))
            if not (
                isinstance(holder[key], dict | list) and holder[key] and data.draw(st.booleans())
            ):
                break
            holder = holder[key]
        holder[key] = copy.deepcopy(data.draw(VALUES))  # a later round may change it
    with tempfile.TemporaryDirectory() as folder:
        _answer(Path(folder), yaml.safe_dump(inventory_))


def _answer(folder: Path, content: str) -> None:
    """It loads, or every problem has a place in the file."""
    content = content.encode("utf-8", "replace").decode()
    for problem in problems(folder, content):
        assert 1 <= problem.line <= len(content.splitlines()) + 1
        assert problem.column >= 1
        assert problem.message
