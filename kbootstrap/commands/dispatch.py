"""From parsed words to a verb; the one place where errors become text and exit status."""

import dataclasses
import errno
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from kbootstrap import codes
from kbootstrap.commands.lines import error_lines
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.screens import make_screen
from kbootstrap.errors import ExitCode, InternalError, InventoryError, KbError

Verb = Callable[[Options, Report], ExitCode]

_VERBS: Mapping[str, tuple[str, str]] = {
    "up": ("up", "up"),
    "plan": ("up", "up"),
    "join": ("up", "join"),
    "upgrade": ("upgrade", "upgrade"),
    "reset": ("reset", "reset"),
    "etcd": ("etcd", "etcd"),
    "status": ("status", "status"),
    "unlock": ("unlock", "unlock"),
    "kubeconfig": ("kubeconfig", "kubeconfig"),
    "validate": ("files", "validate"),
    "render": ("render", "render"),
    "phases": ("files", "phases"),
    "schema": ("files", "schema"),
    "init": ("files", "init"),
}


def dispatch(words: Mapping[str, Any]) -> int:
    """Run the verb; every error below ends here."""
    options = _options(words)
    try:
        report = Report(options, make_screen(options.verbose))
    except OSError as error:
        print("\n".join(error_lines(_about_file(error))), file=sys.stderr)
        return int(ExitCode.USAGE)
    try:
        return int(_run(options, report))
    except BrokenPipeError:
        sys.stderr.close()
        return int(ExitCode.DONE)
    finally:
        report.close()


def _run(options: Options, report: Report) -> ExitCode:
    module, name = _VERBS[options.verb]
    try:
        verb: Verb = getattr(import_module(f"kbootstrap.commands.{module}"), name)
        return verb(options, report)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - shown as what it is: ours, or about a file
        told = _told(error)
        report.error(told)
        return told.exit_code


def _told(error: Exception) -> KbError:
    """The error as users see it; of a bug also the traceback."""
    if isinstance(error, KbError):
        return error
    if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
        return _about_file(error)
    traceback.print_exception(error)
    return InternalError(codes.BUG, f"{type(error).__name__}: {error}")


def _about_file(error: OSError) -> KbError:
    place = error.filename or "a file of this run"  # writing does not say which
    return InventoryError(codes.NO_FILE, f"{place}: {(error.strerror or '').lower()}")


def _options(words: Mapping[str, Any]) -> Options:
    known = {field.name for field in dataclasses.fields(Options)}
    values = {key: value for key, value in words.items() if key in known}
    for key in ("nodes", "limit", "via"):
        values[key] = tuple(values.get(key) or ())
    if values["verb"] == "plan":
        values["dry_run"] = True
    return Options(**values)
