"""(c) Twenty files, each an operation."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from common import SCENE  # noqa: E402
from pyinfra.operations import files  # noqa: E402

for path in sorted((SCENE / "files").iterdir()):
    files.put(
        src=str(path), dest=f"/etc/bench.d/{path.name}", mode="644", user="root", group="root"
    )
