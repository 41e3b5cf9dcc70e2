"""Whatever known_hosts, ~/.ssh/config or a host certificate holds: no traceback, no false trust."""

import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kbootstrap import pki
from kbootstrap.errors import HostKeyError
from kbootstrap.model.ssh_target import NOT_IN_INVENTORY, SshTarget
from kbootstrap.remote.host_keys import HostKeys, Shown
from kbootstrap.remote.known_hosts import parse_key
from kbootstrap.remote.logins import FromSshConfig
from tests.attacks.fuzz import FUZZ, ends_with_a_code, text

KEY = parse_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA7Cbi5NWJlEdT4wPLrsXUXkTNTcsvXy3SWYbnzq1oz8")
NAMES = ("n1", "n2,!n1", "*", "|1|x|y", "[n1]:22", "|", "!", "ssh-n1")
WORDS = ("@revoked", "@cert-authority", "@", "#", "ssh-ed25519", "ecdsa-sha2-nistp256", *NAMES)
words = st.one_of(st.sampled_from((*WORDS, *KEY.text.split(), KEY.text)), text)
lines = st.lists(words, max_size=6).map(" ".join)
KEYWORDS = ("Host", "Match", "Include", "HostName", "Port", "User", "ProxyJump", "IdentityFile")
VALUES = ("*", "all", "exec", "host", "!user", "%h", "${HOME}", "a@b:1", "none", "~", "~x/y", '"')
settings_of_ssh = st.lists(
    st.tuples(
        st.sampled_from((*KEYWORDS, "UserKnownHostsFile", "HostKeyAlias", "IdentitiesOnly")),
        st.lists(st.one_of(st.sampled_from(VALUES), text), max_size=3).map(" ".join),
    ).map(" ".join),
    max_size=6,
)


@FUZZ
@given(st.lists(lines, max_size=5))
def test_known_hosts(tmp_path_factory: pytest.TempPathFactory, found: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz_known_hosts"
    path.write_bytes("\n".join(found).encode("utf-8", "surrogatepass"))

    try:
        HostKeys([path]).check(SshTarget(host="n1"), Shown(KEY))
    except HostKeyError:
        return
    assert any(KEY.text in line for line in found)  # it is trusted for a reason


@FUZZ
@given(settings_of_ssh)
@example(["Include a\0b"])
@example(["Include /"])
@example(["Include **"])
@example(["Port 0x16"])
@example(["IdentityFile ~nobody-here/x"])
def test_the_configuration_of_ssh(
    tmp_path_factory: pytest.TempPathFactory, found: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz_ssh_config"
    path.write_bytes("\n".join(found).encode("utf-8", "surrogatepass"))
    left_open = NOT_IN_INVENTORY | {"host", "port", "user", "key", "jump", "become"}
    target = SshTarget(host="192.0.2.1", left_open=left_open)
    logins = FromSshConfig(lambda _: None, lambda _: None, path)

    assert ends_with_a_code(lambda: logins.resolve(target, "n1")) in {"", "KB220"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good one, in its wire form."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("OpenSSH is not installed")
    place = tmp_path_factory.mktemp("certificate")
    for name in ("ca", "key"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / name)]
        subprocess.run(argv, check=True)
    argv = ["ssh-keygen", "-q", "-s", str(place / "ca"), "-h", "-I", "x", "-n", "n1"]
    subprocess.run([*argv, str(place / "key.pub")], check=True)
    kind, encoded = (place / "key-cert.pub").read_text().split()[:2]
    return _blob(kind, encoded)


def _blob(kind: str, encoded: str) -> bytes:
    return parse_key(f"{kind} {encoded}").blob


@FUZZ
@given(st.data())
def test_host_certificates(certificate: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(certificate) - 1))
    cut = data.draw(st.integers(at, len(certificate)))
    other = certificate[:at] + data.draw(st.binary(max_size=8)) + certificate[cut:]
    try:
        found = pki.host_certificate(other)
    except ValueError:
        return
    assert other == certificate
    assert found.refusal("n1", found.valid_from) == ""


@FUZZ
@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate(blob: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        pki.host_certificate(blob)
