"""Artifacts: what kbootstrap puts on nodes, and the sources that it comes from.

A source is one file here and one row of `SOURCES`; phases and commands ask `source_of` and know
no source by its name. A new value of `programs.source` also goes to the inventory's model.
"""

from collections.abc import Callable, Mapping

from kbootstrap.artifacts.artifact import Artifact
from kbootstrap.artifacts.directory import Directory
from kbootstrap.artifacts.preinstalled import Preinstalled
from kbootstrap.artifacts.release import Release
from kbootstrap.artifacts.source import Source
from kbootstrap.model.cluster import Cluster

__all__ = ["SOURCES", "Artifact", "Source", "source_of"]

SOURCES: Mapping[str, Callable[[Cluster], Source]] = {
    "release": Release,
    "folder": Directory,
    "preinstalled": Preinstalled,
}


def source_of(cluster: Cluster) -> Source:
    """The source that `programs.source` names."""
    return SOURCES[cluster.programs.source](cluster)
