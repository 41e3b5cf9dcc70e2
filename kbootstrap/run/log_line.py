"""A record of a run as one line of the log file; used by `kbootstrap.run.report`."""

import json
import re
import time
from typing import Any

from kbootstrap.visible import one_line

_PLAIN = re.compile(r"[^\s\"'=\\]+")


def log_line(record: dict[str, Any]) -> str:
    """The time and ``key=value``; a value with other characters is quoted.

    Nothing in a value can look like another field or another line.
    """
    fields = (f"{key}={_value(value)}" for key, value in record.items() if value)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {' '.join(fields)}"


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    quoted = text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
    return one_line(quoted)
