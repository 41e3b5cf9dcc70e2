"""Files of tests run side by side, and a lab is known by its name to all of them."""

import re
from collections import defaultdict
from pathlib import Path

LAB = re.compile(r"(?:make_site|make|bench|Lab)\(f?\"([a-z0-9{}\[\]]+)\"")
TESTS = Path(__file__).parent.parent


def test_no_two_files_use_a_lab_of_the_same_name() -> None:
    files: defaultdict[str, set[str]] = defaultdict(set)
    for path in [*TESTS.rglob("test_*.py"), TESTS / "e2e/conftest.py"]:
        for name in LAB.findall(path.read_text()):
            for kind in "sr":
                files[name.replace("{kind[0]}", kind)].add(path.name)

    assert len(files) > 20
    assert {name: used for name, used in files.items() if len(used) > 1} == {}
