"""A lab: several nodes, their network and their registry, brought up and taken away together."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from tests.lab import rootfs
from tests.lab.network import Port
from tests.lab.node import Node
from tests.lab.registry import Registry
from tests.lab.rootfs import Recipe
from tests.lab.shell import LabError
from tests.lab.site import Site

FIRST_HOST = 11


class Lab(Site):
    """N fresh nodes on a bridge of their own. As a context manager it cleans up after itself.

    The lab's key opens root, ops (sudo without password) and opspw (sudo with `sudo_password`).
    """

    def __init__(
        self,
        name: str = "demo",
        nodes: int = 3,
        *,
        disks: Mapping[str, str] | None = None,
        recipes: Mapping[str, Recipe] | None = None,
    ) -> None:
        super().__init__(name)
        self.nodes: list[Node] = []
        self._count = nodes
        self._disks = dict(disks or {})
        self._recipes = dict(recipes or {})  # by the name of the node; rootfs.NODE for others

    @classmethod
    def load(cls, name: str) -> Self:
        """The lab another process brought up."""
        lab = cls(name)
        try:
            known = json.loads((lab.state / "lab.json").read_text())
        except FileNotFoundError as gone:
            raise LabError(f"no lab {name!r} is up") from gone
        lab.nodes = [lab._node(n["name"], n["host"], n["disks"]) for n in known["nodes"]]
        return lab

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    @property
    def registry(self) -> Registry:
        """Plain http on the bridge; see its `repository`, `push_kubernetes` and `pulls`."""
        return Registry(self.network, self.folder / "registry")

    def up(self) -> None:
        """Bring everything up, in place of any earlier lab of this name; all or nothing."""
        self.down()
        try:
            self.claim()
            for recipe in {rootfs.NODE, *self._recipes.values()}:
                rootfs.ensure(recipe)
            self.registry.start()
            hosts = range(FIRST_HOST, FIRST_HOST + self._count)
            self._start([self._node(f"node{i}", h, self._disks) for i, h in enumerate(hosts, 1)])
        except BaseException:
            self.down()
            raise

    def add_node(self, name: str = "", *, disks: Mapping[str, str] | None = None) -> Node:
        """One more fresh node."""
        host = max((node.port.host for node in self.nodes), default=FIRST_HOST - 1) + 1
        node = self._node(name or f"node{host - FIRST_HOST + 1}", host, disks or {})
        self._start([node])
        return node

    def reinstall(self, name: str) -> Node:
        """The same name and address, with empty disks and new host keys."""
        old = self.node(name)
        at = self.nodes.index(old)
        self.nodes.remove(old)
        old.remove()
        node = self._node(name, old.port.host, old.disks.sizes)
        self._start([node])
        self.nodes.insert(at, self.nodes.pop())
        return node

    def down(self) -> None:
        """Remove every trace of a lab of this name, whoever made it and however far it came."""
        folders = (self.folder / "nodes").glob("*")
        found = [self._node(folder.name, 0, {}) for folder in folders]
        with ThreadPoolExecutor() as pool:
            list(pool.map(Node.remove, found))
        self.registry.stop()
        self.release()
        self.nodes = []

    def node(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise LabError(f"no node {name!r}; there are {[node.name for node in self.nodes]}")

    def _node(self, name: str, host: int, disks: Mapping[str, str]) -> Node:
        folder = self.folder / "nodes" / name
        return Node(name, Port(self.network, host), folder, disks)

    def _start(self, nodes: list[Node]) -> None:
        """Create and boot nodes side by side, then write down what is needed to reach them."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(self._boot, nodes))
        self.nodes += nodes
        self.write_known_hosts((n.address, key) for n in self.nodes for key in n.host_keys())
        known = [
            {"name": n.name, "host": n.port.host, "address": n.address, "disks": n.disks.sizes}
            for n in self.nodes
        ]
        state = {"name": self.name, "slot": self.network.slot, "nodes": known}
        (self.state / "lab.json").write_text(json.dumps(state, indent=2) + "\n")

    def _boot(self, node: Node) -> None:
        recipe = self._recipes.get(node.name, rootfs.NODE)
        node.create(recipe.path, self.login_files(node.name))
        node.wait_booted()
