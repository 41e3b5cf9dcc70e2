"""The entry point: flags to `RunOptions`, the command, and errors to exit statuses.

The modules of a command are imported when it is called, so that ``--help`` is fast.
"""

import dataclasses
import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kbootstrap import __version__, codes
from kbootstrap.arguments import INVENTORY, INVENTORY_VARIABLE, parser
from kbootstrap.errors import ExitCode, InternalError, InventoryError, KbError
from kbootstrap.options import RunOptions

if TYPE_CHECKING:
    from kbootstrap.run.report import Report

# Command -> its module in kbootstrap/commands and the function there.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "up": ("up", "up"),
    "plan": ("up", "up"),
    "join": ("up", "join"),
    "replace": ("up", "replace"),
    "import": ("import_cluster", "import_cluster"),
    "upgrade": ("upgrade", "upgrade"),
    "reset": ("reset", "reset"),
    "etcd": ("etcd", "etcd"),
    "status": ("status", "status"),
    "certs": ("certs", "certs"),
    "certs rotate-ca": ("rotate_ca", "rotate_ca"),
    "unlock": ("unlock", "unlock"),
    "kubeconfig": ("kubeconfig", "kubeconfig"),
    "validate": ("validate", "validate"),
    "render": ("render", "render"),
    "pin": ("pin", "pin"),
    "phases": ("phases", "phases"),
    "schema": ("schema", "schema"),
    "init": ("init", "init"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    arguments = vars(parser().parse_args(argv))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that its encoding lacks is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    umask = os.umask(0o077)  # what is written is the user's own: keys, logs, what nodes sent
    before = signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # ends the run as Ctrl-C does
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, before)
        os.umask(umask)


def _main(arguments: dict[str, Any]) -> int:
    if arguments["verb"] == "version":
        print(f"kbootstrap {__version__}")
        return int(ExitCode.DONE)
    if arguments["verb"] == "completion":
        print(import_module("shtab").complete(parser(), shell=arguments["shell"]))
        return int(ExitCode.DONE)
    return dispatch(_options(arguments))


def dispatch(options: RunOptions) -> int:
    """Run the command with a report; every error below ends here."""
    from kbootstrap.console.formatting import finding_lines  # noqa: PLC0415 - not for --help
    from kbootstrap.console.screens import make_screen  # noqa: PLC0415
    from kbootstrap.run.report import Report  # noqa: PLC0415

    try:
        report = Report(options, make_screen(options.verbose))
    except OSError as error:
        print("\n".join(finding_lines(_about_file(error).finding)), file=sys.stderr)
        return int(ExitCode.USAGE)
    status = int(ExitCode.INTERRUPTED)
    try:
        status = int(_run(options, report))
    except BrokenPipeError:
        sys.stderr.close()
        status = int(ExitCode.DONE)
    finally:
        report.close(status)
    return status


def _run(options: RunOptions, report: "Report") -> ExitCode:
    module, name = COMMANDS.get(options.command) or COMMANDS[options.verb]
    try:
        command: Callable[[RunOptions, Report], ExitCode] = getattr(
            import_module(f"kbootstrap.commands.{module}"), name
        )
        status = command(options, report)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - reported as an error of ours or of a file
        shown = _shown(error)
        report.ended(shown.exit_code)
        report.error(shown)
        return shown.exit_code
    return report.ended(status)


def _shown(error: Exception) -> KbError:
    """The error as users see it; of a bug with the traceback, which the log file then has too."""
    if isinstance(error, KbError):
        return error
    if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
        return _about_file(error)
    trace = "".join(traceback.format_exception(error))
    return InternalError(codes.BUG, f"{type(error).__name__}: {error}", detail=trace)


def _about_file(error: OSError) -> KbError:
    place = error.filename or "a file of this run"  # an error of a write does not name it
    return InventoryError(codes.NO_FILE, f"{place}: {(error.strerror or '').lower()}")


def _options(arguments: Mapping[str, Any]) -> RunOptions:
    known = {field.name for field in dataclasses.fields(RunOptions)}
    values = {key: value for key, value in arguments.items() if key in known}
    given = arguments.get("inventory") or arguments.get("inventory_flag")
    values["inventory"] = Path(given or os.environ.get(INVENTORY_VARIABLE) or INVENTORY)
    for key in ("nodes", "limit", "via", "arch"):
        values[key] = tuple(values.get(key) or ())
    if values["verb"] == "plan":
        values["dry_run"] = True
    return RunOptions(**values)
