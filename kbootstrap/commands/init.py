"""``init``: write a commented starter inventory."""

import os

from kbootstrap import codes
from kbootstrap.errors import ExitCode, InventoryError
from kbootstrap.model.starters import text
from kbootstrap.options import RunOptions
from kbootstrap.run.report import Report


def init(options: RunOptions, report: Report) -> ExitCode:
    """Write a starter inventory; never over an existing file."""
    path = options.to
    if path is None:
        raise ValueError("init needs a file to write")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise InventoryError(codes.FILE_EXISTS, f"{path} exists") from None
    with os.fdopen(handle, "w") as file:
        file.write(text(options.layout))
    report.line(f"wrote {path}; edit it, then run: kbootstrap validate {path}")
    return ExitCode.DONE
