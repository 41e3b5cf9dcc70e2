"""``unlock``: who holds the lock, and what a killed run left in the API; frees and deletes it."""

from collections.abc import Iterator

from kbootstrap.action import ApiAction, DeleteCerts, DeleteTokens
from kbootstrap.commands.confirm import ask
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.session import Session
from kbootstrap.errors import ExitCode, KbError
from kbootstrap.model.load import load
from kbootstrap.model.lock import Seen
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.remote.lock import Lease, Place
from phases import certificates, identity


def unlock(options: Options, report: Report) -> ExitCode:
    """A control plane that is down is told of; what it holds runs out by itself.

    Raises:
        KbError: no control plane answers, or the answer to the question was no.

    """
    cluster = load(options.inventory)
    session = Session(options, cluster, (identity.PHASE, certificates.PHASE), report.bus)
    try:
        session.survey(cluster.control_planes)
        if not session.snapshots:
            raise session.errors[0]
        found = _find(session)
        observed = _look(session)
        for place, seen in found:
            report.holder(place.name, seen)
        for leftover in observed.leftovers:
            report.note(leftover)
        does = list(_does(found, observed))
        if does and not options.yes:
            ask("; ".join(does), cluster.name)
        errors = [*_free(found), *_delete(session, observed)]
        report.line("nobody holds the lock" if not does else "" if errors else "freed")
        report.errors([*session.errors, *errors])
        return errors[0].exit_code if errors else ExitCode.DONE
    finally:
        report.end(session)
        session.close()


def _does(found: list[tuple[Place, Seen]], observed: Observed) -> Iterator[str]:
    if found:
        yield "the run that holds the lock will stop"
    if observed.leftovers:
        yield "the tokens and certificates named above are deleted, and a join that uses them fails"


def _find(session: Session) -> list[tuple[Place, Seen]]:
    try:
        session.access.api()
        return session.lock.found()
    except KbError as error:
        session.errors.append(error.at(Lease.name))
        return session.lock.found(lease=False)


def _look(session: Session) -> Observed:
    """The cluster, unless its API has just failed us."""
    if any(error.where.node == Lease.name for error in session.errors):
        return NOTHING
    try:
        return session.observe()
    except KbError as error:
        session.errors.append(error)
        return NOTHING


def _delete(session: Session, observed: Observed) -> list[KbError]:
    """As the phase cleanup of the next ``up`` would."""
    why = "a run that was killed left it"
    actions: list[ApiAction] = [
        DeleteTokens(why=why, node=n) for n in sorted(observed.token_owners)
    ]
    actions += [DeleteCerts(why=why)] if observed.certs_uploaded else []
    api = session.access.current()
    errors: list[KbError] = []
    for action in actions:
        try:
            if api is not None:
                api.perform(action, {})
        except KbError as error:
            errors.append(error.at(Lease.name))
    return errors


def _free(found: list[tuple[Place, Seen]]) -> list[KbError]:
    errors: list[KbError] = []
    for place, seen in found:
        try:
            place.free(seen.text)
        except KbError as error:
            errors.append(error.at(place.name))
    return errors
