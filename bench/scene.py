"""The inputs of the tools: inventories, keys, binaries, the 20 files. One directory per run."""

import io
import json
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.fleet import Fleet
from kbootstrap import kubeadm, node_paths

VERSION = "v1.34.2"
FILES = 20
BYTES = 2048
PROGRAMS = ("kubeadm", "kubelet", "kubectl", "crictl")
TARGET = "/etc/bench.d"
CONFIGURATION = [
    "/etc/modules-load.d/95-kbootstrap.conf",
    "/etc/sysctl.d/95-kbootstrap.conf",
    "/etc/containerd/config.toml",
    "/etc/systemd/system/kubelet.service",
    "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
    "/etc/systemd/system/kubelet.service.d/zz-kbootstrap.conf",
    "/etc/crictl.yaml",
    node_paths.CLUSTER_NAME,
    node_paths.BEFORE,
    kubeadm.CONFIG,
]
PATHS = [
    *CONFIGURATION,
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/kubelet.conf",
    *(f"/usr/local/bin/{name}" for name in PROGRAMS),
]
RIVALS = Path(__file__).with_name("rivals")


@dataclass
class Scene:
    """Files of one fleet, below its directory.

    Attributes:
        reach: node name -> address and port; a relay's when latency is added.

    """

    fleet: Fleet
    folder: Path
    reach: list[tuple[str, str, int]]
    _version: int = 0

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def inventory(self) -> Path:
        """The one of kbootstrap itself."""
        return self.folder / "inventory.yaml"

    def write(self) -> None:
        """Everything that does not change between runs."""
        (self.folder / "programs").mkdir(exist_ok=True)
        for name in PROGRAMS:
            path = self.folder / "programs" / name
            path.write_text(
                f'#!/bin/sh\n# {name}\n[ "$1" != version ] || echo {VERSION}\nexit 0\n'
                + f"# {'x' * 100}\n" * 600
            )
            path.chmod(0o755)
        keys = dict(
            line.split(" ", 1) for line in self.fleet.cheap.known_hosts().read_text().splitlines()
        )
        self.known_hosts.write_text(
            "".join(
                f"{_place(host, port)} {keys[old]}\n"
                for (_, host, port), old in zip(self.reach, self.fleet.addresses, strict=True)
            )
        )
        (self.folder / "paths.json").write_text(json.dumps(PATHS))
        (self.folder / "configuration.json").write_text(json.dumps(CONFIGURATION))
        words = {"scene": str(self.folder), "paths": PATHS, "configuration": CONFIGURATION}
        (self.folder / "words.json").write_text(json.dumps(words))
        self._ansible()
        self._pyinfra()
        self.next_files()

    def keep_rendered(self) -> None:
        """Copy what a first ``up`` has written on each host, for the rivals to compare with."""
        for host in self.fleet.cheap.hosts:
            for path in CONFIGURATION:
                copy = self.folder / "rendered" / host.name / path.lstrip("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(host.folder / "upper" / path.lstrip("/"), copy)

    def next_files(self) -> None:
        """Twenty files that no host has yet, for every tool."""
        self._version += 1
        folder = self.folder / "files"
        folder.mkdir(exist_ok=True)
        for number in range(FILES):
            head = f"# file {number}, version {self._version} of {os.getpid()}\n"
            line = f"option_{number} = {'v' * 50}\n"
            (folder / f"f{number:02}.conf").write_text((head + line * 60)[:BYTES])
        with tarfile.open(self.folder / "files.tar", "w") as tar:
            for name, text in self.files().items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(text), 0o644
                entry.uname = entry.gname = "root"
                tar.addfile(entry, io.BytesIO(text.encode()))
        self.inventory.write_text(yaml.dump(self._inventory(), Dumper=yaml.CSafeDumper))

    def files(self) -> dict[str, str]:
        """Name -> content of the twenty."""
        return {path.name: path.read_text() for path in sorted((self.folder / "files").iterdir())}

    def _inventory(self) -> dict[str, Any]:
        return {
            "cluster": {"name": "bench"},
            "kubernetes": {"version": VERSION},
            "defaults": {"ssh": {"user": "root", "key": str(self.fleet.cheap.key)}},
            "nodes": [
                {
                    "name": name,
                    "address": address,
                    "role": "worker" if at else "control-plane",
                    "ssh": {"host": host, "port": port},
                }
                for at, ((name, host, port), address) in enumerate(
                    zip(self.reach, self.fleet.addresses, strict=True)
                )
            ],
            "network": {"pod_cidr": "10.128.0.0/12", "service_cidr": "10.200.0.0/16"},
            "cni": {"type": "none"},
            "programs": {"source": "folder", "folder": str(self.folder / "programs")},
            "files": [
                {"path": f"{TARGET}/{name}", "content": text} for name, text in self.files().items()
            ],
        }

    def _ansible(self) -> None:
        key, known = self.fleet.cheap.key, self.known_hosts
        lines = [
            f"{name} ansible_host={host} ansible_port={port}" for name, host, port in self.reach
        ]
        (self.folder / "hosts.ini").write_text("\n".join(["[all]", *lines, ""]))
        options = [
            "-o ControlMaster=auto -o ControlPersist=60s -o KexAlgorithms=curve25519-sha256",
            f"-o UserKnownHostsFile={known} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes",
        ]
        settings = {
            "defaults": {
                "inventory": str(self.folder / "hosts.ini"),
                "private_key_file": str(key),
                "remote_user": "root",
                "interpreter_python": "/usr/bin/python3",
                "gathering": "explicit",
                "strategy": "free",
                "display_ok_hosts": "false",
                "local_tmp": str(self.folder / "ansible"),
            },
            "connection": {"pipelining": "true"},
            "ssh_connection": {
                "ssh_args": " ".join(options),
                "control_path_dir": str(self.folder / "cp"),
                "control_path": "%(directory)s/%%C",
            },
        }
        text = "\n".join(
            f"[{part}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
            for part, values in settings.items()
        )
        (self.folder / "ansible.cfg").write_text(text)

    def _pyinfra(self) -> None:
        common = {
            "ssh_user": "root",
            "ssh_key": str(self.fleet.cheap.key),
            "ssh_known_hosts_file": str(self.known_hosts),
            "ssh_strict_host_key_checking": "yes",
        }
        hosts = [
            (name, common | {"ssh_hostname": host, "ssh_port": port})
            for name, host, port in self.reach
        ]
        (self.folder / "inventory.py").write_text(f"hosts = {hosts!r}\n")


def _place(host: str, port: int) -> str:
    return host if port == 22 else f"[{host}]:{port}"  # noqa: PLR2004 - SSH's own port
