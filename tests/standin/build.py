"""Make the programs: one zip archive, four names, each executable by itself."""

from __future__ import annotations

import hashlib
import io
import json
import marshal
import stat
import struct
import zipfile
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from .common import pki

POOL = 32
PROGRAMS = ("kubeadm", "kubelet", "kubectl", "crictl")
_HERE = Path(__file__).parent
_SHEBANG = b"#!/usr/bin/python3 -I\n"
_MAIN = """\
import os, sys
from tests.standin.ask import ask

status = ask("{build}")
if status is not None:
    os._exit(status)

from tests.standin import forks, main

forks.start()
sys.exit(main.main())
"""
_NOT_INSIDE = {"build.py", "push.py", "__main__.py", "schema_from_go.py"}


def _sources(version: str) -> dict[str, str]:
    """Archive names and texts."""
    out = {"tests/__init__.py": ""}
    for path in sorted(_HERE.rglob("*.py")):
        if path.name in _NOT_INSIDE and path.parent == _HERE:
            continue
        out[f"tests/standin/{path.relative_to(_HERE)}"] = path.read_text()
    build = hashlib.sha256(repr((version, out)).encode()).hexdigest()[:16]
    words = {"VERSION": version, "COMMIT": "0" * 40, "BUILD": build}
    out["tests/standin/stamp.py"] = "".join(f'{name} = "{word}"\n' for name, word in words.items())
    out["__main__.py"] = _MAIN.format(build=build)
    return out


def _compiled(name: str, text: str) -> bytes:
    """An unchecked .pyc: start-up does not compile, another Python falls back to the source."""
    code = compile(text, name, "exec", dont_inherit=True, optimize=1)
    return MAGIC_NUMBER + struct.pack("<I", 1) + b"\0" * 8 + marshal.dumps(code)


def _keys() -> str:
    """RSA keys for leaf certificates, made once and stored in the cache directory of this user."""
    path = Path.home() / ".cache/kbootstrap-standin/keys.json"
    if not path.exists():
        made = [pki.new_key() for _ in range(POOL)]
        path.parent.mkdir(parents=True, exist_ok=True)
        pairs = [[pki.key_pem(k), pki.public_pem(k)] for k in made]
        path.write_text(json.dumps(pairs))
    return path.read_text()


def archive(version: str) -> bytes:
    """The bytes of one binary."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
        for name, text in _sources(version).items():
            out.writestr(name, text)
            out.writestr(name + "c", _compiled(name, text))
        out.write(_HERE / "schemas.json", "tests/standin/schemas.json")
        out.writestr("tests/standin/keys.json", _keys())
    return _SHEBANG + buffer.getvalue()


def build(version: str, folder: Path) -> list[Path]:
    """Write all binaries of one version."""
    folder.mkdir(parents=True, exist_ok=True)
    data = archive(version)
    made = []
    for name in PROGRAMS:
        path = folder / name
        path.write_bytes(data)
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        made.append(path)
    return made
