"""Requests: what is sent, and what is refused before anything is."""

import re
from pathlib import Path

import pytest

from kbootstrap.errors import InternalError, PhaseError
from kbootstrap.remote.protocol import SLICE, Blob, Part, Request
from kbootstrap.remote.shell_library import definitions, library, stage0
from kbootstrap.resources import data_path


def test_the_script_is_announced_to_the_byte_and_ends_with_the_nonce() -> None:
    request = Request((Part("a", "echo größe"),), "run")
    header, _, script = request.head().partition(b"\n")
    assert header == f"KB1 {request.nonce} {len(script)}".encode()
    assert script.endswith(f"KBEND {request.nonce}".encode())


def test_blobs_follow_the_script_in_order(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100_000)
    blobs = (Blob(3, b"abc"), Blob(100_000, file))
    request = Request((Part("a", "", blobs=blobs),), "run")
    chunks = list(request.chunks())
    assert b"".join(chunks) == request.head() + b"abc" + b"x" * 100_000
    assert max(map(len, chunks)) <= SLICE
    assert request.size == 100_003


def test_a_file_that_shrank_stops_the_request(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10)
    request = Request((Part("a", "", blobs=(Blob(11, file),)),), "run")
    with pytest.raises(PhaseError, match="shorter") as caught:
        list(request.chunks())
    assert caught.value.code.id == "KB212"


@pytest.mark.parametrize(
    "parts",
    [
        (Part("a b", ""),),
        (Part("", ""),),
        (Part("a\n", ""),),
        (Part("a", ""), Part("a", "")),
        (Part("a", "echo \0"),),
        (Part("a", "", "probe", blobs=(Blob(1, b"x"),)),),
    ],
)
def test_what_cannot_work_is_refused(parts: tuple[Part, ...]) -> None:
    with pytest.raises(InternalError):
        Request(parts, "run")


def test_run_ids_are_names() -> None:
    with pytest.raises(InternalError):
        Request((), "run; rm -rf /")


def test_nothing_secret_is_shown() -> None:
    part = Part("a", "echo hunter2", blobs=(Blob(7, b"hunter2"),))
    request = Request((part,), "run")
    assert "hunter2" not in repr(request)
    assert request.nonce not in repr(request)


def test_stage0_passes_through_any_login_shell() -> None:
    """Inside single quotes of sh, csh and fish nothing but these has a meaning."""
    for odd in ("'", "!", "\n", "\\\\", "\\'"):
        assert odd not in stage0()
    assert len(stage0()) < 4096


def test_comments_stay_at_home() -> None:
    assert "\n#" not in library(definitions())


def test_every_line_of_every_function_is_known() -> None:
    files = (data_path("templates") / "remote" / f"{name}.sh" for name in ("prelude", "detach"))
    text = "".join(file.read_text() for file in files)
    assert set(definitions()) == set(re.findall(r"(?m)^(kb_\w+)(?:\(\)|=)", text))
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    assert "\n".join(definitions().values()).splitlines() == lines


@pytest.mark.parametrize("name", ["", *definitions()])
def test_only_what_a_script_calls_is_sent_and_all_of_it(name: str) -> None:
    sent = set(re.findall(r"(?m)^(kb_\w+)(?:\(\)|=')", library([name])))
    called = set(re.findall(r"\bkb_\w+", library([name])))
    assert called & set(definitions()) == sent & set(definitions())
    assert (name in sent) == bool(name)


def test_no_variable_has_the_name_of_a_function() -> None:
    """Or the function would be sent with every script that uses the variable."""
    functions = {name for name, text in definitions().items() if text.startswith(f"{name}()")}
    for path in data_path("templates").rglob("*.*"):
        text = path.read_text()
        read = " ".join(re.findall(r"\b(?:read -r|for) ([a-z_ ]+)", text)).split()
        assert functions.isdisjoint([*read, *re.findall(r"\b(\w+)=", text)]), path


def test_a_step_that_calls_nothing_carries_the_driver_alone() -> None:
    script = Request((Part("a", "true"),), "run").script()
    assert "kb_part()" in script
    assert not any(f"{name}()" in script for name in definitions())
