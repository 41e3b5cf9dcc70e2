"""What `unlock` finds, and how it frees and deletes it."""

from collections.abc import Iterator

from kbootstrap.action import ApiAction, DeleteCerts, DeleteTokens
from kbootstrap.errors import KbError
from kbootstrap.lock.places import Lease, LockPlace
from kbootstrap.lock.record import LockState
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.run.run import Run


def effects(found: list[tuple[LockPlace, LockState]], observed: Observed) -> Iterator[str]:
    """What the command does, for the question before."""
    if found:
        yield "the run that holds the lock will stop"
    if observed.leftovers:
        yield "the tokens and certificates named above are deleted, and a join that uses them fails"


def find(run: Run) -> list[tuple[LockPlace, LockState]]:
    """Every record of the lock; an API that does not answer goes to the run's errors."""
    try:
        run.api_connection.api()
        return run.lock.found()
    except KbError as error:
        run.errors.append(error.at(Lease.name))
        return run.lock.found(lease=False)


def observe(run: Run) -> Observed:
    """The cluster, unless its API has just failed."""
    if any(error.where.node == Lease.name for error in run.errors):
        return NOTHING
    try:
        return run.observe()
    except KbError as error:
        run.errors.append(error)
        return NOTHING


def delete_leftovers(run: Run, observed: Observed) -> list[KbError]:
    """Delete them as the phase cleanup of the next ``up`` would."""
    why = "a run that was killed left it"
    actions: list[ApiAction] = [
        DeleteTokens(why=why, node=n) for n in sorted(observed.token_owners)
    ]
    actions += [DeleteCerts(why=why)] if observed.certs_uploaded else []
    api = run.api_connection.current()
    errors: list[KbError] = []
    for action in actions:
        try:
            if api is not None:
                api.perform(action, {})
        except KbError as error:
            errors.append(error.at(Lease.name))
    return errors


def free(found: list[tuple[LockPlace, LockState]]) -> list[KbError]:
    """Remove these records, if they did not change."""
    errors: list[KbError] = []
    for place, state in found:
        try:
            place.free(state.text)
        except KbError as error:
            errors.append(error.at(place.name))
    return errors
