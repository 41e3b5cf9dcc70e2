"""The binary kube-apiserver: flags of the static pod manifest, HTTPS, watches."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.standin import stamp, switches
from tests.standin.common import flags, http, tls
from tests.standin.etcd.client import Etcd
from tests.standin.etcd.peers import EtcdError

from . import auth, bootstrap, errors, partial
from .api import Api, Request, yes
from .cache import PREFIX, Cache
from .errors import ApiError
from .managers import manager_of
from .registry import Registry, Where
from .special import Special

WATCH_SECONDS = 1800.0
LOG = "standinLog"  # in the status of a pod whose process ended
KNOWN = (  # what kubeadm writes, and what tests add
    "advertise-address allow-privileged authorization-mode bind-address client-ca-file"
    " enable-admission-plugins enable-bootstrap-token-auth etcd-cafile etcd-certfile etcd-keyfile"
    " etcd-servers kubelet-client-certificate kubelet-client-key kubelet-preferred-address-types"
    " proxy-client-cert-file proxy-client-key-file requestheader-allowed-names"
    " requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers"
    " requestheader-username-headers secure-port service-account-issuer service-account-key-file"
    " service-account-signing-key-file service-cluster-ip-range tls-cert-file"
    " tls-private-key-file profiling feature-gates v"
)
_HEALTH = ("/livez", "/readyz", "/healthz")


def version_info(version: str) -> dict[str, str]:
    major, minor, _ = version.lstrip("v").split(".", 2)
    return {
        "major": major,
        "minor": minor,
        "gitVersion": version,
        "gitCommit": stamp.COMMIT,
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.25.1",
        "compiler": "gc",
        "platform": "linux/"
        + {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64"),
    }


class ApiHandler(http.Handler):
    """One connection."""

    api: Api
    version: str

    def do_GET(self) -> None:  # noqa: N802
        self.handle_request()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def handle_request(self) -> None:
        body = self.body()
        if switches.get("api_down"):
            self.close_connection = True
            return
        time.sleep(float(switches.get("api_delay", 0)))
        try:
            self._answer(body)
        except ApiError as err:
            self.reply(err.code, err.status())
        except EtcdError as err:
            text = str(err)
            self.reply(500, ApiError(500, "", text).status())
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            self.reply(400, errors.bad(f"the request cannot be understood: {err!r}").status())

    def _user(self) -> auth.User:
        header = self.headers.get("Authorization") or ""
        if header.startswith("Bearer "):
            return self.api.auth.from_token(header.removeprefix("Bearer ").strip())
        if isinstance(self.connection, ssl.SSLSocket):
            certificate: Any = self.connection.getpeercert()
            if certificate:
                return auth.from_certificate(certificate["subject"])
        return auth.anonymous()

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        kind = self.headers.get("Content-Type") or "application/json"
        path = unquote(parts.path)
        user = self._user()
        agent = manager_of(self.headers.get("User-Agent") or "")
        method = self.command.replace("HEAD", "GET")
        request = Request(method, path, query, user, body, kind, agent)
        if not path.startswith(("/api/", "/apis/")) or self._is_document(path):
            self.api.auth.check(user, auth.Attributes("get", path=path))
            self._plain(request)
            return
        at = self.api.locate(path)
        if request.method == "GET" and yes(query, "watch"):
            self.api.authorize(request, at)
            self._watch(request, at)
        elif at.sub == "log":
            self.api.authorize(request, at)
            pod = self.api.registry.get(Where(at.resource, at.namespace, at.name))
            text = (pod.get("status") or {}).get(LOG) or f"{at.name} has nothing to say\n"
            self.reply(200, text, "text/plain")
        else:
            code, found = self.api.run(request, at)
            self.reply(code, partial.accepted(found, self.headers.get("Accept") or ""))

    @staticmethod
    def _is_document(path: str) -> bool:
        parts = [p for p in path.split("/") if p]
        return len(parts) <= (2 if parts[0] == "api" else 3)

    def _plain(self, request: Request) -> None:
        path = request.path.rstrip("/") or "/"
        if path.startswith(_HEALTH):
            healthy = self.api.registry.healthy()
            text = (
                "ok" if healthy else f"[-]etcd failed: reason withheld\n{path[1:]} check failed\n"
            )
            self.reply(200 if healthy else 500, text, "text/plain; charset=utf-8")
        elif path == "/version":
            self.reply(200, version_info(self.version))
        elif path == "/standin/changes":
            self._changes(request)
        elif path.startswith(("/api", "/apis")):
            self.reply(200, self.api.discover(path))
        elif path == "/":
            self.reply(200, {"paths": ["/api", "/apis", *_HEALTH, "/version"]})
        else:
            raise errors.unknown(f"{request.method} {path}")

    def _changes(self, request: Request) -> None:
        """Everything at once, for the controllers: all objects, then all changes."""
        cache, since = self.api.cache, int(request.query.get("since", -1))
        events = None if since < 0 else cache.wait(since, PREFIX, 10.0)
        with cache.changed:
            answer: dict[str, Any] = {"rev": cache.revision}
            if events is None:
                answer["objects"] = cache.objects
            else:
                answer["events"] = list(cache._after(since, PREFIX))  # noqa: SLF001
        self.reply(200, answer)

    # -- watches -----------------------------------------------------------------------------

    def _watch(self, request: Request, at: Where) -> None:
        test, cache = self.api.test(request), self.api.cache
        prefix = at.resource.prefix(at.namespace if at.resource.namespaced else "")
        wanted = request.query.get("resourceVersion", "")
        seconds = float(request.query.get("timeoutSeconds") or WATCH_SECONDS)
        deadline = time.monotonic() + seconds
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if wanted in {"", "0"}:
            revision, items = self.api.registry.list(at, test)
            for item in items:
                self._event("ADDED", item)
        else:
            revision = int(wanted)
        shown: set[str] = set()
        while time.monotonic() < deadline:
            wait = min(5.0, deadline - time.monotonic())
            events = cache.wait(revision, prefix, wait)
            if events is None:
                self._event("ERROR", errors.gone().status())
                break
            for event in events:
                revision = event["rev"]
                self._show(event, test(event["value"]), shown)
            if not events and cache.stopped:
                break
        self._chunk(b"")

    def _show(self, event: dict[str, Any], matches: bool, shown: set[str]) -> None:  # noqa: FBT001
        key, kind = event["key"], event["type"]
        if matches:
            shown.add(key)
            self._event(kind, event["value"])
        elif key in shown:  # it has left the selection
            shown.discard(key)
            self._event("DELETED", event["value"])

    def _event(self, kind: str, value: dict[str, Any]) -> None:
        self._chunk(json.dumps({"type": kind, "object": value}).encode() + b"\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


class ApiServer:
    """One server with its connection to etcd."""

    def __init__(self, options: dict[str, str], version: str) -> None:
        context = None
        if options.get("etcd-cafile"):
            ca = Path(options["etcd-cafile"]).read_text()
            pair = options["etcd-certfile"], options["etcd-keyfile"]
            context = tls.follow(tls.client(ca, *pair), *pair)
            context.check_hostname = False
        cidr = options.get("service-cluster-ip-range", "10.96.0.0/12")
        self.etcd = Etcd(options["etcd-servers"].split(","), context)
        self.cache = Cache(self.etcd)
        self.registry = Registry(self.etcd, self.cache, cidr)
        users = auth.Auth(self.cache)
        special = Special(self.registry)
        self.api = Api(self.registry, self.cache, users, special)
        port, bind = int(options.get("secure-port", "6443")), options.get("bind-address", "")
        bound = type("Bound", (ApiHandler,), {"api": self.api, "version": version})
        pair = options["tls-cert-file"], options["tls-private-key-file"]
        serving = tls.follow(tls.server(*pair, options["client-ca-file"]), *pair)
        self.first_objects = bootstrap.objects(cidr, options["advertise-address"], port)
        self.address = (bind, port) if bind not in {"", "0.0.0.0", "::"} else http.everywhere(port)  # noqa: S104
        self.server = http.Server(self.address, bound, serving)
        self.pair = options["tls-cert-file"], options["tls-private-key-file"]
        self.serving = serving

    def start(self) -> None:
        """Wait for etcd, then serve."""
        for step in (self.cache.start, self._bootstrap):
            while not _succeeds(step):
                time.sleep(0.2)
        self.server.start()
        threading.Thread(target=self._follow_files, daemon=True).start()

    def _follow_files(self) -> None:
        """A new pair is served without a restart; one that does not fit together is not."""
        seen = ""
        while True:
            with contextlib.suppress(OSError):
                now = "".join(Path(file).read_text() for file in self.pair)
                if now != seen:
                    self.serving.load_cert_chain(*self.pair)
                    seen = now
            time.sleep(0.5)

    def _bootstrap(self) -> None:
        bootstrap.ensure(self.registry, self.first_objects)

    def stop(self) -> None:
        self.cache.stopped = True
        self.server.stop()
        self.etcd.close()


def _succeeds(step: Callable[[], None]) -> bool:
    try:
        step()
    except (EtcdError, ApiError):
        return False
    return True


def main(argv: list[str]) -> int:
    """Serve until the process ends."""
    time.sleep(float(switches.get("api_start_delay", 0)))
    version = os.environ.get("STANDIN_COMPONENT_VERSION") or stamp.VERSION
    server = ApiServer(flags.simple(argv, KNOWN), version)
    server.start()
    while True:
        time.sleep(3600)
