"""The lab's own tests use the lab's own fixtures."""

import pytest

from tests.lab.fixture import (
    cheap_factory,
    lab_factory,
    module_lab_factory,
    pytest_terminal_summary,
)

__all__ = ["cheap_factory", "lab_factory", "module_lab_factory", "pytest_terminal_summary"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "lab_test/test_real" in str(item.path):
            item.add_marker(pytest.mark.lab)
