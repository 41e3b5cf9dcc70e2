"""Ctrl-D at a prompt is an answer: no. On a real terminal, as `input` and `getpass` read it."""

import os
import pty
import select
import subprocess
import sys

import pytest

DEADLINE = 20  # seconds

CONFIRM = """
from kbootstrap.console.confirm import ask
ask("this removes w1", "w1")
"""
PASSWORD = """
from kbootstrap.remote.secret_source import Secrets
from kbootstrap.secret import SecretRef
Secrets().resolve(SecretRef("prompt", "password of w1"))
"""
CHILD = """
from kbootstrap.errors import KbError
try:
{body}
except KbError as error:
    print(error.code.id, int(error.exit_code), error.message, flush=True)
"""


def at_the_prompt(body: str, prompt: bytes, typed: bytes) -> str:
    """What the child prints once ``typed`` is typed at its prompt."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    near, far = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", CHILD.format(body=lines)],
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
    ) as child:
        os.close(far)
        try:
            said = _read(near, prompt)
            os.write(near, typed)
            said += _read(near, None)
            child.wait(DEADLINE)
        finally:
            child.kill()
            os.close(near)
    return said.decode()


def _read(near: int, until: bytes | None) -> bytes:
    """Up to ``until``, or to the end."""
    said = b""
    while until is None or until not in said:
        assert select.select([near], [], [], DEADLINE)[0], said
        try:
            more = os.read(near, 4096)
        except OSError:  # the other end was closed
            more = b""
        if not more:
            assert until is None, said
            break
        said += more
    return said


@pytest.mark.parametrize("typed", [b"\x04", b"no\n"])
def test_a_confirmation_that_is_not_given(typed: bytes) -> None:
    said = at_the_prompt(CONFIRM, b"continue: ", typed)
    assert "KB405 7 " in said
    assert "Traceback" not in said


def test_a_password_that_is_not_given() -> None:
    said = at_the_prompt(PASSWORD, b"password of w1: ", b"\x04")
    assert "KB213 2 no answer to: password of w1" in said
    assert "Traceback" not in said
