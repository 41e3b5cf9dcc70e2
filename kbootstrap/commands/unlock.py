"""``unlock``: who holds the lock, and what a killed run left in the API; frees and deletes it."""

from kbootstrap.console.confirm import ask
from kbootstrap.errors import ExitCode
from kbootstrap.guards import unlock as guard
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.run.control_plane import refuse_foreign
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certificates, identity


def unlock(options: RunOptions, report: Report) -> ExitCode:
    """A control plane that is down is reported; its record ends by itself.

    Raises:
        KbError: no control plane answers, or the answer to the question was no.

    """
    cluster = load(options.inventory)
    run = Run(options, cluster, (identity.PHASE, certificates.PHASE), report.bus)
    with run, report.ending_with(run.connections.meter):
        run.probe(cluster.control_planes)
        if not run.probes:
            raise run.errors[0]
        found = guard.find(run)
        refuse_foreign(run, cluster.control_planes)
        observed = guard.observe(run)
        for place, state in found:
            report.holder(place.name, state)
        report.leftovers(observed)
        effects = list(guard.effects(found, observed))
        if effects and not options.yes:
            ask("; ".join(effects), cluster.name)
        errors = [*guard.free(found), *guard.delete_leftovers(run, observed)]
        report.line("the lock is free" if not effects else "" if errors else "freed")
        report.errors([*run.errors, *errors])
        return errors[0].exit_code if errors else ExitCode.DONE
