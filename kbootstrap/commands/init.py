"""``init``: write a commented starter inventory."""

from kbootstrap import codes
from kbootstrap.atomic_file import create
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
        file = create(path)
    except FileExistsError:
        raise InventoryError(codes.FILE_EXISTS, f"{path} exists") from None
    with file:
        file.write(text(options.layout).encode())
    report.line(f"wrote {path}; edit it, then run: kbootstrap validate {path}")
    return ExitCode.DONE
