"""The house rules that a test can check: floors, doors, sizes, secrets, shell, codes."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from kbootstrap import codes, components, docs_generator, errors
from kbootstrap.errors import Code, ExitCode, KbError
from phases import tools
from tests.golden.rendered import detached, parts
from tests.shellwords import Command, Scanner

ROOT = Path(__file__).parent.parent
SOURCES = tuple(
    sorted(path for folder in ("kbootstrap", "phases") for path in (ROOT / folder).rglob("*.py"))
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the last word of what is called."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield (node.func.id if isinstance(node.func, ast.Name) else node.func.attr), node


# ---- floors and doors


def lint_imports(folder: Path) -> str:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_imports_keep_their_floors() -> None:
    said = lint_imports(ROOT)
    assert " 0 broken" in said, said


VIOLATIONS = {
    "kbootstrap/engine/planner.py": "import phases\nimport kbootstrap.remote.protocol",
    "kbootstrap/engine/events.py": "import kbootstrap.remote.pool",
    "kbootstrap/model/local_paths.py": "import jinja2",
    "kbootstrap/commands/up.py": "import fabric, urllib3, rich, pydantic\n"
    "import kbootstrap.commands.reset",
    "kbootstrap/guards/unlock.py": "if TYPE_CHECKING:\n    import kbootstrap.commands.up",
    "kbootstrap/lock/record.py": "import kbootstrap.run.run",
}


def test_a_violation_breaks_each_contract(tmp_path: Path) -> None:
    for folder in ("kbootstrap", "phases"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, lines in VIOLATIONS.items():
        with (tmp_path / path).open("a") as file:
            file.write(f"\n{lines}\n")

    said = lint_imports(tmp_path)

    assert " 0 kept" in said, said


PURE = {
    "collections.abc": {"Callable", "Container", "Iterable", "Iterator", "Mapping"},
    "ipaddress": {"ip_interface"},
    "typing": {"Any", "TypeVar"},
    "dataclasses": {"dataclass", "replace"},
    "enum": {"Enum"},
    "pathlib": {"PurePosixPath"},  # names a file on a node; a Path could open one of ours
}


def test_phases_import_nothing_that_acts() -> None:
    """No clock, no random numbers, no environment, no process: plans are pure."""
    for path in (ROOT / "phases").glob("*.py"):
        for node in ast.walk(tree(path)):
            assert not isinstance(node, ast.Import)
            if isinstance(node, ast.ImportFrom):
                module = str(node.module)
                ours = module.split(".", maxsplit=1)[0] in {"kbootstrap", "phases"}
                assert ours or {alias.name for alias in node.names} <= PURE[module]


# ---- what a plan sees

# Flags that say what the user lets go, so that a plan may contain it; and which nodes it is about.
PLANNED_FLAGS = {
    "delete_emptydir_data",
    "destroy_cluster",
    "force_drain",
    "limit",
    "no_drain",
    "nodes",
    "restore_host",
    "within",
}


def test_phases_see_only_some_flags() -> None:
    """Above all not --dry-run: a dry run plans as any other run."""
    text = "".join(path.read_text() for path in (ROOT / "phases").glob("*.py"))
    assert set(re.findall(r"\boptions\.(\w+)", text)) == PLANNED_FLAGS


def test_commands_read_as_a_table_of_contents() -> None:
    lines = {
        name(path): len(path.read_text().splitlines())
        for path in (ROOT / "kbootstrap" / "commands").glob("*.py")
    }
    assert {path: count for path, count in lines.items() if count > 60} == {}


# ---- sizes


# A table of sorts: one small class or method for each kind of change, in one place to be read.
def test_files_are_short() -> None:
    long = {name(p): len(p.read_text().splitlines()) for p in SOURCES}
    long = {path: lines for path, lines in long.items() if lines >= 300}
    assert long == {}


def test_functions_are_short() -> None:
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, f"{name(path)}: {node.name}"


def test_every_module_says_what_it_is_for() -> None:
    assert [name(path) for path in SOURCES if not ast.get_docstring(tree(path))] == []


# ---- secrets


def test_secrets_are_revealed_at_the_wire_only() -> None:
    revealing = {name(p) for p in SOURCES for called, _ in calls(p) if called == "reveal"}
    assert revealing
    assert {path for path in revealing if not path.startswith("kbootstrap/remote/")} == set()


def test_only_tests_the_local_shell_and_cosign_start_processes() -> None:
    starting = {name(p) for p in SOURCES if "import subprocess" in p.read_text()}
    assert starting == {"kbootstrap/remote/local.py", "kbootstrap/run/signatures.py"}


# ---- waiting


def test_nothing_sleeps() -> None:
    """`kbootstrap.wait` polls with a deadline; whoever waits for a thread has an event."""
    assert {name(p) for p in SOURCES for called, _ in calls(p) if called == "sleep"} == set()


# ---- one home for each


def test_paths_on_a_node_are_named_in_one_module() -> None:
    """The state directory is in `node_paths`; templates and error messages take it from there."""
    files = [*SOURCES, *(ROOT / "templates").rglob("*.*"), *(ROOT / "bench").glob("*.py")]
    assert {name(path) for path in files if "/var/lib/kbootstrap" in path.read_text()} == {
        "kbootstrap/node_paths.py"
    }


def test_names_of_components_are_in_one_module() -> None:
    names = {*components.BINARIES, *components.STATIC_PODS}
    listed = {
        name(path)
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
        and len(names & {e.value for e in node.elts if isinstance(e, ast.Constant)}) > 2
    }
    assert listed == {"kbootstrap/components.py"}


# ---- shell


SHELL = re.compile(
    r"&& |\|\| |\$\(|\$\{\w|2>&1|>/dev/null|; (then|fi|done)\b|^set -|\bfi$|\bmkdir |\bchmod "
)
# One-liners that a template would only hide.
ONE_LINERS = {
    "kbootstrap/drift/addon_fields.py": "an argument with a variable of Kubernetes",
    "kbootstrap/engine/checkpoint.py": "the record, replaced in one move",
    "kbootstrap/engine/probe.py": "cat, if the file is there",
}


def texts(path: Path) -> Iterator[str]:
    """String constants that are not docstrings."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_shell_stands_in_templates() -> None:
    """Next steps of errors show commands, so kbootstrap/codes may."""
    shell = {
        name(path)
        for path in SOURCES
        if path.parent.name != "codes" and any(map(SHELL.search, texts(path)))
    }
    assert shell == ONE_LINERS.keys()


def test_bodies_of_actions_are_rendered() -> None:
    """``body=`` of a phase's action is the text of a template, rendered there or by a source."""
    literal = []
    for path in (ROOT / "phases").glob("*.py"):
        for called, call in calls(path):
            for keyword in call.keywords:
                if called in {"Run", "Detached"} and keyword.arg == "body":
                    text = ast.unparse(keyword.value)
                    rendered = re.match(r"render\(|source(_of\(view.cluster\))?\.activate_", text)
                    literal += [] if rendered else [text]
    assert literal == []


# What a probe may call; a command with sub-commands only with these first arguments.
READS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("[", ":", "break", "command", "continue", "printf", "read", "set", "shift"), ("",)
    ),
    **dict.fromkeys(
        ("cat", "date", "df", "du", "grep", "readlink", "sha256sum", "stat", "tr", "uname"), ("",)
    ),
    **dict.fromkeys(("reach", "return", "wait"), ("",)),  # of the probe of phase fitness
    **dict.fromkeys(("kb_boot", "kb_changed", "kb_fact", "kb_files", "kb_since"), ("",)),
    **dict.fromkeys(("base64", "cd", "cmp", "echo", "head", "pwd", "tail"), ("",)),
    **dict.fromkeys(("kb_run_state", "kb_sha", "kb_socket"), ("",)),
    # functions of templates, whose commands are looked at where they are defined
    **dict.fromkeys(
        ("behind", "below", "free", "older", "running", "stays", "units", "was_there"), ("",)
    ),
    "exec": ("",),  # only its redirections, which are looked at too
    "flock": ("-n 9",),  # let go at once
    "sed": ("'s/", "-nE '"),  # test_probes_only_read looks for its commands that write
    '"$save"': ("",),  # iptables-save or ip6tables-save
    "containerd": ("--version",),
    "crictl": ("images", "ps"),
    "kubectl": ("get --raw /readyz",),
    "crio": ("--version",),
    "ip": ("-4 route show", "-o addr show"),
    "kubeadm": ("version", "config images list"),
    "kubelet": ("--version",),
    "kb_older": ("",),  # functions of templates/certificates/older.sh.j2, whose commands are read
    "kb_users": ("",),
    "kb_written": ("",),
    "kb_since": ("",),
    "systemctl": ("show",),
}


def reads_only(command: Command) -> bool:
    said = " ".join(command[1:])
    if command[0] == "timeout":
        return command[2] in {"getent", "bash"}
    if command[0] == "find":
        return "-delete" not in command and ("-exec" not in command or "-exec stat -c" in said)
    if command[0] == "sed" and re.search(r"(?m)(^|[/@;{}0-9])\s*[we]\b", said):
        return False
    if command[0] == "awk":
        return "system(" not in said and not re.search(r"print[^;}]*>", said)
    return any(said.startswith(first) for first in READS.get(command[0], ()))


def test_probes_only_read() -> None:
    probes = [part for part in parts() if part.startswith(("# ---- probe:", "# ---- read:"))]
    assert len(probes) > 40
    for probe in probes:
        found = Scanner(probe)
        assert [command for command in found.commands if not reads_only(command)] == []
        assert set(found.written) <= {"/dev/null", "&1"}


# Called only where they are: found by `command -v`, of a runtime, or placed by us before.
SOMETIMES = set("curl wget nft ipset ip modprobe setsid".split())  # noqa: SIM905
PLACED = {"kubeadm", "kubectl", "kubelet", "crictl", "containerd", "crio", "etcdctl"}
BUILTIN = set(  # and two names that the scanner takes for commands
    ": [ break cd command continue echo eval exec exit export kill printf pwd read return set "  # noqa: SIM905
    "shift trap ulimit umask unset wait KB_DETACHED number".split()
)


def commands() -> Iterator[str]:
    """The first word of each command in the scripts; texts beyond the scanner are passed over."""
    library = (path.read_text() for path in (ROOT / "templates" / "remote").glob("*.sh"))
    for text in (*parts(), *detached(), *library):
        with suppress(ValueError, IndexError):
            yield from (command[0] for command in Scanner(text).commands)


def test_every_tool_that_a_script_calls_is_looked_for_first() -> None:
    called = {word for word in commands() if "$" not in word and "/" not in word}
    scripts = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.sh*"))
    called -= set(re.findall(r"\b(\w+)\(\) ", scripts))
    assert called - SOMETIMES - PLACED - BUILTIN - set(tools.SCRIPTS) == set()
    assert {"awk", "flock", "sed", "stat"} <= called


@pytest.mark.parametrize(
    ("text", "commands", "written"),
    [
        ("a b; c | d", [("a", "b"), ("c",), ("d",)], []),
        ("x=$(rm -r y) z", [("rm", "-r", "y"), ("z",)], []),
        ('a "b $(c "$d") e" >f 2>&1', [("c", '"$d"'), ("a", '"b $(c "$d") e"')], ["f", "&1"]),
        ("case $a in b | c) d ;; *) e; f ;; esac; g", [("d",), ("e",), ("f",), ("g",)], []),
        ("if ! a; then b; fi # ; c", [("a",), ("b",)], []),
        ("for i in a b; do c 'x; y'; done", [("c", "'x; y'")], []),
        ("(a && { b; }) || c", [("a",), ("b",), ("c",)], []),
    ],
)
def test_the_scanner_sees_commands(text: str, commands: list[Command], written: list[str]) -> None:
    scanned = Scanner(text)
    assert (scanned.commands, scanned.written) == (commands, written)


# ---- errors


RAISED = {
    cls.__name__: cls.exit_code
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, KbError)
}
CODES = {constant: value for constant, value in vars(codes).items() if isinstance(value, Code)}
# The code is chosen from a table of constants a few lines above.
CHOSEN = {
    "kbootstrap/engine/failures.py": {"code", "_code(action, output, sign)"},
    "kbootstrap/remote/kubehttp.py": {"down"},
}


def test_codes_are_made_in_the_code_modules_only() -> None:
    making = {name(path) for path in SOURCES for called, _ in calls(path) if called == "Code"}
    assert {path.rpartition("/")[0] for path in making} == {"kbootstrap/codes"}


def test_each_file_of_codes_has_its_own_range_of_numbers() -> None:
    """In order, and no constant of one file hides that of another."""
    ranges = []
    for path in (ROOT / "kbootstrap/codes").glob("[a-z]*.py"):
        ids = re.findall(r'"(KB\d+)"', path.read_text())
        assert ids == sorted(set(ids)), path.name
        ranges.append((ids[0], ids[-1]))
    ends = [end for first_and_last in sorted(ranges) for end in first_and_last]
    assert ends == sorted(ends)
    assert len(codes.all_codes()) == sum(
        path.read_text().count(" = Code(") for path in (ROOT / "kbootstrap/codes").glob("*.py")
    )


def test_every_error_has_a_code_and_its_exit_status() -> None:
    for path in SOURCES:
        for called, call in calls(path):
            said = ast.unparse(call.args[0]) if call.args else ""
            if called in RAISED and said not in CHOSEN.get(name(path), ()):
                status = docs_generator.exit_of(CODES[said.split(".")[-1]])
                assert (status or ExitCode.DONE) is RAISED[called], said


def test_every_finding_has_a_code_and_a_notice_one_of_a_warning() -> None:
    for path in SOURCES:
        for called, call in calls(path):
            if called == "Finding" and call.args and path.name != "errors.py":
                status = docs_generator.exit_of(CODES[ast.unparse(call.args[0]).split(".")[-1]])
                given = {word.arg: ast.unparse(word.value) for word in call.keywords}
                assert ("severity" in given) is (status is None), ast.unparse(call)


def test_codes_are_unique_used_and_in_order() -> None:
    ids = [code.id for code in codes.all_codes()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"KB\d{3}", code) for code in ids)
    users = "".join(p.read_text() for p in SOURCES if p.parent.name != "codes")
    assert CODES.keys() <= set(re.findall(r"\w+", users))


def test_every_code_names_the_next_step() -> None:
    for code in codes.all_codes():
        assert re.fullmatch(r"[A-Z`].{20,}\.", code.hint), code.id
        assert re.fullmatch(r".*[^.]", code.title), code.id
        names = {field for _, field, _, _ in Formatter().parse(code.hint) if field}
        assert names <= {"node", "phase"}, code.id


def test_the_error_document_is_complete() -> None:
    text = docs_generator.errors_markdown()
    for code in codes.all_codes():
        assert f"| {code.id} |" in text
    for status in ExitCode:
        assert f"| {int(status)} |" in text
