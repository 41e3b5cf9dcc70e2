"""Whose cluster a node belongs to: its record of kbootstrap, its CA, and what proves that CA.

The record (`node_paths.CLUSTER_NAME`) has two lines: the cluster's name, from before ``kubeadm
init``, and kubeadm's hash of its CA, from when there is one. During a rotation of the CA a node
trusts the old and the new one, and one of them has to be known. Phases that act on a node of
unknown origin have `Record` as the base of their facts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes, node_paths, pki
from kbootstrap.engine.phase import View
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster

CA_FILE = "/etc/kubernetes/pki/ca.crt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What templates/identity/record.sh.j2 prints."""

    marker: str = ""  # the cluster's name in kbootstrap's record
    marker_ca: str = ""  # the hash of its CA there
    ca: tuple[str, ...] = ()  # lines of the node's CA_FILE

    @property
    def ca_pem(self) -> str:
        """The cluster CA on the node; empty if there is none."""
        return "".join(f"{line}\n" for line in self.ca)

    @property
    def ca_hash(self) -> str:
        """Kubeadm's hash of the CA on the node; empty if there is none that can be read."""
        return ca_hash(self.ca_pem)

    @property
    def ca_hashes(self) -> frozenset[str]:
        """Those of all CAs in the file: during a rotation it has the old and the new one."""
        return ca_hashes(self.ca_pem)


def ca_hash(pem: str) -> str:
    """`pki.ca_hash`, and empty for a text that is not a certificate."""
    try:
        return pki.ca_hash(pem) if pem else ""
    except ValueError:
        return ""


def ca_hashes(pem: str) -> frozenset[str]:
    """`pki.ca_hashes`, and empty for a text without a certificate."""
    try:
        return pki.ca_hashes(pem) if pem else frozenset()
    except ValueError:
        return frozenset()


def carries_record(cluster: Cluster, facts: Record) -> bool:
    """Whether the node has the record of this cluster, and no CA that contradicts it.

    Only a control plane of which this is true is asked about the cluster. One that is adopted has
    no record yet.
    """
    wanted = {facts.marker_ca, cluster.ca_hash} - {""}
    named = facts.marker == cluster.name or (cluster.adopt and not facts.marker)
    return named and (not facts.ca_hashes or wanted <= facts.ca_hashes)


def is_ours(view: View[Any]) -> bool:
    """Whether the node's record says so, or else the CA of the control plane in use.

    In an adoption, the CA that the inventory names does, too.
    """
    facts: Record = view.facts
    if any(foreign(view)):
        return False
    adopted = view.cluster.ca_hash if view.cluster.adopt else ""
    known = ca_hashes(view.ca) | {adopted}
    return bool(facts.marker) or not known.isdisjoint(facts.ca_hashes)


def foreign(view: View[Any]) -> Iterator[Finding]:
    """The refusal of a node that has the record or the CA of another cluster."""
    facts: Record = view.facts
    if facts.marker and facts.marker != view.cluster.name:
        message = f"the node belongs to cluster {facts.marker!r} ({node_paths.CLUSTER_NAME})"
        yield Finding(codes.FOREIGN_CLUSTER, message)
        return
    for wanted, source in _proofs(view):
        if facts.ca_hashes and facts.ca_hashes.isdisjoint(_linked(wanted, view)):
            known = " or ".join(sorted(wanted))
            message = f"the node's CA is {facts.ca_hash} ({CA_FILE}), not the {known} of {source}"
            yield Finding(codes.FOREIGN_CLUSTER, message)
            return


def _linked(wanted: frozenset[str], view: View[Any]) -> frozenset[str]:
    """The CAs, and those that the control plane in use trusts beside one of them."""
    trusted = ca_hashes(view.ca)
    return wanted if wanted.isdisjoint(trusted) else wanted | trusted


def _proofs(view: View[Any]) -> Iterator[tuple[frozenset[str], str]]:
    """The known hashes of the cluster's CA, and their source.

    A local kubeconfig may be of an earlier cluster until ``up`` has finished, so it counts once
    the CA is recorded on the node.
    """
    facts: Record = view.facts
    local = ca_hashes(view.local.kubeconfig_ca) if facts.marker_ca else frozenset()
    known = (
        (frozenset({facts.marker_ca}), f"its record ({node_paths.CLUSTER_NAME})"),
        (
            frozenset({view.cluster.ca_hash}),
            "cluster.ca_hash in the inventory (after `certs rotate-ca`, write the new one there)",
        ),
        (local, "the local kubeconfig (move that file away if it is of an earlier cluster)"),
        (ca_hashes(view.ca), view.control_plane),
    )
    yield from ((wanted - {""}, source) for wanted, source in known if wanted - {""})
