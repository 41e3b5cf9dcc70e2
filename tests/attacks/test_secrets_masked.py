"""Secrets that a node prints are masked wherever the output of a run goes.

What this run made is masked exactly; private keys, JWTs and kubeadm's shapes by their form, also
behind an escape sequence, in two packets, over several lines, and in the middle of a long output.
"""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap import codes, masking, secret
from kbootstrap.console.screens import PlainScreen
from kbootstrap.engine.events import Event
from kbootstrap.engine.probe import read_reply
from kbootstrap.errors import KbError, PhaseError
from kbootstrap.masking import LONGEST, MASK, OutputLines, mask, mask_output
from kbootstrap.options import RunOptions
from kbootstrap.remote.protocol import PartResult, Reply
from kbootstrap.run.report import Report
from kbootstrap.secret import Secret, remember
from phases import host
from tests.unit.engine.toys import Site, toy

BODY = "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49"
TAIL = "AwEHoUQDQgAEPR3tU2Fta9ktY+6P9G0cWO+0kETA6SFs38GecTyudlHz6xvCdz8q"
LAST = "EKTcWGekdmdDPsHloRNtsA=="
PEM = f"-----BEGIN EC PRIVATE KEY-----\n{BODY}\n{TAIL}\n{LAST}\n-----END EC PRIVATE KEY-----"
TOKEN = "abcdef.0123456789abcdef"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06YWRtaW4ifQ.c2lnbmF0dXJlMTIzNDU2"
KEY = "e90e5d8b7ebf65e0e94cf5a14bda2eb660ac16a3e5138e15bc050d49b87a2416"
BEARER = "Authorization: Bearer bm90LWEtand0LWJ1dC1hLXRva2Vu"
KUBECONFIG = "client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb3dJQkFBS0NBUUVBd"
MADE = "correct horse 'battery' $taple"
# What a command prints -> the pieces that may not be shown.
PRINTED = {
    "pem": (PEM, [BODY, TAIL, LAST]),
    "pem with CRLF": (PEM.replace("\n", "\r\n"), [BODY, TAIL, LAST]),
    "pem in JSON": (json.dumps({"key": PEM}), [BODY, TAIL, LAST]),
    "pem indented": (PEM.replace("\n", "\n    "), [BODY, TAIL, LAST]),
    "two keys": (f"{PEM}\nbetween\n{PEM}", [BODY, TAIL, LAST]),
    "token": (f"join --token {TOKEN} now", [TOKEN]),
    "coloured token": (f"\x1b[31m{TOKEN}\x1b[0m", [TOKEN, "0123456789abcdef"]),
    "divided token": ("abc\x1b[1mdef.0123\x1b[0m456789abcdef", [TOKEN, "def.0123"]),
    "token with a NUL": ("abcdef.01234567\x0089abcdef", ["abcdef.01234567"]),
    "jwt": (f"got {JWT}", [JWT, "c2lnbmF0dXJlMTIzNDU2"]),
    "bearer": (BEARER, ["bm90LWEtand0LWJ1dC1hLXRva2Vu"]),
    "certificate key": (f"--certificate-key {KEY}", [KEY]),
    "kubeconfig": (KUBECONFIG, ["LS0tLS1CRUdJTiBSU0Eg"]),
    "made by this run": (f"sudo: {MADE}: no", [MADE]),
    "32 bytes": ("secret: qL9Q0P5o8w1yXbqk3oT0v7w5Qd8mZ2b1n6c4r9s8t7A=", ["qL9Q0P5o8w1yX"]),
}


@pytest.fixture(autouse=True)
def made() -> None:
    """A password that the operator gave."""
    Secret(MADE)


def through(text: str, size: int) -> list[str]:
    """The lines that are shown of an output that comes in packets of ``size`` characters."""
    lines = OutputLines()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return [*(line for piece in pieces for line in lines.feed(piece)), *lines.end()]


@pytest.mark.parametrize("size", [1, 3, 7, 64, 10_000])
@pytest.mark.parametrize("name", PRINTED)
def test_live_output_is_masked_whatever_the_packets_are(name: str, size: int) -> None:
    text, secrets = PRINTED[name]

    shown = "\n".join(through(f"before\n{text}\nafter", size))

    assert shown.startswith("before\n")
    assert shown.endswith("\nafter")
    assert not [piece for piece in secrets if piece in shown]


@pytest.mark.parametrize("name", PRINTED)
def test_the_detail_of_an_error_is_masked(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, secrets = PRINTED[name]
    log = tmp_path / "log"
    report = Report(RunOptions(inventory=Path("x"), log_file=log), PlainScreen(2))

    report.error(PhaseError(codes.STEP_FAILED, "it broke", detail=f"before\n{text}\nafter"))
    report.close(0)

    for shown in ("".join(capsys.readouterr()), log.read_text()):
        assert not [piece for piece in secrets if piece in shown]
        assert "before" in shown
        assert "after" in shown


@pytest.mark.parametrize("name", ["pem", "jwt", "bearer", "kubeconfig", "made by this run"])
def test_every_other_text_is_masked_too(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages and notes; sums and names in them stay readable."""
    text, secrets = PRINTED[name]
    log = tmp_path / "log"
    report = Report(RunOptions(inventory=Path("x"), log_file=log), PlainScreen(2))

    report.error(PhaseError(codes.STEP_FAILED, f"it broke: {text}"))
    report.bus(Event(kind="note", text=text))
    report.line(text)
    report.close(0)

    for shown in ("".join(capsys.readouterr()), log.read_text()):
        assert not [piece for piece in secrets if piece in shown]
    assert mask(f"checksum {KEY}") == f"checksum {KEY}"


def test_a_failing_probe_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    failed = PartResult(
        "probe:host", 1, PEM, millis=1, skipped=False, truncated=False, stderr=f"{PEM}\n{TOKEN}"
    )

    with pytest.raises(KbError) as error:
        read_reply((host.PHASE,), Reply((failed,)))
    report = Report(RunOptions(inventory=Path("x")), PlainScreen(0))
    report.error(error.value)

    shown = "".join(capsys.readouterr())
    assert not [piece for piece in (BODY, TAIL, LAST, TOKEN) if piece in shown]


def test_a_run_shows_no_secret_that_a_command_prints() -> None:
    site = Site(toy("one", "a"))
    for machine in site.machines.values():
        machine.says["a"] = (0, f"{PEM}\n\x1b[31m{TOKEN}\n{MADE}")

    site.run()

    texts = [event.text for event in site.events if event.kind == "output"]
    assert texts[:6] == [MASK] * 6
    assert not any(TOKEN in text for text in texts)


def test_the_end_of_a_key_in_a_long_output_is_masked() -> None:
    cut = PEM.split("\n", 1)[1]  # its beginning was dropped

    assert mask_output(f"[... 5 bytes left out ...]\n{cut}\nafter") == (
        f"[... 5 bytes left out ...]\n{MASK}\nafter"
    )
    assert mask_output(f"x {PEM[:70]}") == f"x {MASK}"  # its end was


def test_a_line_without_an_end_is_not_retained() -> None:
    lines = OutputLines()
    for _ in range(100):
        assert [*lines.feed("x" * 10_000)] == []
    assert [*lines.feed(f"{TOKEN}\nnext\n")] == [
        f"[a line of more than {LONGEST} characters]",
        "next",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----\n" * 20_000,
        "-----END PRIVATE KEY-----\n" * 20_000,
        "QUJD\n" * 100_000 + "-----END PRIVATE KEY-----\n",
        "eyJ" * 150_000,
        "-eyJhbGciOi" * 50_000,
        "eyJhbGciOi." * 50_000,
        "bearer " * 70_000,
        "\x1b[" * 200_000,
        "\x1b]" * 200_000,
        "abcdef." * 70_000,
        "0123456789abcdef" * 30_000,
        "LS0tLS1CRUdJTi" * 30_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_no_output_costs_more_than_its_size(text: str) -> None:
    """A node that prints what a pattern tries again and again would stop the run for all."""
    start = time.process_time()
    mask_output(text)
    assert time.process_time() - start < 5


def test_short_values_and_ordinary_lines_stay() -> None:
    remember("node")

    for line in ("node1: ready", "sha256:" + KEY, "worker.example.internal", "a" * 70, ""):
        assert mask_output(line) == line
    assert masking.mask("the node") == "the node"
    assert "node" not in secret.known()


def test_of_a_text_with_several_lines_each_piece_is_masked() -> None:
    Secret(f"apiVersion: v1\nserver: https://10.0.0.1:6443\nclient-key-data: {BODY}\n")

    assert mask(f"x {BODY} y") == f"x {MASK} y"
    assert mask("https://10.0.0.1:6443") == "https://10.0.0.1:6443"


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.text(), st.lists(st.text(max_size=30), max_size=4), st.integers(1, 9))
def test_masking_shows_the_same_however_the_output_is_divided(
    before: str, words: list[str], size: int
) -> None:
    text = before + TOKEN.join(["", *words, ""]) + "\n" + " ".join(words)

    assert through(text, size) == through(text, len(text) or 1)
