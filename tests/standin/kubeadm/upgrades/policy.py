"""Which version may follow which."""

from __future__ import annotations

from tests.standin import stamp
from tests.standin.common import kube
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube
from tests.standin.kubeadm.config import net
from tests.standin.kubeadm.phase import say


def enforce(api: Kube, new: str, *, allow: tuple[bool, bool], force: bool) -> None:
    """Mandatory faults end it, others unless forced; allow = (experimental, rc)."""
    say(f'[upgrade/preflight] You have chosen to upgrade the cluster version to "{new}"')
    current = cluster_version(api)
    say(f"[upgrade/versions] Cluster version: {current}")
    say(f"[upgrade/versions] kubeadm version: {stamp.VERSION}")
    mandatory, skippable = faults(new, current, kubelet_versions(api), allow)
    if mandatory:
        raise FatalError(
            f"the version argument is invalid due to these fatal"
            f" errors:\n\n{_lines(mandatory)}\nPlease"
            " fix the misalignments highlighted above and try upgrading again"
        )
    if skippable and not force:
        raise FatalError(
            f"the version argument is invalid due to these errors:\n\n{_lines(skippable)}\nCan be"
            " bypassed if you pass the --force flag"
        )
    if skippable:
        say(
            f"[upgrade/preflight] Found {len(skippable)} potential version compatibility errors but"
            f" skipping since the --force flag is set: \n\n{_lines(skippable)}"
        )


def _lines(texts: list[str]) -> str:
    return "".join(f"\t- {t}\n" for t in texts)


def cluster_version(api: Kube) -> str:
    return str(api.get("/version")["gitVersion"])


def kubelet_versions(api: Kube) -> dict[str, list[str]]:
    """Version -> node names."""
    out: dict[str, list[str]] = {}
    for node in api.items(kube.path("nodes")):
        version = node["status"]["nodeInfo"]["kubeletVersion"]
        out.setdefault(version, []).append(node["metadata"]["name"])
    return out


def _stable(version: str) -> bool:
    return "-" not in version


def faults(
    new: str, current: str, kubelets: dict[str, list[str]], allow: tuple[bool, bool]
) -> tuple[list[str], list[str]]:
    """(mandatory, skippable) complaints."""
    (major, minor, patch), cluster = net.semantic(new), net.semantic(current)
    own = net.semantic(stamp.VERSION)
    hard: list[str] = []
    soft: list[str] = []
    strict = hard if _stable(new) else soft
    if (major, minor) < (own[0], own[1] - 1):
        hard.append(
            f'Specified version to upgrade to "{new}" is equal to or lower than the minimum'
            f" supported"
            f' version "{current}". Please specify a higher version to upgrade to'
        )
    if minor > cluster[1] + 1:
        strict.append(
            f'Specified version to upgrade to "{new}" is too high; kubeadm can upgrade only 1 minor'
            " version at a time"
        )
    if minor < cluster[1] - 1:
        strict.append(
            f'Specified version to downgrade to "{new}" is too low; kubeadm can downgrade only'
            f" 1 minor"
            " version at a time"
        )
    if minor > own[1]:
        strict.append(
            f'Specified version to upgrade to "{new}" is at least one minor release higher than the'
            f" kubeadm minor release ({minor} > {own[1]}). Such an upgrade is not supported"
        )
    elif (major, minor, patch) > own:
        soft.append(
            f'Specified version to upgrade to "{new}" is higher than the kubeadm version'
            f' "{stamp.VERSION}". Upgrade kubeadm first using the tool you used to install kubeadm'
        )
    if own[1] > minor:
        soft.append(
            f"Kubeadm version {stamp.VERSION} can only be used to upgrade to Kubernetes version"
            f" {own[0]}.{own[1]}"
        )
    soft += _unstable(new, allow) + _old_kubelets(minor, kubelets)
    return hard, soft


def _unstable(new: str, allow: tuple[bool, bool]) -> list[str]:
    experimental, candidates = allow
    if _stable(new) or experimental or ("-rc" in new and candidates):
        return []
    return [
        (
            f'Specified version to upgrade to "{new}" is an unstable version and such upgrades'
            " weren't allowed via setting the --allow-*-upgrades flags"
        )
    ]


def _old_kubelets(minor: int, kubelets: dict[str, list[str]]) -> list[str]:
    old = [v for v in kubelets if minor > net.semantic(v)[1] + 3]
    text = "There are kubelets in this cluster that are too old that have these versions"
    return [f"{text} [{' '.join(old)}]"] if old else []
