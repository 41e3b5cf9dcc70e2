"""An etcd that is not the cluster's own: what it holds of a cluster, and how that goes.

Tried on a gateway that does as etcd's, and on the real etcd where the lab has it.
"""

import base64
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from kbootstrap import codes
from kbootstrap.errors import PhaseError
from kbootstrap.model.etcd import Held
from kbootstrap.remote.credentials import Credentials
from kbootstrap.remote.external_etcd import ExternalEtcd
from kbootstrap.remote.kubehttp import ApiError, TlsHttp
from kbootstrap.secret import Secret
from tests.standin.common.pki import Want, authority, issue

REAL = Path("/opt/kbootstrap-lab/etcd/etcd")
OTHERS = {"/registry-b/minions/theirs": "x", "/registry0": "x", "/regis": "x", "foo": "x"}
OURS = {f"/registry/minions/node{at}": "x" for at in range(1, 8)} | {"/registry/pods/a/b": "x"}


def encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


class Gateway:
    """Keys in memory, asked as etcd's JSON gateway is."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.fails: Exception | None = None

    def request(self, method: str, path: str, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Answer as etcd does: numbers are strings, what is empty is left out."""
        assert method == "POST"
        if self.fails:
            raise self.fails
        ends = [base64.b64decode(body[name]).decode() for name in ("key", "range_end")]
        found = sorted(key for key in self.keys if ends[0] <= key < ends[1])
        if path == "/v3/kv/deleterange":
            for key in found:
                del self.keys[key]
            return {"header": {}, "deleted": str(len(found))} if found else {"header": {}}
        assert path == "/v3/kv/range"
        reply: dict[str, Any] = {"header": {}} | ({"count": str(len(found))} if found else {})
        if not body.get("count_only") and found:
            assert body["keys_only"]
            reply["kvs"] = [{"key": encoded(key)} for key in found[: body["limit"]]]
        return reply


@pytest.fixture
def fake() -> Callable[[str, int], TlsHttp]:
    gateway = Gateway()
    gateway.keys = dict(OURS | OTHERS)
    return lambda *_: cast("TlsHttp", gateway)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Callable[[str, int], TlsHttp]]:
    """The real etcd, with TLS both ways."""
    if not REAL.exists():
        pytest.skip(f"NOT RUN: the real etcd is not at {REAL}")
    ca = authority("etcd-ca", algorithm="ECDSA-P256")
    server = issue(
        ca, Want("etcd", usages=("server", "client"), sans=("127.0.0.1",), algorithm="ECDSA-P256")
    )
    client = issue(ca, Want("us", usages=("client",), algorithm="ECDSA-P256"))
    for name, text in (("ca", ca.cert_pem()), ("c", server.cert_pem()), ("k", server.key_pem())):
        (tmp_path / name).write_text(text)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        port, peer = one.getsockname()[1], two.getsockname()[1]
    url = f"https://127.0.0.1:{port}"
    words = (
        f"--data-dir {tmp_path}/data --listen-client-urls {url} --advertise-client-urls {url}"
        f" --listen-peer-urls http://127.0.0.1:{peer} --client-cert-auth"
        f" --initial-advertise-peer-urls http://127.0.0.1:{peer}"
        f" --initial-cluster default=http://127.0.0.1:{peer}"
        f" --trusted-ca-file {tmp_path}/ca --cert-file {tmp_path}/c --key-file {tmp_path}/k"
    )
    pair = Secret(client.cert_pem() + client.key_pem())
    login = Credentials(
        ca_pem=ca.cert_pem(), pair=pair, server_name="127.0.0.1", down=codes.ETCD_DOWN
    )
    http = TlsHttp(login, "127.0.0.1", port)
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen([str(REAL), *words.split()], stderr=log)
    try:
        for key, value in (OURS | OTHERS).items():  # the first one waits until it serves
            body = {"key": encoded(key), "value": encoded(value)}
            http.request("POST", "/v3/kv/put", body)
        yield lambda *_: http
    finally:
        process.terminate()
        process.wait(10)
        log.close()


@pytest.mark.parametrize("kind", ["fake", "real"])
def test_what_it_holds_is_counted_and_only_that_goes(
    kind: str, request: pytest.FixtureRequest
) -> None:
    etcd = ExternalEtcd(("https://127.0.0.1:1",), request.getfixturevalue(kind))
    some = tuple(f"node{at}" for at in range(1, 6))

    assert etcd.held("/registry") == Held(keys=8, nodes=some)
    assert etcd.held("/registry").text == f"8 keys, Nodes {', '.join(some)}"
    assert etcd.wipe("/registry") == 8
    assert etcd.held("/registry") == Held(keys=0)
    assert etcd.held("/registry-b") == Held(keys=1, nodes=("theirs",))


def test_the_first_endpoint_that_answers_is_asked() -> None:
    down, up = Gateway(), Gateway()
    down.fails = PhaseError(codes.ETCD_DOWN, "no answer")
    up.keys = dict(OURS)
    places = {"a": down, "b": up}
    urls = ("https://a:2379", "https://b:2379")

    def reach(host: str, port: int) -> TlsHttp:
        assert port == 2379
        return cast("TlsHttp", places[host])

    assert ExternalEtcd(urls, reach).held("/registry").keys == 8
    up.fails = ApiError(403, "etcdserver: permission denied")
    with pytest.raises(PhaseError) as caught:
        ExternalEtcd(urls[::-1], reach).held("/registry")
    assert caught.value.code is codes.ETCD_REFUSED
    assert "https://b:2379: etcdserver: permission denied" in caught.value.message
