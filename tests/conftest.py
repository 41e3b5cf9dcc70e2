"""RunOptions of the whole test suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes tests/golden/expected anew; read the diff before you commit it."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")
