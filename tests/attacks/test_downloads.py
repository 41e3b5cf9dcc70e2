"""A release site that lies, and who is on the way to it."""

import os
import resource
import socket
import threading
import time
from pathlib import Path

import pytest

from kbootstrap.artifacts import downloads, https
from kbootstrap.errors import KbError, PhaseError, TrustError
from kbootstrap.model.load import load
from kbootstrap.run import local_inputs
from tests.attacks.release_site import Answer, ReleaseSite, dripping, flooding, writing
from tests.load import within
from tests.unit.model.writing import inventory

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HEX = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second instead of a minute."""
    monkeypatch.setattr(https, "GRACE", 0.5)
    monkeypatch.setattr(https, "STEP_SECONDS", 2)


def refused(site: ReleaseSite, answer: Answer, most: int = downloads.TEXT_BYTES) -> KbError:
    """The error of reading this answer, which comes in no time and takes no memory."""
    site.answer("/x", answer)
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(KbError) as caught:
        downloads.read(f"{site.https}/x", most)
    assert time.monotonic() - start < within(5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB
    assert f"{site.https}/x" in caught.value.message
    return caught.value


ENDLESS = {
    "body": flooding(OK + b"\r\n", bytes(65536)),
    "body with a length": flooding(OK + b"Content-Length: 99999999999\r\n\r\n", bytes(65536)),
    "chunks": flooding(CHUNKED, b"8000\r\n%b\r\n" % bytes(32768)),
    "chunk size": flooding(CHUNKED, b"0" * 4096),
    "headers": flooding(OK, b"X: y\r\n" * 100),
    "a header": flooding(OK + b"X: ", b"y" * 4096),
    "status line": flooding(b"HTTP/1.1 200 ", b"y" * 4096),
    "continue": flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "redirect with a body": flooding(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", bytes(65536)),
    "error with a body": flooding(b"HTTP/1.1 500 Oops\r\n\r\n", bytes(65536)),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_no_answer_is_endless(release_site: ReleaseSite, kind: str) -> None:
    assert refused(release_site, ENDLESS[kind]).code.id == "KB311"


DRIPPING = {
    "body": dripping(OK + b"\r\n", b"x"),
    "body with a length": dripping(OK + b"Content-Length: 1000\r\n\r\n", b"x"),
    "chunk size": dripping(CHUNKED, b"0"),
    "trailers": dripping(CHUNKED + b"0\r\n", b"X: y\r\n"),
    "header": dripping(OK, b"y"),
    "status line": dripping(b"", b"H"),
    "continue": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("kind", DRIPPING)
def test_no_answer_drips_for_ever(release_site: ReleaseSite, kind: str) -> None:
    error = refused(release_site, DRIPPING[kind])
    assert error.code.id == "KB311"
    assert "too slow" in error.message


def test_the_error_has_the_system_s_message_when_a_site_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"https://127.0.0.1:{port}/kubeadm"

    with pytest.raises(PhaseError) as error:
        downloads.read(url, 1000)

    assert error.value.message == f"cannot read {url}: Connection refused"


def test_a_handshake_does_not_drip_for_ever() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB
            while True:
                try:
                    peer.sendall(b"\x02")
                except OSError:
                    return
                time.sleep(0.05)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    start = time.monotonic()
    with pytest.raises(PhaseError, match="cannot read"):
        downloads.read(f"https://127.0.0.1:{listener.getsockname()[1]}/x", 10)
    assert time.monotonic() - start < within(5)
    thread.join()
    listener.close()


def test_a_large_file_may_take_longer(
    release_site: ReleaseSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes buy time, up to the bound of any download."""
    monkeypatch.setattr(https, "LEAST_RATE", 40_000)
    steady = dripping(OK + b"Content-Length: 50000\r\n\r\n", bytes(5_000), every=0.1)
    release_site.answer("/x", steady)
    assert len(downloads.read(f"{release_site.https}/x", 100_000)) == 50_000

    monkeypatch.setattr(https, "LONGEST", 0.6)
    assert "too slow" in refused(release_site, steady, 100_000).message


BROKEN = {
    "no HTTP": writing(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "nothing": writing(b""),
    "no status": writing(b"HTTP/1.1 many\r\n\r\n"),
    "cut": writing(OK + b"Content-Length: 10\r\n\r\nx"),
    "cut chunk": writing(CHUNKED + b"ff\r\nx"),
    "no chunk": writing(CHUNKED + b"zz\r\n"),
    "an odd place": writing(b"HTTP/1.1 302 Found\r\nLocation: https://[\r\n\r\n"),
    "a control character": writing(b"HTTP/1.1 302 Found\r\nLocation: https://h\x01/\x1b\r\n\r\n"),
    "file": writing(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"),
    "ftp": writing(b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\n\r\n"),
    "data": writing(b"HTTP/1.1 302 Found\r\nLocation: data:,x\r\n\r\n"),
    "a circle": writing(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_answer_is_an_error_of_the_site(release_site: ReleaseSite, kind: str) -> None:
    assert refused(release_site, BROKEN[kind]).code.id in {"KB311", "KB512"}


@pytest.mark.parametrize("to", ["http://127.0.0.1:1/x", "HTTP://127.0.0.1:1/x", "ftp://h/x"])
def test_no_redirect_leads_from_https_to_less(release_site: ReleaseSite, to: str) -> None:
    release_site.redirect("/x", to)
    with pytest.raises(TrustError) as caught:
        downloads.read(f"{release_site.https}/x", 100)
    assert caught.value.code.id == "KB512"
    assert to.lower() in caught.value.message


def test_no_redirect_leads_down_after_another_one(release_site: ReleaseSite) -> None:
    release_site.redirect("/x", f"{release_site.https}/y")
    release_site.redirect("/y", f"{release_site.http}/z")
    release_site.serve("/z", b"evil")
    with pytest.raises(TrustError):
        downloads.read(f"{release_site.https}/x", 100)
    assert release_site.asked == ["/x", "/y"]


def test_a_redirect_to_https_is_followed(release_site: ReleaseSite) -> None:
    release_site.redirect("/x", f"{release_site.https}/y")
    release_site.serve("/y", b"good")
    assert downloads.read(f"{release_site.http}/x", 100) == b"good"
    assert downloads.read(f"{release_site.https}/x", 100) == b"good"


def test_a_certificate_of_an_unknown_ca_is_refused(
    release_site: ReleaseSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    assert "certificate" in refused(release_site, writing(b"")).message


# As str.format would follow it from the version to the environment of this process.
READS = "{version.parse.__func__.__globals__[re].enum.sys.modules[os].environ[CI_SECRET]}"


def test_an_inventory_does_not_read_the_environment(
    release_site: ReleaseSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_SECRET", "s3cret")
    path = tmp_path / "inventory.yaml"
    site = release_site.https
    path.write_text(
        inventory(f"programs: {{base_url: '{site}', crictl_url: '{site}/{READS}.tgz'}}\n")
    )
    for name in ("kubeadm", "kubelet", "kubectl"):
        release_site.serve(f"/v1.34.2/bin/linux/amd64/{name}.sha256", HEX.encode())

    with pytest.raises(KbError) as caught:
        local_inputs.read(load(path), ["amd64"], None)

    assert [path for path in release_site.asked if "s3cret" in path] == []
    assert "KB134" in str(caught.value)


CHECKSUMS = {
    "a path": b"/" * 39 + b"tmp/somewhere/of/the/oper",
    "too short": HEX[1:].encode(),
    "too long": f"{HEX}0".encode(),
    "no hex": b"g" * 64,
    "no ASCII": "٣".encode() * 64,
    "empty": b"",
    "a page": b"<html>not found</html>",
}


@pytest.mark.parametrize("kind", CHECKSUMS)
def test_a_checksum_is_64_hex_digits(release_site: ReleaseSite, kind: str, cache: Path) -> None:
    release_site.serve("/a.tgz.sha256", CHECKSUMS[kind])
    with pytest.raises(PhaseError, match="holds no sha256") as caught:
        downloads.published_sha256(f"{release_site.https}/a.tgz")
    assert caught.value.code.id == "KB311"
    assert release_site.asked == ["/a.tgz.sha256"]
    assert not cache.exists()


@pytest.mark.parametrize("said", [f"{HEX}\n", f"{HEX.upper()}  kubeadm\n", f"{HEX} *kubeadm"])
def test_the_usual_forms_are_read(release_site: ReleaseSite, said: str) -> None:
    release_site.serve("/kubeadm.sha256", said.encode())
    assert downloads.published_sha256(f"{release_site.https}/kubeadm") == HEX
