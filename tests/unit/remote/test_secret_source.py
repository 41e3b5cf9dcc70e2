"""Secrets by reference."""

import getpass
import sys
import threading
from pathlib import Path

import pytest

from kbootstrap.errors import InventoryError
from kbootstrap.remote.secret_source import Secrets
from kbootstrap.secret import SecretRef


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_TEST_SECRET", "hunter2")
    assert Secrets().resolve(SecretRef("env", "KB_TEST_SECRET")).reveal() == "hunter2"


def test_from_a_file_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("hunter 2 \n")
    assert Secrets().resolve(SecretRef("file", str(tmp_path / "f"))).reveal() == "hunter 2 "


def test_a_question_is_asked_once_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "hunter2"

    monkeypatch.setattr(getpass, "getpass", answer)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    secrets = Secrets()
    ref = SecretRef("prompt", "sudo password")
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda: got.append(secrets.resolve(ref).reveal()))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["hunter2"] * 20
    assert asked == ["sudo password: "]


@pytest.mark.parametrize(
    "ref",
    [
        SecretRef("env", "KB_NO_SUCH_VARIABLE"),
        SecretRef("file", "/no/such/file"),
        SecretRef("prompt", "nobody there"),
    ],
)
def test_what_is_missing_is_named(ref: SecretRef, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(InventoryError, match=ref.name) as caught:
        Secrets().resolve(ref)
    assert caught.value.code.id == "KB213"


@pytest.mark.parametrize("value", ["", "two\nlines"])
def test_what_cannot_be_a_password_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_TEST_SECRET", value)
    with pytest.raises(InventoryError) as caught:
        Secrets().resolve(SecretRef("env", "KB_TEST_SECRET"))
    assert "two" not in str(caught.value)
