"""What a control plane's admin.conf can make the operator's kubectl do: nothing but log in."""

import base64
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap import codes, pki
from kbootstrap.errors import KbError, RefusedError, TrustError
from kbootstrap.remote import https
from kbootstrap.remote.credentials import admin_credentials, operator_kubeconfig
from kbootstrap.secret import Secret
from tests.standin.common.pki import Pair, Want, authority, issue

CA = authority("kubernetes", algorithm="ECDSA-P256")
OTHER = authority("kubernetes", algorithm="ECDSA-P256")
WANT = Want("kubernetes-admin", usages=("client",), algorithm="ECDSA-P256")
ADMIN, FORGED = issue(CA, WANT), issue(OTHER, WANT)
EXEC = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "command": "/bin/sh",
    "args": ["-c", "id >/tmp/pwned"],
    "interactiveMode": "Never",
}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def admin_conf(pair: Pair = ADMIN, ca: Pair = CA, *, key: str = "") -> dict[str, Any]:
    """As kubeadm writes it."""
    login = {
        "client-certificate-data": encoded(pair.cert_pem()),
        "client-key-data": encoded(key or pair.key_pem()),
    }
    server = {"certificate-authority-data": encoded(ca.cert_pem()), "server": "https://x:6443"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "demo", "cluster": server}],
        "contexts": [{"name": "a", "context": {"cluster": "demo", "user": "admin"}}],
        "current-context": "a",
        "users": [{"name": "admin", "user": login}],
    }


def built(config: Any, ca: str = "") -> str:
    text = config if isinstance(config, str) else yaml.safe_dump(config)
    ca = ca or CA.cert_pem()
    return operator_kubeconfig(Secret(text), name="demo", server="api.example:6443", ca_pem=ca)


def pem_of(text: str) -> str:
    return base64.b64decode(text).decode()


def test_it_holds_checked_parts_and_nothing_else() -> None:
    config = yaml.safe_load(built(admin_conf()))

    login, cluster = config["users"][0].pop("user"), config["clusters"][0].pop("cluster")
    assert config == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "demo"}],
        "contexts": [
            {
                "name": "kubernetes-admin@demo",
                "context": {"cluster": "demo", "user": "kubernetes-admin"},
            }
        ],
        "current-context": "kubernetes-admin@demo",
        "users": [{"name": "kubernetes-admin"}],
    }
    assert {*login} == {"client-certificate-data", "client-key-data"}
    assert cluster == {
        "certificate-authority-data": encoded(CA.cert_pem()),
        "server": "https://api.example:6443",
    }
    certificate, key = (pem_of(value) for value in login.values())
    assert certificate == ADMIN.cert_pem()
    assert pki.client_pair(certificate, key, CA.cert_pem())


def hostile() -> dict[str, Any]:
    """Everything that makes a client run or reach something else."""
    config = admin_conf()
    config["users"][0]["user"] |= {"exec": EXEC, "auth-provider": {"name": "x"}, "as": "root"}
    config["users"] += [{"name": "mallory", "user": {"exec": EXEC, "tokenFile": "/etc/shadow"}}]
    config["clusters"][0]["cluster"] |= {
        "server": "https://mallory.example",
        "proxy-url": "http://mallory.example",
        "tls-server-name": "mallory.example",
        "insecure-skip-tls-verify": True,
        "extensions": [{"name": "x", "extension": {}}],
    }
    config["contexts"] += [{"name": "m", "context": {"cluster": "demo", "user": "mallory"}}]
    return config | {"current-context": "m", "preferences": {"colors": True}, "extensions": []}


def test_nothing_of_a_hostile_admin_conf_is_taken_over() -> None:
    assert built(hostile()).replace(key_line(built(hostile())), "") == built(admin_conf()).replace(
        key_line(built(admin_conf())), ""
    )


def key_line(text: str) -> str:
    """The key of one curve point may be encoded in more than one way."""
    return next(line for line in text.splitlines() if "client-key-data" in line)


def test_text_around_the_certificate_is_left_out() -> None:
    config = admin_conf()
    config["users"][0]["user"]["client-certificate-data"] = encoded(
        f"exec: x\n{ADMIN.cert_pem()}\nmallory\n{FORGED.cert_pem()}"
    )
    login = yaml.safe_load(built(config))["users"][0]["user"]
    assert pem_of(login["client-certificate-data"]) == ADMIN.cert_pem()


def locked(pair: Pair) -> str:
    """Its key behind a passphrase, for which a client would ask the terminal."""
    form = serialization.PrivateFormat.PKCS8
    best = serialization.BestAvailableEncryption(b"x")
    return pair.key.private_bytes(serialization.Encoding.PEM, form, best).decode()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (admin_conf(ca=OTHER), "is not the cluster's sha256:"),
        (admin_conf(FORGED), "its certificate is not from the cluster's CA"),
        (admin_conf(key=FORGED.key_pem()), "its certificate is of another key"),
        (admin_conf(key=locked(ADMIN)), "unknown form"),
        (admin_conf(key="-----BEGIN EC PRIVATE KEY-----\nAAAA\n"), "admin.conf: "),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(config: Any, says: str) -> None:
    with pytest.raises(TrustError) as caught:
        built(config)

    assert caught.value.code is codes.LOGIN_MISMATCH
    assert says in caught.value.message


def without(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """An admin.conf with another value at one place."""
    config: Any = admin_conf()
    at = config
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return dict(config)


PATHS: tuple[tuple[Any, ...], ...] = (
    ("users",),
    ("users", 0),
    ("users", 0, "user"),
    ("users", 0, "user", "client-key-data"),
    ("users", 0, "user", "client-certificate-data"),
    ("clusters",),
    ("clusters", 0, "cluster"),
    ("clusters", 0, "cluster", "certificate-authority-data"),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)
TEXTS = (
    st.text()
    | st.sampled_from(("{}", "[]", "[" * 3000, "a: &a [*a]", "\x1b[2J", "1" * 6000, "!!python/x"))
    | st.builds(lambda path, value: yaml.dump(without(path, value)), st.sampled_from(PATHS), VALUES)
    | st.builds(
        lambda path, value: yaml.dump(without(path, base64.b64encode(value))),
        st.sampled_from(PATHS),
        st.binary() | st.sampled_from((b"-----BEGIN CERTIFICATE-----\n\xff", b"-----BEGIN \n")),
    )
)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_a_file_of_any_other_shape_is_named(text: str) -> None:
    """The login of the run itself reads the same file."""
    with pytest.raises(KbError) as caught:
        built(text)
    assert isinstance(caught.value, TrustError | RefusedError)
    with pytest.raises(RefusedError) as refused:
        https._context(admin_credentials(Secret(text)))  # noqa: SLF001 - without a server
    assert refused.value.code is codes.DAMAGED
