"""Time limits for an idle host, made longer on one that does other work."""

import os
from pathlib import Path


def within(seconds: float) -> float:
    """The limit as long as the processors here are shared now: proc_loadavg(5)."""
    average, _, _, tasks, _ = Path("/proc/loadavg").read_text().split()
    wanting = max(float(average), float(tasks.split("/")[0]))
    return seconds * max(1.0, wanting / (os.cpu_count() or 1))
