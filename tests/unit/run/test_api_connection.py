"""The way to the API: found once for all threads, left when its control plane dies, closed."""

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from kbootstrap.engine.probe import ProbeResult, ProbeResults
from kbootstrap.errors import PhaseError
from kbootstrap.remote import kubehttp
from kbootstrap.remote.hosts import Hosts
from kbootstrap.run import api_connection as module
from kbootstrap.run.api_connection import ApiConnection
from kbootstrap.run.cluster_api import ClusterApi
from kbootstrap.secret import Secret
from phases import identity, init, join
from tests.laws.clusters import CA as CA_PEM
from tests.laws.clusters import OTHER_CA, cluster
from tests.standin.common.pki import Want, authority, issue

CA = authority("kubernetes", algorithm="ECDSA-P256")
ADMIN = issue(CA, Want("kubernetes-admin", usages=("client",), algorithm="ECDSA-P256"))
SERVER = issue(
    CA, Want("kube-apiserver", usages=("server",), sans=("kubernetes",), algorithm="ECDSA-P256")
)
HA = cluster("ha")
NAMES = tuple(node.name for node in HA.control_planes)


class Server:
    """An API server that answers every request with its own name, or not at all."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.status, self.asked = name, 200, 0
        self.hangs = False
        self.entered, self.released = threading.Event(), threading.Event()
        pem = folder / f"{name}.pem"
        pem.write_text(SERVER.cert_pem() + SERVER.key_pem())
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pem)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.listener.getsockname()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with self._tls.wrap_socket(connection, server_side=True) as secure:
                while secure.recv(65536):
                    self._answer(secure)
        except OSError:
            return

    def _answer(self, secure: ssl.SSLSocket) -> None:
        self.asked += 1
        self.entered.set()
        if self.hangs:
            self.released.wait(30)
        if self.hangs or self.status == 0:
            secure.close()
            return
        body = json.dumps({"name": self.name, "message": "not well"}).encode()
        head = f"HTTP/1.1 {self.status} X\r\nContent-Type: application/json\r\n"
        secure.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


@dataclass
class Tunnels:
    """The connections of a run: a tunnel to each control plane, counted."""

    servers: dict[str, Server]
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    _name: str = ""

    def connection(self, target: object, name: str) -> "Tunnels":
        del target
        return Tunnels(self.servers, self.opened, self.closed, name)

    @contextmanager
    def forward(self, host: str, port: int) -> Iterator[Server]:
        del host, port
        self.opened.append(self._name)
        try:
            yield self.servers[self._name]
        finally:
            self.closed.append(self._name)

    @property
    def open(self) -> list[str]:
        """Those that were not closed."""
        left = list(self.opened)
        for name in self.closed:
            left.remove(name)
        return left


@dataclass
class World:
    tunnels: Tunnels
    access: ApiConnection
    probes: ProbeResults
    notes: list[str]

    @property
    def servers(self) -> dict[str, Server]:
        return self.tunnels.servers

    def known(self, *names: str, run: str = "ok") -> None:
        """Have these been probed."""
        self.probes.update({name: snapshot(run) for name in names})

    def who(self) -> str:
        """Who answers now."""
        return str(api_of(self.access).kube.http.request("GET", "/whoami")["name"])


def api_of(access: ApiConnection) -> ClusterApi:
    api = access.api()
    assert api is not None
    return api


def snapshot(run: str = "ok") -> ProbeResult:
    encoded = {
        name: base64.b64encode(text.encode()).decode()
        for name, text in (("ca", CA.cert_pem()), ("c", ADMIN.cert_pem()), ("k", ADMIN.key_pem()))
    }
    config = {
        "clusters": [{"cluster": {"certificate-authority-data": encoded["ca"]}}],
        "users": [
            {
                "user": {
                    "client-certificate-data": encoded["c"],
                    "client-key-data": encoded["k"],
                }
            }
        ],
    }
    facts = {
        identity.PHASE.id: identity.Facts(
            marker=HA.name, control_plane=True, ca=tuple(CA_PEM.splitlines())
        ),
        init.PHASE.id: init.Facts(run=run),
        join.CONTROL_PLANE.id: join.Facts(run="ok"),
    }
    return ProbeResult(facts=facts, kubeconfig=Secret(yaml.safe_dump(config)), state="", at=0)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(kubehttp, "TRANSIENT_SECONDS", 10)
    monkeypatch.setattr(kubehttp, "REQUEST_SECONDS", 1)
    monkeypatch.setattr(module, "OTHER_SECONDS", 1)
    tunnels = Tunnels({name: Server(name, tmp_path) for name in NAMES})
    notes: list[str] = []
    probes = ProbeResults(HA)
    access = ApiConnection(HA, cast("Hosts", tunnels), probes, note=notes.append)
    with closing(access):
        yield World(tunnels, access, probes, notes)
    for server in tunnels.servers.values():
        server.released.set()
        server.listener.close()


def eventually(truth: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while not truth() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return truth()


DEATHS: dict[str, Any] = {
    "no answer": {"hangs": True},
    "hangs up": {"status": 0},
    "is not well": {"status": 503},
}


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("patient", [True, False])
def test_when_the_control_plane_in_use_dies_another_one_is_used(
    world: World, death: str, *, patient: bool
) -> None:
    world.known("cp1", "cp2")
    assert (world.who(), world.access.in_use()) == ("cp1", ("cp1", CA_PEM))
    vars(world.servers["cp1"]).update(DEATHS[death])

    http = api_of(world.access).kube.http
    answer = http.request("GET", "/whoami", patient=patient, seconds=1)

    assert answer["name"] == "cp2"
    assert world.access.in_use() == ("cp2", CA_PEM)
    assert world.access.through == "cp2"
    (note,) = world.notes
    assert "cp1" in note
    assert "cp2" in note
    world.servers["cp1"].released.set()
    assert eventually(lambda: world.tunnels.open == ["cp2"])


def test_the_login_and_the_cas_that_a_node_has_now_are_used(world: World) -> None:
    """A rotation of the CAs replaces them during a run; another probe of the same ones does not."""
    world.known("cp1", "cp2")
    world.who()
    world.known("cp1")
    assert world.who() == "cp1"
    assert world.tunnels.opened == ["cp1"]

    now = snapshot()
    both = tuple((CA_PEM + OTHER_CA).splitlines())
    ours = replace(now.facts[identity.PHASE.id], ca=both)
    world.probes.update({"cp1": replace(now, facts={**now.facts, identity.PHASE.id: ours})})

    assert world.who() == "cp1"
    assert world.access.in_use() == ("cp1", CA_PEM + OTHER_CA)
    assert world.tunnels.opened == ["cp1", "cp1"]
    assert eventually(lambda: world.tunnels.open == ["cp1"])


def test_all_threads_that_wait_move_together(world: World) -> None:
    world.known("cp1", "cp2")
    world.who()
    world.servers["cp1"].hangs = True
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: world.who(), range(8))) == {"cp2"}
    assert len(world.notes) == 1
    assert world.tunnels.opened == ["cp1", "cp2"]


def test_no_control_plane_is_contacted_that_was_not_probed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubehttp, "TRANSIENT_SECONDS", 2)
    world.known("cp1")
    world.who()
    world.servers["cp1"].status = 503

    with pytest.raises(PhaseError) as caught:
        world.who()

    assert caught.value.code.id == "KB330"
    assert world.tunnels.opened == ["cp1"]
    assert world.notes == []


def test_one_that_leaves_or_is_half_done_is_not_gone_to(tmp_path: Path) -> None:
    tunnels = Tunnels({name: Server(name, tmp_path) for name in NAMES})
    probes = ProbeResults(HA)
    access = ApiConnection(HA, cast("Hosts", tunnels), probes, without=frozenset({"cp2"}))
    probes.update({"cp1": snapshot(), "cp2": snapshot(), "cp3": snapshot("running")})
    with closing(access):
        http = api_of(access).kube.http
        http.request("GET", "/x")
        tunnels.servers["cp1"].status = 503
        with pytest.raises(kubehttp.ApiError):
            http.request("GET", "/x", patient=False)
        assert tunnels.opened == ["cp1"]
    assert tunnels.open == []


def test_when_none_answers_it_stays_and_continues_where_the_first_comes_back(world: World) -> None:
    world.known("cp1", "cp2")
    world.who()
    for name in ("cp1", "cp2"):
        world.servers[name].status = 503
    http = api_of(world.access).kube.http
    with pytest.raises(kubehttp.ApiError):
        http.request("GET", "/x", patient=False)
    assert eventually(lambda: world.tunnels.open == ["cp1"])
    world.servers["cp1"].status = 200
    assert world.who() == "cp1"
    assert world.notes == []


def test_a_refusal_is_an_answer(world: World) -> None:
    world.known("cp1", "cp2")
    world.who()
    world.servers["cp1"].status = 404
    with pytest.raises(kubehttp.ApiError):
        world.who()
    assert world.tunnels.opened == ["cp1"]


def test_who_lets_go_moves_nowhere(world: World) -> None:
    world.known("cp1", "cp2")
    world.who()
    world.access.give_up()
    world.servers["cp1"].status = 503
    with pytest.raises(kubehttp.ApiError):
        world.who()
    assert world.tunnels.opened == ["cp1"]


# ---- before one is found


def test_while_one_thread_dials_the_others_share_what_comes_of_it(world: World) -> None:
    """The init of cp1 is half done, and its API gives no answer yet."""
    world.known("cp1", run="lost")
    server = world.servers["cp1"]
    server.hangs = True
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(world.access.api)
        assert server.entered.wait(10)
        rest = [pool.submit(world.access.api) for _ in range(7)]
        world.probes.update({"w1": snapshot()})  # no thread that learns of it has to wait
        assert not first.done()
        server.released.set()
        assert {one.result(10) for one in (first, *rest)} == {None}
    assert server.asked == 1
    assert eventually(lambda: world.tunnels.open == [])


def test_who_has_learnt_more_does_not_take_the_answer_of_before(world: World) -> None:
    world.known("cp1", run="lost")
    server = world.servers["cp1"]
    server.hangs = True
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(world.access.api)
        assert server.entered.wait(10)
        server.hangs = False
        world.known("cp1", run="ok")
        second = pool.submit(world.access.api)
        server.released.set()
        assert second.result(10) is not None
        first.result(10)


def test_a_try_that_fails_leaves_nothing_open(world: World) -> None:
    world.known("cp1", run="lost")
    world.servers["cp1"].status = 0
    for _ in range(3):
        assert world.access.api() is None
    assert world.tunnels.opened == ["cp1"] * 3
    assert eventually(lambda: world.tunnels.open == [])


def test_the_way_over_new_connections_begins_where_the_old_one_was(world: World) -> None:
    world.known("cp1", "cp2")
    world.who()
    world.servers["cp1"].hangs = True
    assert world.who() == "cp2"
    again = Tunnels(world.servers)
    with closing(world.access.anew(cast("Hosts", again))) as access:
        assert api_of(access).kube.http.request("GET", "/whoami")["name"] == "cp2"
    assert again.opened == ["cp2"]
