"""Which command each tool runs for each row."""

import pickle
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.floor import Job
from bench.scene import RIVALS, TARGET, Scene
from kbootstrap.engine.probe import probe_parts
from kbootstrap.model.load import load
from kbootstrap.remote.protocol import request
from kbootstrap.remote.shell_library import stage0
from phases.workflows import up

BIN = Path(__file__).parent.parent / ".venv-bench" / "bin"
STEPS = 6  # of row (d): its figure is (this many - one) divided by one less
ROWS = {
    "a": "facts that `up` needs",
    "b": "second `up`, nothing to do",
    "c": "20 files changed",
    "c0": "20 files unchanged",
    "d": "one more step, warm",
    "e": "connect and `true`",
}
TOOLS = ("kbootstrap", "ansible", "pyinfra", "floor")


@dataclass(frozen=True)
class Case:
    """One command.

    Attributes:
        good: the exit status it has to have.
        fresh: new files have to be made first.
        quiet: its output must report no change.

    """

    row: str
    tool: str
    words: tuple[str, ...]
    variant: str = ""
    env: dict[str, str] = field(default_factory=dict)
    good: int = 0
    fresh: bool = False
    quiet: bool = False


def cases(scene: Scene) -> Iterator[Case]:
    """All of them, row by row, tools side by side."""
    for row in ROWS:
        yield from _kbootstrap(scene, row)
        yield from _ansible(scene, row)
        yield from _pyinfra(scene, row)
        yield Case(row, "floor", (sys.executable, "-m", "bench.floor", str(_job(scene, row))))


def kbootstrap(scene: Scene, verb: str, *words: str) -> tuple[str, ...]:
    """A run of kbootstrap on the scene."""
    common = ("-i", scene.inventory, "--known-hosts", scene.known_hosts, "--yes")
    forks = ("--forks", len(scene.reach))
    return tuple(map(str, (sys.executable, "-m", "kbootstrap", verb, *words, *common, *forks)))


def _kbootstrap(scene: Scene, row: str) -> Iterator[Case]:
    nothing = 3
    if row in {"a", "b"}:
        verb = "plan" if row == "a" else "up"
        words = kbootstrap(scene, verb, "--until", "kubeadm-config", "--exit-code")
        yield Case(row, "kbootstrap", words, good=nothing)
    elif row in {"c", "c0"}:
        words = kbootstrap(scene, "up", "--phase", "files", "--exit-code")
        yield Case(row, "kbootstrap", words, good=0 if row == "c" else nothing, fresh=row == "c")
    else:
        count = STEPS if row == "d" else 1
        words = (sys.executable, "-m", "bench.steps", str(scene.inventory), str(scene.known_hosts))
        yield Case(row, "kbootstrap", (*words, str(count)))


def _ansible(scene: Scene, row: str) -> Iterator[Case]:
    books = {"a": "facts", "b": "again", "c": "files", "c0": "files", "d": "steps", "e": "raw"}
    for book in (books[row], *(["archive"] if row in {"c", "c0"} else [])):
        words = (str(BIN / "ansible-playbook"), str(RIVALS / "ansible" / f"{book}.yml"))
        forks = ("--forks", str(len(scene.reach)), "-e", f"@{scene.folder / 'words.json'}")
        env = {"ANSIBLE_CONFIG": str(scene.folder / "ansible.cfg")}
        yield Case(
            row,
            "ansible",
            (*words, *forks),
            variant=book,
            env=env,
            fresh=row == "c",
            quiet=row in {"b", "c0"},
        )


def _pyinfra(scene: Scene, row: str) -> Iterator[Case]:
    books = {"a": "facts", "b": "again", "c": "files", "c0": "files", "d": "steps"}
    inventory = str(scene.folder / "inventory.py")
    common = ("-y", "--parallel", str(len(scene.reach)), inventory)
    env = {"BENCH_SCENE": str(scene.folder)}
    if row == "e":
        words: tuple[str, ...] = (str(BIN / "pyinfra"), *common, "exec", "--", "true")
        yield Case(row, "pyinfra", words, env=env)
        return
    for book in (books[row], *(["archive"] if row in {"c", "c0"} else [])):
        words = (str(BIN / "pyinfra"), *common, str(RIVALS / "pyinfra" / f"{book}.py"))
        yield Case(row, "pyinfra", words, variant=book, env=env, fresh=row == "c")


def _job(scene: Scene, row: str) -> Path:
    """Where the floor's work for a row lies; rewritten by `refresh`."""
    return scene.folder / f"floor-{row}.pickle"


def refresh(scene: Scene) -> None:
    """Prepare the floor's work: the same scripts and files, without kbootstrap around them."""
    cluster = load(scene.inventory)
    shell = f"sh -c {shlex.quote(stage0())}"
    archive = (scene.folder / "files.tar").read_bytes()
    for row in ROWS:
        jobs = []
        for node, (_, host, port) in zip(cluster.nodes, scene.reach, strict=True):
            command, text = "true", b""
            if row in {"a", "b"}:
                command = shell
                text = request(probe_parts(cluster, node, up(cluster)), "bench").head()
            elif row in {"c", "c0"}:
                verb = "-xf" if row == "c" else "-df"
                command, text = f"tar {verb} - -C {TARGET}", archive
            jobs.append(
                Job(
                    host=host,
                    port=port,
                    command=command,
                    text=text,
                    key=str(scene.fleet.cheap.key),
                    threads=32,
                    count=STEPS if row == "d" else 1,
                )
            )
        _job(scene, row).write_bytes(pickle.dumps(jobs))
