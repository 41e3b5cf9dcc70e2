"""Clusters that kbootstrap did not make: the inventory that `import` prints, and `--adopt`."""

import json
import re
from dataclasses import replace

import yaml

from kbootstrap import codes
from kbootstrap.drift import imported
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import InventoryError
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.load import load_text
from kbootstrap.model.observed import Observed
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certificates, identity, kubelet_config

FOREIGN = "import"  # the name of a cluster whose name is not known yet
PHASES = (identity.PHASE, certificates.PHASE, kubelet_config.PHASE)
_TARGET = re.compile(r"(?:(?P<user>[^@]+)@)?(?P<host>\[[^]]+\]|[^@:]+)(?::(?P<port>\d{1,5}))?")
FIRST = ("cluster", "kubernetes", "defaults", "nodes", "api", "network")  # sections
HEAD = """\
# The inventory of a cluster that exists, printed by `kbootstrap import`. Nothing was changed.
# 1. Read it, and add what kubeadm does not store: how to log in to the other nodes, groups,
#    runtime.settings, registry.mirrors, cni.
# 2. kbootstrap plan --adopt --diff    shows what differs from it
# 3. kbootstrap up --adopt             manages the cluster from now on
"""


def adopting(cluster: Cluster, options: RunOptions) -> Cluster:
    """The cluster; with ``--adopt`` one that has no record of kbootstrap yet.

    Raises:
        InventoryError: KB199, the inventory does not say which CA it has.

    """
    if not options.adopt:
        return cluster
    if not cluster.ca_hash:
        raise InventoryError(codes.ADOPTS_WHICH, "--adopt needs cluster.ca_hash in the inventory")
    return replace(cluster, adopt=True)


def look(options: RunOptions, report: Report) -> Document:
    """The inventory of the cluster of ``options.source``.

    Raises:
        KbError: the host cannot be reached, or is no control plane that kubeadm made.

    """
    ssh, host = _login(options)
    probed, observed = _read(options, report, _one_node(FOREIGN, host, ssh))
    marker = probed.facts[identity.PHASE.id].marker
    if observed is None and marker:  # kbootstrap's own, which is asked by its name
        probed, observed = _read(options, report, _one_node(marker, host, ssh))
    if observed is None:
        message = f"{host} is not a control plane that kubeadm made"
        raise InventoryError(codes.ADOPTS_WHICH, message)
    plain = imported.inventory(observed, _origin(probed, host, ssh))
    return imported.with_settings(plain, load_text(text(plain), FOREIGN), observed)


def _read(
    options: RunOptions, report: Report, inventory: str
) -> tuple[ProbeResult, Observed | None]:
    """The control plane and its cluster; None if it has none, or one of another name."""
    cluster = replace(load_text(inventory, FOREIGN), adopt=True)
    with Run(options, cluster, PHASES, report.bus, asks=Asks(endpoint=True)) as run:
        run.probe((cluster.first,))
        report.stop_on(error.finding for error in run.errors)
        return run.probes[cluster.first.name], run.observe() if run.has_api() else None


def _origin(probed: ProbeResult, host: str, ssh: Document) -> imported.Origin:
    facts = probed.facts[identity.PHASE.id]
    kubelet: kubelet_config.Facts = probed.facts[kubelet_config.PHASE.id]
    return imported.Origin(
        host=host,
        advertised=facts.serves_address,
        port=facts.port,
        ca_hash=facts.ca_hash,
        kubelet=next((word for word in kubelet.arg if word.endswith("/kubelet")), ""),
        ssh=ssh,
    )


def _login(options: RunOptions) -> tuple[Document, str]:
    """The login as the inventory has it, and the host.

    Raises:
        InventoryError: KB199, --from is not USER@HOST:PORT.

    """
    match = _TARGET.fullmatch(options.source)
    if match is None:
        raise InventoryError(codes.ADOPTS_WHICH, f"--from {options.source} names no host")
    given = {
        "user": match["user"],
        "port": int(match["port"]) if match["port"] else None,
        "key": str(options.key.absolute()) if options.key else None,
        "become": options.become or None,
    }
    ssh = Document.of({name: value for name, value in given.items() if value is not None})
    return ssh, match["host"].strip("[]")


def _one_node(name: str, host: str, ssh: Document) -> str:
    """An inventory with which the host can be asked; the rest of it is never used."""
    return json.dumps(
        {
            "cluster": {"name": name},
            "kubernetes": {"version": "v1.34.0"},
            "defaults": {"ssh": ssh.data},
            "nodes": [{"name": "control-plane", "address": host, "role": "control-plane"}],
            "network": {"pod_cidr": "10.244.0.0/16"},
            "cni": {"type": "none"},
            "programs": {"source": "preinstalled"},
        }
    )


def text(found: Document) -> str:
    """The inventory as YAML, section by section; of each node the name comes first."""
    data = found.data
    data["nodes"] = [{"name": node["name"], **node} for node in data["nodes"]]
    ordered = [*FIRST, *sorted(data.keys() - {*FIRST})]
    return HEAD + "".join(
        "\n" + yaml.safe_dump({name: data[name]}, sort_keys=False, width=100)
        for name in ordered
        if data.get(name)
    )
