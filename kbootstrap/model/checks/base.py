"""What a check reads: the inventory, its merged nodes, and the directory of its files."""

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
    """A valid inventory, perhaps without its broken parts."""

    inventory: Inventory
    members: tuple[MergedNode, ...]
    directory: Path
    version: Version | None  # None: missing or wrong; checks that need it pass

    @property
    def layers(self) -> Iterator[tuple[Keys, Settings]]:
        """Every path at which settings of nodes are written, with the settings."""
        yield ("defaults",), self.inventory.defaults
        for name, group in self.inventory.groups.items():
            yield ("groups", name), group
        for index, entry in enumerate(self.inventory.nodes):
            yield ("nodes", index), entry

    def before(self, minor: int) -> bool:
        """Whether the version is known and older than 1.``minor``."""
        return self.version is not None and self.version.minor < minor


Check = Callable[[CheckContext], Iterator[Violation]]
