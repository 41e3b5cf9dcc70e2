"""Label selectors."""

from typing import Any

import pytest

from kbootstrap.remote.selectors import selects

LABELS = {"app": "web", "tier": "front"}


def one(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchLabels": {"app": "web"}, **one("tier", "In", "back")}, False),
        (one("tier", "In", "front", "back"), True),
        (one("tier", "NotIn", "front"), False),
        (one("none", "NotIn", "front"), True),
        (one("tier", "Exists"), True),
        (one("none", "Exists"), False),
        (one("tier", "DoesNotExist"), False),
        (one("none", "DoesNotExist"), True),
    ],
)
def test_each_operator(selector: dict[str, Any], selected: bool) -> None:  # noqa: FBT001
    assert selects(selector, LABELS) is selected
