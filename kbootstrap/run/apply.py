"""Applies a plan while the lock is held, and turns its outcomes into an exit status.

Called by the commands that change something, after the plan was printed and confirmed.
"""

from contextlib import ExitStack

from kbootstrap import codes
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.runner import Outcome, Runner
from kbootstrap.errors import ExitCode
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.signals import on_signal

_NOT_LOCKED = "the lock is not taken after {} s".format


def apply(run: Run, plan: Plan, report: Report) -> ExitCode:
    """Apply the plan, unless it is empty or only to be printed.

    Raises:
        KbError: another run holds the lock (KB410), or took it (KB411, KB412).

    """
    options = run.options
    if not plan.changes:
        return ExitCode.NOTHING_TO_DO if options.exit_code else ExitCode.DONE
    if options.dry_run:
        return ExitCode.CHANGES_PENDING if options.exit_code else ExitCode.DONE
    run.outcomes = perform(run, plan)
    report.outcomes(run.outcomes)
    if run.lost is not None:
        raise run.lost
    if run.stopping():
        return ExitCode.INTERRUPTED
    errors = [outcome.error for outcome in run.outcomes if outcome.error is not None]
    first = next((e for e in errors if e.code is not codes.BLOCKED), None)
    report.done(ok=first is None)
    return first.exit_code if first else ExitCode.DONE


def perform(run: Run, plan: Plan) -> tuple[Outcome, ...]:
    """Every step of the plan, while the lock is held; a signal releases the nodes."""
    run.begin_apply()
    with on_signal(run.interrupt), ExitStack() as held:
        with run.watch.during("", "", _NOT_LOCKED):
            held.enter_context(run.lock.held(run.give_up))
        return Runner(run, plan, run.options.forks).run()
