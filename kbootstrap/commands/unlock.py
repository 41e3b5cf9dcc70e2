"""``unlock``: who holds the lock, on every control plane and in the API; frees it when told to."""

from kbootstrap.commands.confirm import ask
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.session import Session
from kbootstrap.errors import ExitCode, KbError
from kbootstrap.model.load import load
from kbootstrap.model.lock import Seen
from kbootstrap.remote.lock import Lease, Place
from phases import identity


def unlock(options: Options, report: Report) -> ExitCode:
    """A control plane that is down is told of; what it holds runs out by itself.

    Raises:
        KbError: no control plane answers, or the answer to the question was no.

    """
    cluster = load(options.inventory)
    session = Session(options, cluster, (identity.PHASE,), report.bus)
    try:
        session.survey(cluster.control_planes)
        if not session.snapshots:
            raise session.errors[0]
        found = _find(session)
        for place, seen in found:
            report.holder(place.name, seen)
        if found and not options.yes:
            ask("the run that holds the lock will stop", cluster.name)
        errors = _free(found)
        report.line("nobody holds the lock" if not found else "" if errors else "freed")
        report.errors([*session.errors, *errors])
        return errors[0].exit_code if errors else ExitCode.DONE
    finally:
        report.end(session)
        session.close()


def _find(session: Session) -> list[tuple[Place, Seen]]:
    try:
        session.access.api()
        return session.lock.found()
    except KbError as error:
        session.errors.append(error.at(Lease.name))
        return session.lock.found(lease=False)


def _free(found: list[tuple[Place, Seen]]) -> list[KbError]:
    errors: list[KbError] = []
    for place, seen in found:
        try:
            place.free(seen.text)
        except KbError as error:
            errors.append(error.at(place.name))
    return errors
