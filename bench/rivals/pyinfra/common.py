"""What the deploys share: the folder of the run."""

import os
from pathlib import Path

SCENE = Path(os.environ["BENCH_SCENE"])
