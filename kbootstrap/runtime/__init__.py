"""Container runtimes: their configuration files and the content; pure."""

from dataclasses import dataclass

from kbootstrap.model.cluster import Cluster, RuntimeType
from kbootstrap.runtime import containerd, crio


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file of a runtime's configuration.

    Attributes:
        restart: the daemon must be restarted to read it.

    """

    path: str
    body: str
    restart: bool


def config_files(cluster: Cluster, major: int) -> tuple[ConfigFile, ...]:
    """The files of the cluster's runtime, whose installed major version is ``major``."""
    if cluster.runtime.type is RuntimeType.CRIO:
        return (
            ConfigFile(crio.DROP_IN, crio.drop_in(cluster), restart=True),
            ConfigFile(crio.REGISTRIES, crio.registries(cluster), restart=True),
        )
    hosts = tuple(
        ConfigFile(containerd.hosts_path(mirror), containerd.hosts_toml(mirror), restart=False)
        for mirror in cluster.images.mirrors
    )
    return (ConfigFile(containerd.CONFIG, containerd.config(cluster, major), restart=True), *hosts)


def config_paths(cluster: Cluster) -> tuple[str, ...]:
    """The paths alone, which do not depend on the version."""
    return tuple(file.path for file in config_files(cluster, major=2))
