"""Whom we believe: the same known_hosts for us and for `ssh`, host certificates, old algorithms."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.errors import HostKeyError, KbError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.protocol import Part
from tests.sshd.conftest import MakeHosts
from tests.sshd.server import Server, make_key, running

HELLO = [Part("hello", "kb_fact hello 1", "probe")]


def ssh_keygen(*arguments: object) -> None:
    subprocess.run(["ssh-keygen", "-q", *map(str, arguments)], check=True)


def certify(folder: Path, authority: Path, *options: str, kind: str = "ed25519") -> str:
    """Make a host key with a certificate in the server's directory; returns sshd's option."""
    folder.mkdir()
    key = make_key(folder / "host_key", kind)
    ssh_keygen("-s", authority, "-I", "host", *options, key)
    return f"HostCertificate {folder}/host_key-cert.pub"


def login(make_hosts: MakeHosts, target: SshTarget, known_hosts: Path, *, new: bool = False) -> str:
    """Return "ok", or the error's code and the whole of its text."""
    hosts = make_hosts(HostKeys([known_hosts], accept_new=new))
    try:
        return "ok" if hosts.connection(target, "n1").perform(HELLO, run_id="r").ok else "failed"
    except HostKeyError as error:
        return f"{error.code.id} {error.message} {error.detail}"


def ssh(server: Server, known_hosts: Path, alias: str) -> bool:
    """Whether `ssh` logs in."""
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        **({"HostKeyAlias": alias} if alias else {}),
    }
    argv = ["ssh", "-F", "none", "-i", server.client_key, "-p", server.port]
    argv += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(
        [*map(str, argv), "127.0.0.1", "true"], capture_output=True, check=False, timeout=60
    )
    return done.returncode == 0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("ca") / "ca")


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Server]:
    """A server with a certificate for ssh-gw and 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certified") / "sshd"
    option = certify(folder, authority, "-h", "-n", "ssh-gw,127.0.0.1,*.example.org")
    with running(folder, option) as server:
        yield server


def public(key: Path) -> str:
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


@pytest.mark.parametrize("alias", ["ssh-gw", "n1.example.org", "n1", ""])
@pytest.mark.parametrize(
    "lines",
    [
        "{alias} {key}",
        "{alias} {other}",
        "{capitals} {key}",
        "* {key}\n!{capitals},* {other}",
        "!{capitals},* {key}",
        "@revoked {alias} {key}\n{alias} {key}",
        "@revoked other {key}\n{alias} {key}",
        "@cert-authority {alias} {ca}",
        "@cert-authority *,!{alias} {ca}",
        "@cert-authority * {other}",
        "@cert-authority * {other}\n{alias} {key}",
        "@cert-authority * {ca}\n@revoked * {ca}",
        "@cert-authority * {ca}\n@revoked * {key}",
        "@cert-authority * {ca}\n{alias} {other}",
        "|1|x {key}\nrubbish\n{alias} {key}",
        "{alias} {key}\n|1|x {key}",
        "@nonsense {alias} {key}",
        "@cert-authority 127.0.0.1 {ca}",
        "127.0.0.1 {key}",
        "[127.0.0.1]:{port} {key}",
        "[127.0.0.1]:1 {key}",
        "",
    ],
)
def test_we_believe_whom_ssh_believes(
    make_hosts: MakeHosts,
    certified: Server,
    authority: Path,
    tmp_path: Path,
    alias: str,
    lines: str,
) -> None:
    known, name = tmp_path / "known_hosts", alias or f"[127.0.0.1]:{certified.port}"
    text = lines.format(
        alias=name,
        capitals=name.upper(),
        key=certified.host_key_line,
        ca=public(authority),
        other=public(certified.client_key),
        port=certified.port,
    )
    known.write_text(f"{text}\n")

    ours = login(make_hosts, certified.target(host_keys=(), host_key_alias=alias), known)

    assert (ours == "ok") is ssh(certified, known, alias), ours


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_certificates_of_each_kind(
    make_hosts: MakeHosts, tmp_path: Path, authority: Path, kind: str
) -> None:
    folder = tmp_path / "sshd"
    option = certify(folder, authority, "-h", "-n", "127.0.0.1", kind=kind)
    with running(folder, option) as server:
        target = server.target(host_keys=(), host_cas=(public(authority),))
        assert login(make_hosts, target, tmp_path / "none") == "ok"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("-h", "-n", "other"), "it is for other, not for 127.0.0.1"),
        (("-h",), "it is for no host, not for 127.0.0.1"),
        (("-h", "-n", "127.0.0.1", "-V", "20200101:20200102"), "it expired at 2020-01-0"),
        (("-h", "-n", "127.0.0.1", "-V", "20990101:20990102"), "it is valid from 20"),
    ],
)
@pytest.mark.parametrize("new", [False, True])
def test_a_certificate_that_proves_nothing(
    make_hosts: MakeHosts,
    tmp_path: Path,
    authority: Path,
    options: tuple[str, ...],
    why: str,
    *,
    new: bool,
) -> None:
    folder, known = tmp_path / "sshd", tmp_path / "known_hosts"
    option = certify(folder, authority, *options)
    known.write_text(f"@cert-authority * {public(authority)}\n")
    with running(folder, option) as server:
        result = login(make_hosts, server.target(host_keys=()), known, new=new)
        assert result.startswith("KB202")
        assert "a certificate authority is known for it, but the host's certificate " in result
        assert why in result
        assert "publickey" not in server.log()
    assert len(known.read_text().splitlines()) == 1


def test_an_authority_with_sha1(make_hosts: MakeHosts, tmp_path: Path) -> None:
    """As CASignatureAlgorithms of ssh, which then looks for the key itself."""
    rsa = make_key(tmp_path / "ca", "rsa")
    folder, known = tmp_path / "sshd", tmp_path / "known_hosts"
    option = certify(folder, rsa, "-t", "ssh-rsa", "-h", "-n", "127.0.0.1")
    known.write_text(f"@cert-authority * {public(rsa)}\n")
    with running(folder, option) as server:
        result = login(make_hosts, server.target(host_keys=()), known)
        assert "it is signed with SHA-1" in result


def test_a_host_without_a_certificate_is_no_new_host(
    make_hosts: MakeHosts, server: Server, authority: Path, tmp_path: Path
) -> None:
    """Or an attacker would leave the certificate out."""
    known = tmp_path / "known_hosts"
    known.write_text(f"@cert-authority * {public(authority)}\n")
    result = login(make_hosts, server.target(host_keys=()), known, new=True)
    assert result.startswith("KB202")
    assert "a certificate authority is known for it, but the host shows no certificate" in result
    assert "publickey" not in server.log()


def test_authorities_of_the_inventory_replace_the_files(
    make_hosts: MakeHosts, certified: Server, authority: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"* {certified.host_key_line}\n")
    wrong = certified.target(host_keys=(), host_cas=(public(certified.client_key),))
    assert login(make_hosts, wrong, known, new=True).startswith("KB202")
    known.write_text("")
    right = certified.target(host_keys=(), host_cas=(public(authority),))
    assert login(make_hosts, right, known) == "ok"


OLD = [
    ("Ciphers", "3des-cbc"),
    ("Ciphers", "aes128-cbc,aes192-cbc,aes256-cbc"),
    ("MACs", "hmac-md5,hmac-md5-96"),
    ("MACs", "hmac-sha1,hmac-sha1-96"),
    ("KexAlgorithms", "diffie-hellman-group1-sha1,diffie-hellman-group14-sha1"),
    ("KexAlgorithms", "diffie-hellman-group-exchange-sha1"),
    ("HostKeyAlgorithms", "ssh-rsa"),
]


@pytest.mark.parametrize(("option", "names"), OLD)
def test_old_algorithms_are_not_used(
    make_hosts: MakeHosts, tmp_path: Path, option: str, names: str
) -> None:
    folder = tmp_path / "sshd"
    folder.mkdir()
    make_key(folder / "host_key", "rsa")
    ciphers = ["Ciphers aes128-ctr"] if option == "MACs" else []  # GCM needs no MAC
    with running(folder, f"{option} {names}", *ciphers) as server:
        hosts = make_hosts()
        with pytest.raises(KbError) as caught:
            hosts.connection(server.target(), "n1").perform(HELLO, run_id="r")
        assert caught.value.code.id == "KB210"
        assert "publickey" not in server.log()


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("Ciphers", "aes256-gcm@openssh.com"),
        ("Ciphers", "aes256-ctr"),
        ("MACs", "hmac-sha2-512-etm@openssh.com"),
        ("MACs", "hmac-sha2-256"),
        ("KexAlgorithms", "curve25519-sha256@libssh.org"),
        ("KexAlgorithms", "ecdh-sha2-nistp521"),
    ],
)
def test_present_algorithms_are(
    make_hosts: MakeHosts, tmp_path: Path, option: str, names: str
) -> None:
    ciphers = ["Ciphers aes128-ctr"] if option == "MACs" else []
    with running(tmp_path / "sshd", f"{option} {names}", *ciphers) as server:
        reply = make_hosts().connection(server.target(), "n1").perform(HELLO, run_id="r")
        assert reply.ok
