"""The lock of one run: looked for in the survey, held while a plan is carried out, freed.

It lives in several places (`kbootstrap.remote.lock`): a record on each control plane the run
speaks to anyway, and a Lease once there is an API. They are taken one after the other in
the order of the inventory, so of two runs one gets all it needs.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from kbootstrap.codes import INTERRUPTED, LOST
from kbootstrap.commands.access import Access
from kbootstrap.commands.keeper import Keeper, Names, refused
from kbootstrap.commands.operator import alive, this_run
from kbootstrap.commands.two_ways import TwoWays, Wire
from kbootstrap.errors import InterruptedRunError, KbError, LostError, PhaseError
from kbootstrap.model.cluster import Node
from kbootstrap.model.lock import PATH, Seen, Standing, standing
from kbootstrap.remote.hosts import Hosts
from kbootstrap.remote.lock import LEASE, Lease, Place, Record
from kbootstrap.remote.protocol import Reply

if TYPE_CHECKING:
    from kbootstrap.commands.session import Session

MUTATING = frozenset(
    {"up", "join", "reset", "etcd", "upgrade"}
)  # verbs that stop at somebody else's lock
Places = dict[str, Callable[[], Place | None]]


def exclusive(fresh: Names, taken: Names, planes: Iterable[str]) -> bool:
    """Whether every other run still meets a record of this run that counts (docs/lock.md).

    Another run takes every place it reaches, and gets the lock when all of them have expired.
    Which ones it reaches is not known, but each run that finds an API takes the Lease: a fresh
    Lease is enough. Otherwise the API may answer others, through any control plane: every
    control plane must hold a fresh record, also those this run never wrote to. While no Lease
    was ever taken there is no API yet, and a run without one goes through the first control
    plane, which is to be initialised.

    Args:
        fresh: places whose record was renewed in time.
        taken: places where this run wrote a record.
        planes: names of all control planes, in the order of the inventory.

    """
    if Lease.name in taken:
        return Lease.name in fresh or set(planes) <= fresh
    first = next(iter(planes))
    return ({first} if first in taken else taken) <= fresh


class RunLock:
    """The lock, as one run sees it."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._claim = this_run(session.run_id)

    @property
    def text(self) -> str:
        """For the plan: what is held while it is carried out."""
        names = ", ".join(node.name for node in self._nodes())
        lease = f", Lease {LEASE}" if self._session.access.possible else ""
        return f"the lock is held meanwhile: {PATH} on {names}{lease}"

    def gate(self, place: str) -> Callable[[Seen], None] | None:
        """What stops a mutating verb at somebody else's lock, before anything else is asked.

        It raises RefusedError, KB410.
        """
        options = self._session.options
        if options.dry_run or options.verb not in MUTATING:
            return None

        def stop(seen: Seen) -> None:
            if self._is_held(seen):
                raise refused(place, seen)

        return stop

    def tell(self, place: str, seen: Seen) -> None:
        """A dry run goes on, and says that somebody is at work."""
        if self._session.options.dry_run and self._is_held(seen):
            self._session.bus.note("", "", f"at work ({place}): {seen.who}")

    def look_at_lease(self) -> None:
        """Stop at the Lease too, if the API answers.

        Raises:
            RefusedError: KB410.

        """
        lease = _lease(self._session.access)
        gate = self.gate(Lease.name)
        if lease is None or gate is None:
            return
        try:
            seen = lease.look()
        except KbError:
            return  # asked again before it is taken
        gate(seen)

    def _is_held(self, seen: Seen) -> bool:
        return standing(seen, self._claim, alive) is Standing.HELD

    def found(self, *, lease: bool = True) -> list[tuple[Place, Seen]]:
        """Every record of the lock, whoever's, on the nodes surveyed and in the API.

        Raises:
            KbError: the API does not answer.

        """
        session = self._session
        places = self._places(session.hosts, lambda: _lease(session.access) if lease else None)
        found: list[tuple[Place, Seen]] = []
        for make in places.values():
            if (place := make()) is not None:
                snapshot = session.snapshots.get(place.name)
                found.append((place, snapshot.lock if snapshot else place.look()))
        return [(place, seen) for place, seen in found if seen.text]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Take it, renew it, free it.

        Raises:
            RefusedError: KB410, somebody else holds it.

        """
        session = self._session
        planes = [node.name for node in session.cluster.control_planes]
        keeper = Keeper(
            self._claim,
            alive,
            lambda text: session.bus.note("", "", text),
            session.give_up,
            lambda fresh: exclusive(fresh, keeper.taken, planes),
        )
        try:
            try:
                self._take(keeper)
            except KbError as error:
                if session.interrupted:
                    raise InterruptedRunError(INTERRUPTED, "stopped before it began") from error
                raise
            yield
        except KeyboardInterrupt:  # a second signal ends at once: the lock runs out by itself
            keeper.ended.set()
            raise
        except BaseException:
            self._free(keeper)
            raise
        self._free(keeper)

    def _take(self, keeper: Keeper) -> None:
        """Every place, and then keep them."""
        session = self._session
        places = [self._record(session.hosts, node) for node in self._nodes()]
        for place in places:
            try:
                keeper.take(place, session.snapshots[place.name].lock)
            except KbError as error:
                error.at(place.name, "lock")
                raise
            keeper.keep(place)
        if not self._take_lease(keeper):
            keeper.keep_later(lambda: _lease(session.access))
        keeper.watch()

    def _take_lease(self, keeper: Keeper) -> bool:
        """Whether there is an API that answers; one that does not comes later."""
        lease = _lease(self._session.access)
        with suppress(PhaseError):
            if lease is not None:
                keeper.take(lease)
                keeper.keep(lease)
                return True
        return False

    def _free(self, keeper: Keeper) -> None:
        """Over new connections if ours are closed."""
        session = self._session
        if not session.interrupted:
            keeper.free(self._places(session.hosts, lambda: _lease(session.access)))
            return
        hosts = session.new_hosts()
        access = session.access.anew(hosts)
        had = session.access.current() is not None
        try:
            keeper.free(self._places(hosts, lambda: _connected(access) if had else None))
        finally:
            access.close()
            hosts.close()

    def _nodes(self) -> list[Node]:
        """The control planes this run speaks to anyway; one that is gone said nothing."""
        known = self._session.snapshots
        planes = self._session.cluster.control_planes
        return [n for n in planes if n.name in known and known[n.name].facts]

    def _places(self, hosts: Hosts, lease: Callable[[], Place | None]) -> Places:
        """In the order of the inventory, so that all runs take them in the same one."""
        records: Places = {n.name: partial(self._record, hosts, n) for n in self._nodes()}
        return records | {Lease.name: lease}

    def _record(self, hosts: Hosts, node: Node) -> Record:
        session = self._session

        def spare(use: Callable[[Wire], Reply]) -> Reply:
            if session.interrupted:
                raise LostError(LOST, "the connection was closed by this run")
            with closing(session.new_hosts()) as anew:
                return use(anew.connection(node.ssh, node.name))

        wire = TwoWays(hosts.connection(node.ssh, node.name), spare)
        return Record(wire, node.name, session.run_id, leaving=node.name in session.leaving)


def _lease(access: Access) -> Lease | None:
    """Through the API this run has found already; it connects to none."""
    api = access.current()
    return Lease(api.http) if api else None


def _connected(access: Access) -> Lease | None:
    access.api()
    return _lease(access)
