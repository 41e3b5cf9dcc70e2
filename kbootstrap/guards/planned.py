"""What happens to a plan of `up` between its print and its first action."""

from kbootstrap.console.confirm import confirm_adoption, confirm_up
from kbootstrap.engine.plan import Plan
from kbootstrap.run.file_diffs import file_diffs
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.saved_plan import SavedPlan, changed


def settle(run: Run, report: Report, plan: Plan) -> None:
    """Show its files, save it or compare it with a saved one, ask before it disturbs what runs.

    Raises:
        RefusedError: KB413, the saved plan is another one; KB405, the answer was no.
        InventoryError: KB198, the file holds no plan.

    """
    options = run.options
    for one in file_diffs(run, plan) if options.diff else ():
        report.diff(one.node, one.path, one.lines)
    if options.save is not None:
        SavedPlan.of(run, plan).write(options.save)
        report.note(f"the plan is saved in {options.save} (0600)")
    if options.plan is not None:
        saved, now = SavedPlan.read(options.plan), SavedPlan.of(run, plan)
        report.stop_on(changed(saved, now))
        report.note(f"{options.plan}: {len(now.actions)} of {len(saved.actions)} actions are left")
    confirm_adoption(options, run.cluster, plan)
    confirm_up(options, run.cluster, plan, run.observe)
