"""The cluster's own etcd through its JSON gateway: members, health, removal.

The gateway writes 64-bit numbers as decimal strings and leaves out what is zero or empty.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from kbootstrap import codes
from kbootstrap.action import AwaitEtcd, AwaitVoters, EtcdAction, RemoveMember
from kbootstrap.errors import KbError, PhaseError, RefusedError
from kbootstrap.model.etcd import EtcdMember, can_leave, unsettled
from kbootstrap.remote.answers import checked, reading
from kbootstrap.remote.kubehttp import ApiError, TlsHttp
from kbootstrap.wait import until

PORT = 2379
MOST = 16  # members that are asked for their status at once
STATUS_SECONDS = 5  # for the status of one member
_NOT_FOUND = 404
_LIST = "/v3/cluster/member/list"
_REMOVE = "/v3/cluster/member/remove"
_STATUS = "/v3/maintenance/status"


class Etcd:
    """Reads and changes the members through one that is up.

    Args:
        address: of the member that lists all members.
        reach: host and port -> a client of the server there.

    """

    def __init__(self, address: str, reach: Callable[[str, int], TlsHttp]) -> None:
        self._address, self._reach = address, reach
        self._does: dict[type[EtcdAction], Callable[[Any], None]] = {
            RemoveMember: self._remove,
            AwaitEtcd: self._await,
            AwaitVoters: self._await_voters,
        }

    def members(self) -> tuple[EtcdMember, ...]:
        """All members now, with the status of each.

        Raises:
            PhaseError: KB360 or KB361, the members cannot be listed.

        """
        try:
            with reading("etcd's members"):
                found = self._ask(_LIST, {})["members"]
                with ThreadPoolExecutor(max_workers=min(len(found), MOST)) as pool:
                    return tuple(map(checked, pool.map(self._look, found)))
        except ApiError as error:
            raise PhaseError(codes.ETCD_REFUSED, f"listing the members: {error}") from error

    def perform(self, action: EtcdAction) -> None:
        """Apply one action.

        Raises:
            KbError: what went wrong, with etcd's message.

        """
        try:
            self._does[type(action)](action)
        except ApiError as error:
            raise PhaseError(codes.ETCD_REFUSED, f"{action.text}: {error}") from error

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        return self._reach(self._address, PORT).request("POST", path, body)

    def _look(self, said: dict[str, Any]) -> EtcdMember:
        url = next(iter(said.get("clientURLs") or ()), "")
        status = self._status(url) if url else {}
        return EtcdMember(
            id=str(said["ID"]),
            name=said.get("name", ""),
            peer_url=next(iter(said.get("peerURLs") or ()), ""),
            client_url=url,
            learner=bool(said.get("isLearner")),
            healthy=str(status.get("leader", "0")) != "0" and not status.get("errors"),
            version=status.get("version", ""),
            db_size=int(status.get("dbSize", 0)),
        )

    def _status(self, url: str) -> dict[str, Any]:
        """The status of a member; empty if it does not answer."""
        at = urlsplit(url)
        try:
            http = self._reach(at.hostname or "", at.port or PORT)
            status: dict[str, Any] = http.request(
                "POST", _STATUS, {}, patient=False, seconds=STATUS_SECONDS
            )
        except (ApiError, KbError):
            return {}
        return status

    def _remove(self, action: RemoveMember) -> None:
        members = self.members()
        if action.member not in {member.id for member in members}:
            return
        if not can_leave(members, action.member):
            ill = [m.label for m in members if m.id != action.member and not m.healthy]
            why = f"not healthy: {', '.join(ill)}" if ill else "no member would be left"
            raise RefusedError(codes.QUORUM, f"{action.text}: {why}")
        try:
            self._ask(_REMOVE, {"ID": action.member})
        except ApiError as error:
            if error.status != _NOT_FOUND:  # it is already removed
                raise

    def _await(self, action: AwaitEtcd) -> None:
        last: list[tuple[str, ...]] = [()]

        def settled() -> bool:
            last[0] = unsettled(self.members())
            return not last[0]

        if not until(settled, action.seconds):
            message = f"after {action.seconds} s: {', '.join(last[0])}"
            raise PhaseError(codes.ETCD_UNSETTLED, message)

    def _await_voters(self, action: AwaitVoters) -> None:
        names = dict(action.nodes)
        last: list[list[str]] = [[]]

        def none() -> bool:
            learners = (m for m in self.members() if m.learner and m.host != action.but)
            last[0] = [
                f"{m.label} (of {names.get(m.host, 'no node of the inventory')}): {m.ill}"
                for m in learners
            ]
            return not last[0]

        if not until(none, action.seconds):
            message = f"a member has been a learner for {action.seconds} s"
            raise RefusedError(codes.LEARNER_LEFT, message, detail="\n".join(last[0]))
