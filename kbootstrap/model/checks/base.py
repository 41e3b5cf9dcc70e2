"""What a check looks at: the inventory, its merged nodes, and where its files are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.model.inventory import Inventory
from kbootstrap.model.merge import MergedNode
from kbootstrap.model.problems import Path as Keys
from kbootstrap.model.problems import Violation
from kbootstrap.model.settings import Settings
from kbootstrap.model.versions import Version


@dataclass(frozen=True, slots=True)
class CheckContext:
    """A well-formed inventory, perhaps without its broken parts."""

    inventory: Inventory
    members: tuple[MergedNode, ...]
    folder: Path
    version: Version | None  # None: it is missing or wrong, so checks that need it pass

    @property
    def layers(self) -> Iterator[tuple[Keys, Settings]]:
        """Every place where settings of machines are written, once each."""
        yield ("defaults",), self.inventory.defaults
        for name, group in self.inventory.groups.items():
            yield ("groups", name), group
        for index, entry in enumerate(self.inventory.nodes):
            yield ("nodes", index), entry

    def before(self, minor: int) -> bool:
        """Whether the version is known and older than 1.``minor``."""
        return self.version is not None and self.version.minor < minor


Check = Callable[[CheckContext], Iterator[Violation]]
