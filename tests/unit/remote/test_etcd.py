"""etcd's members as its JSON gateway returns them, and the two changes made through it."""

from typing import Any, cast

import pytest

from kbootstrap import codes
from kbootstrap.action import AwaitEtcd, AwaitVoters, RemoveMember
from kbootstrap.errors import PhaseError, RefusedError
from kbootstrap.model.etcd import EtcdMember
from kbootstrap.remote.etcd import Etcd
from kbootstrap.remote.kubehttp import ApiError, TlsHttp

STATUS = {"header": {"revision": "7"}, "version": "3.6.4", "dbSize": "20480", "leader": "11"}


class Gateway:
    """The members of a cluster; each answers at its own address."""

    def __init__(self, count: int) -> None:
        self.members: list[dict[str, Any]] = [
            {
                "ID": str(10501334649042878790 + at),
                "name": f"cp{at}",
                "peerURLs": [f"https://192.0.2.1{at}:2380"],
                "clientURLs": [f"https://192.0.2.1{at}:2379"],
            }
            for at in range(1, count + 1)
        ]
        self.status: dict[str, list[dict[str, Any]]] = {}  # address -> answers, the last stays
        self.asked: list[str] = []
        self.refuses: ApiError | None = None

    def reach(self, host: str, port: int) -> TlsHttp:
        """Requests to one member."""
        assert port == 2379
        return cast("TlsHttp", Member(self, host))

    def etcd(self) -> Etcd:
        """Through the first member."""
        return Etcd("192.0.2.11", self.reach)


class Member:
    def __init__(self, gateway: Gateway, host: str) -> None:
        self._gateway, self._host = gateway, host

    def request(self, method: str, path: str, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Answer as etcd does."""
        gateway = self._gateway
        assert method == "POST"
        if path == "/v3/maintenance/status":
            answers = gateway.status.get(self._host, [STATUS])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if not answer:
                raise PhaseError(codes.ETCD_DOWN, "no answer")
            return answer
        gateway.asked.append(f"{self._host} {path} {body.get('ID', '')}".rstrip())
        if path == "/v3/cluster/member/remove":
            if gateway.refuses:
                raise gateway.refuses
            gateway.members = [m for m in gateway.members if m["ID"] != body["ID"]]
        return {"header": {}, "members": gateway.members}


def remove(gateway: Gateway, at: int) -> None:
    said = gateway.members[at]
    action = RemoveMember(why="x", member=said["ID"], name=said.get("name", "new"))
    gateway.etcd().perform(action)


def removed(gateway: Gateway) -> list[str]:
    return [line for line in gateway.asked if "remove" in line]


def test_members_are_asked_how_they_are() -> None:
    gateway = Gateway(3)
    gateway.members[1]["isLearner"] = True
    gateway.members[2] = {"ID": "5", "peerURLs": ["https://192.0.2.13:2380"]}

    found = gateway.etcd().members()

    assert found[0] == EtcdMember(
        id="10501334649042878791",
        name="cp1",
        peer_url="https://192.0.2.11:2380",
        client_url="https://192.0.2.11:2379",
        healthy=True,
        version="3.6.4",
        db_size=20480,
    )
    assert found[1].learner
    assert found[2] == EtcdMember(id="5", name="", peer_url="https://192.0.2.13:2380")
    assert found[2].label == "https://192.0.2.13:2380"


@pytest.mark.parametrize(
    "answer",
    [{}, {**STATUS, "leader": "0"}, {**STATUS, "errors": ["memberID:1 alarm:NOSPACE"]}],
    ids=["silent", "no leader", "alarm"],
)
def test_a_member_that_is_not_well(answer: dict[str, Any]) -> None:
    gateway = Gateway(3)
    gateway.status["192.0.2.12"] = [answer]
    assert [m.healthy for m in gateway.etcd().members()] == [True, False, True]


def test_a_dead_member_is_removed() -> None:
    gateway = Gateway(3)
    gateway.status["192.0.2.13"] = [{}]
    remove(gateway, 2)
    assert removed(gateway) == ["192.0.2.11 /v3/cluster/member/remove 10501334649042878793"]


def test_one_that_is_gone_will_do() -> None:
    gateway = Gateway(3)
    gateway.etcd().perform(RemoveMember(why="x", member="99", name="cp9"))
    assert removed(gateway) == []

    gateway.refuses = ApiError(404, "etcdserver: member not found")
    remove(gateway, 2)


def test_the_quorum_is_preserved() -> None:
    gateway = Gateway(3)
    gateway.status["192.0.2.12"] = [{}]
    with pytest.raises(RefusedError, match="not healthy: cp2") as caught:
        remove(gateway, 2)
    assert caught.value.code is codes.QUORUM
    assert removed(gateway) == []


def test_the_last_voter_stays() -> None:
    gateway = Gateway(2)
    gateway.members[1]["isLearner"] = True
    with pytest.raises(RefusedError, match="no member would be left"):
        remove(gateway, 0)


def test_what_etcd_says_is_reported() -> None:
    gateway = Gateway(3)
    gateway.refuses = ApiError(503, "etcdserver: unhealthy cluster")
    with pytest.raises(PhaseError, match="unhealthy cluster") as caught:
        remove(gateway, 2)
    assert caught.value.code is codes.ETCD_REFUSED


def test_waiting_ends_when_the_last_is_well() -> None:
    gateway = Gateway(3)
    gateway.status["192.0.2.13"] = [{}, {}, STATUS]
    gateway.etcd().perform(AwaitEtcd(why="x"))
    assert len(gateway.asked) == 3


def test_waiting_reports_which_are_not() -> None:
    gateway = Gateway(3)
    gateway.members[1]["isLearner"] = True
    gateway.status["192.0.2.13"] = [{}]
    with pytest.raises(PhaseError) as caught:
        gateway.etcd().perform(AwaitEtcd(why="x", seconds=0))
    assert caught.value.code is codes.ETCD_UNSETTLED
    assert caught.value.message == "after 0 s: cp2 (still a learner), cp3 (not healthy)"


NODES = (("192.0.2.11", "cp1"), ("192.0.2.12", "cp2"), ("192.0.2.13", "cp3"))


def blocked(gateway: Gateway, but: str, seconds: int = 0) -> None:
    action = AwaitVoters(why="x", but=but, nodes=NODES, seconds=seconds)
    gateway.etcd().perform(action)


def test_a_learner_that_blocks_a_join_is_named_with_its_node() -> None:
    gateway = Gateway(2)
    gateway.members.append({"ID": "9", "peerURLs": ["https://192.0.2.12:2380"], "isLearner": True})
    with pytest.raises(RefusedError) as caught:
        blocked(gateway, "192.0.2.13")
    assert caught.value.code is codes.LEARNER_LEFT
    assert caught.value.detail == "https://192.0.2.12:2380 (of cp2): it has never started"


def test_the_member_that_joins_does_not_block_itself() -> None:
    gateway = Gateway(2)
    gateway.members.append({"ID": "9", "peerURLs": ["https://192.0.2.13:2380"], "isLearner": True})
    blocked(gateway, "192.0.2.13")
