"""Options of the whole test suite, and the order of its files when they run side by side."""

import pytest

from kbootstrap import secret

# They take minutes: begun last, one of them would run alone at the end.
LONGEST = (
    *("test_slice.py", "test_lock.py", "test_odd_site.py", "test_every_file.py"),
    *("test_every_key.py", "test_replace.py", "test_rotate_ca.py", "test_upgrade.py"),
    "test_reset.py",
    *("test_fitness.py", "test_cluster.py", "test_etcd.py"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes tests/golden/expected again; read the diff before you commit it."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")
    parser.addoption("--all-cases", action="store_true", help="every fault, key and file by itself")


def pytest_runtest_setup() -> None:
    """A process masks its secrets until it ends; here each test is a process of its own."""
    secret._known.clear()  # noqa: SLF001 - nothing else may forget them


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only ``--all-cases`` runs; side by side, the longest files come first."""
    if not config.getoption("--all-cases"):
        left_out = [item for item in items if item.get_closest_marker("all_cases")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if hasattr(config, "workerinput"):  # a worker of xdist, whose ``dist`` is always "no"
        items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    return LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)
