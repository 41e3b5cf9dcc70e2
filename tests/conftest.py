"""Options of the whole test suite, and the order of its files when they run side by side."""

import pytest

# They take minutes: begun last, one of them would run alone at the end.
LONGEST = (
    *("test_every_file.py", "test_every_key.py", "test_lock.py", "test_slice.py"),
    *("test_upgrade.py", "test_reset.py", "test_fitness.py", "test_cluster.py", "test_etcd.py"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes tests/golden/expected anew; read the diff before you commit it."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")
    parser.addoption("--all-faults", action="store_true", help="the whole slice, not its core")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side (``--dist loadfile``) the longest files come first."""
    if config.getoption("dist", "no") == "loadfile":
        items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    return LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)
