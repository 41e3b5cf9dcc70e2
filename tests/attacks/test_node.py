"""A whole command against a node that lies in every part: a code of its own, harmless text."""

from pathlib import Path

import pytest

from kbootstrap.cli import main
from tests.attacks.rogue_node import RogueNode
from tests.attacks.test_shown_text import ATTACKS, is_harmless

COMMANDS = (("plan",), ("status",), ("reset", "--dry-run", "n1"), ("kubeconfig",))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("fails", [True, False], ids=["failing", "good"])
def test_its_text_is_harmless_in_every_part(
    rogue_node: RogueNode,
    fails: bool,  # noqa: FBT001 - pytest passes it by name
    command: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rogue_node.says["*"] = "\n".join(ATTACKS.values()).encode("utf-8", "surrogatepass")
    rogue_node.fails |= {"*"} if fails else set()
    log = tmp_path / "log"

    status = main([*command, "-i", str(rogue_node.inventory), "-vv", "--log-file", str(log)])

    shown = "".join(capsys.readouterr())
    assert rogue_node.asked
    assert "error KB" in shown
    assert "KB900" not in shown
    assert 0 < status < 70
    for text in (shown, log.read_text()):
        assert is_harmless(text)


@pytest.mark.parametrize(
    "says",
    ["", "\n", "uid=0\n" * 40_000, "uid=" + "9" * 300_000, "=\n", "x" * 300_000, b"\xff\xfe\0"],
    ids=["nothing", "a line", "many lines", "a number", "no name", "no end", "bytes"],
)
def test_odd_facts_are_an_error_of_the_node(
    rogue_node: RogueNode, says: str | bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    rogue_node.says["*"] = says
    assert 0 < main(["plan", "-i", str(rogue_node.inventory)]) < 70
    shown = capsys.readouterr().err
    assert "KB" in shown
    assert "KB900" not in shown
    assert len(shown) < 20_000
