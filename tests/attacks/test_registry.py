"""A registry that lies: its texts, its silence, and what passes for an image of Kubernetes.

What is tested is what kbootstrap gives to a node and makes of the answers. That a runtime compares
digests, and which registry it asks, is seen on a real one in tests/e2e/test_rogue_registry.py.
"""

import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap import codes
from kbootstrap.console.screens import PlainScreen
from kbootstrap.errors import ExitCode, KbError
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.run.report import Report
from kbootstrap.runtime import containerd, crio
from tests.attacks import fuzz
from tests.attacks.release_site import dripping
from tests.attacks.rogue_registry import REPOSITORY, VERSION, RogueRegistry
from tests.load import within
from tests.unit.model.writing import found, inventory, problems

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
DENIED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\n"
TOKEN = "abcdef.0123456789abcdef"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06YWRtaW4ifQ.c2lnbmF0dXJlMTIzNDU2"


def failed(rogue_registry: RogueRegistry, seconds: int = 20) -> KbError:
    error = rogue_registry.pull(seconds)
    assert error is not None
    assert error.code is codes.IMAGE_PULL
    assert error.exit_code is ExitCode.FAILED
    return error


def test_what_is_missing_is_pulled(rogue_registry: RogueRegistry) -> None:
    names = ("kube-apiserver", "kube-proxy")
    images = [*map(rogue_registry.serve, names), rogue_registry.serve("etcd")]
    rogue_registry.lists(*images)
    rogue_registry.has([{"repoTags": [images[2]]}])

    assert rogue_registry.pull() is None
    assert rogue_registry.pulled == images[:2]
    assert rogue_registry.site.asked == [f"/v2/k8s/{name}/manifests/{VERSION}" for name in names]
    assert rogue_registry.site.logins == []


# ---- its texts

FORGED = {
    "a checksum": "KB-CHECKSUM https://dl.k8s.io/kubeadm has another sha256",
    "a line of ours": "\nKB-CHECKSUM https://dl.k8s.io/kubeadm has another sha256\n",
    "a line of the library": "\nkbootstrap: KB-UNSAFE /etc: other users can change it\n",
    "the workstation's disk": "\nKB-HERE cannot write /home: No space\n",
    "a version": "\nKB-VERSION kubeadm on this node is v1.2.3\n",
    "another CA": '\nerror: none of the public keys "sha256:00" are pinned\n',
    "the runtime": "validate CRI v1 runtime API",
    "a unit": "containerd.service does not answer at /run/x.sock",
    "a preflight error": "\n\t[ERROR Port-6443]: Port 6443 is in use\n",
    "a configuration": "strict decoding error",
    "a learner": "too many learner members",
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_text_of_a_registry_chooses_no_error(rogue_registry: RogueRegistry, kind: str) -> None:
    """Nor an exit status: a refused pull is no checksum that differs (8)."""
    image = rogue_registry.refuse("kube-apiserver", FORGED[kind])
    rogue_registry.lists(image)

    error = failed(rogue_registry)

    assert error.message == "pull: exit status 1"
    assert error.detail.endswith(f"cannot pull {image}")


def test_a_text_of_a_registry_is_harmless(
    rogue_registry: RogueRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\x1b]0;pwned\x07\x1b[2J\r\u202edenied\n2026-11-30T00:00:00 event=done\n"
    text += f"Bearer {JWT} {TOKEN}"
    rogue_registry.lists(rogue_registry.refuse("kube-apiserver", text))
    log = tmp_path / "log"
    report = Report(RunOptions(inventory=Path("x"), log_file=log), PlainScreen(2))

    report.error(failed(rogue_registry))
    report.close(0)

    shown = "".join(capsys.readouterr())
    assert "denied" in shown
    assert [c for c in shown if not c.isprintable() and c != "\n"] == []
    assert not [line for line in log.read_text().splitlines() if "event=" not in line[20:27]]
    for secret in (JWT, TOKEN):
        assert secret not in shown + log.read_text()


# ---- its silence


def forever(left: threading.Event, head: bytes) -> object:
    """An answer without an end; ``left`` is set when the client has gone."""
    drip = dripping(head, b"x", every=0.02)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        try:
            drip(handler)
        finally:
            left.set()

    return answer


@pytest.mark.parametrize("head", [OK, DENIED, b"HTTP/1.1 200 OK\r\n"])
def test_a_registry_without_end_ends_at_the_deadline(
    rogue_registry: RogueRegistry, head: bytes
) -> None:
    """With all processes of the pull, on the node."""
    left = threading.Event()
    rogue_registry.lists(rogue_registry.serve("etcd"), f"{REPOSITORY}/kube-apiserver:{VERSION}")
    rogue_registry.answer("kube-apiserver", VERSION, forever(left, head))  # type: ignore[arg-type]
    start = time.monotonic()

    error = failed(rogue_registry, seconds=2)

    assert time.monotonic() - start < within(15)
    assert error.message == "pull: exit status 124"
    assert left.wait(5)


# ---- what passes for an image


@pytest.mark.parametrize(
    "name",
    ["*", "/e*", "-h", "--creds=a:b", "$(touch pwned)", "a;b", "`id`", "a\\nb", "\x1b[2J", "é"],
)
def test_what_is_no_image_is_not_pulled(rogue_registry: RogueRegistry, name: str) -> None:
    rogue_registry.lists(rogue_registry.serve("etcd"), name)

    error = failed(rogue_registry)

    assert rogue_registry.pulled == []
    assert "is no image" in error.detail
    assert not rogue_registry.present()


def test_a_list_of_nothing_is_not_complete(rogue_registry: RogueRegistry) -> None:
    rogue_registry.lists()
    assert not rogue_registry.present()
    assert "no images" in failed(rogue_registry).detail


def test_why_kubeadm_lists_nothing_is_shown(rogue_registry: RogueRegistry) -> None:
    (rogue_registry.node / "broken").touch()
    assert "unable to list images: no such version" in failed(rogue_registry).detail


PAUSE = f"{REPOSITORY}/pause:3.10.1"
OTHER = f"{REPOSITORY}/other:1"


@pytest.mark.parametrize(
    "image",
    [
        {"repoTags": [OTHER], "spec": {"annotations": {"org.example.name": PAUSE}}},
        {"repoTags": [OTHER], "spec": {"annotations": {PAUSE: "x"}}},
        {"repoTags": [OTHER], "spec": {"annotations": {"x": f'  "{PAUSE}",\n'}}},
        {"repoTags": [f"{PAUSE}-rc.1", f"mirror.example/{PAUSE}"]},
        {"repoTags": [OTHER], "username": PAUSE},
    ],
)
def test_an_image_has_only_the_names_in_its_tags(
    rogue_registry: RogueRegistry, image: dict[str, object]
) -> None:
    """cri-o lists the annotations of an image's manifest too, which its registry wrote."""
    rogue_registry.serve("pause", "3.10.1")
    rogue_registry.lists(PAUSE)
    rogue_registry.has([image])
    assert not rogue_registry.present()
    assert rogue_registry.pull() is None
    assert rogue_registry.pulled == [PAUSE]

    rogue_registry.has([image, {"repoTags": ["x:1", PAUSE, "y:1"]}])
    assert rogue_registry.present()


# ---- the files of a node that name registries


def mirrors(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    return found(problems(tmp_path, inventory(f"registry: {{mirrors: [{text}]}}\n")))


def test_no_login_stands_in_an_inventory(tmp_path: Path) -> None:
    """It would be in plans and in a file that each user of a node can read."""
    said = mirrors(tmp_path, "{host: a.example, endpoints: ['https://me:secret@a.example']}")
    assert said == [("KB109", "registry.mirrors[0].endpoints[0]")]


@pytest.mark.parametrize("key", ["password", "identitytoken", "auth"])
def test_no_login_stands_in_the_settings_of_a_runtime(tmp_path: Path, key: str) -> None:
    registry_ = {"configs": {"a.example": {"auth": {key: "s3cret"}}}}
    runtime = {"settings": {"plugins": {"io.containerd.grpc.v1.cri": {"registry": registry_}}}}
    text = inventory(yaml.safe_dump({"runtime": runtime}))
    ((code, where),) = found(problems(tmp_path, text))
    assert code == "KB109"
    assert where.startswith("runtime.settings")


HOSTS = st.one_of(fuzz.text, st.from_regex(r"[a-z.:\[\]\"'\n%/_-]{1,20}", fullmatch=True))
URLS = st.builds(lambda a, b: f"{a}://{b}", st.sampled_from(["https", "http"]), HOSTS)


@fuzz.FUZZ
@given(host=HOSTS, urls=st.lists(URLS, max_size=2), ca=st.none() | HOSTS, insecure=st.booleans())
def test_a_registry_of_the_inventory_is_one_value_in_each_file(
    tmp_path_factory: pytest.TempPathFactory,
    host: str,
    urls: list[str],
    ca: str | None,
    *,
    insecure: bool,
) -> None:
    """It adds no line and no path; certificates are checked unless `insecure` is set."""
    path = tmp_path_factory.mktemp("x") / "inventory.yaml"
    section = {"host": host, "endpoints": urls, "ca_file": ca, "insecure": insecure}
    data = yaml.safe_load(inventory("")) | {"registry": {"mirrors": [section]}}
    path.write_text(yaml.safe_dump(data))
    try:
        cluster = load(path)
    except KbError:
        return
    (mirror,) = cluster.images.mirrors

    at = Path(containerd.hosts_path(mirror))
    assert (at.name, at.parent.parent) == ("hosts.toml", Path(containerd.CERTS))
    hosts = tomllib.loads(containerd.hosts_toml(mirror))
    assert set(hosts) == {"server", "host"}
    assert tuple(hosts["host"]) == mirror.endpoints
    assert hosts["server"] in mirror.endpoints
    for entry in hosts["host"].values():
        assert entry["capabilities"] == ["pull", "resolve"]
        assert entry.get("skip_verify", False) is insecure
    (table,) = tomllib.loads(crio.registries(cluster))["registry"]
    assert table["prefix"] == table["location"] == mirror.host
    assert insecure or not any(e["insecure"] for e in [table, *table.get("mirror", [])])
