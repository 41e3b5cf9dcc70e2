"""Removes a cluster's keys from an external etcd, with `--wipe-external-etcd` only.

Runs after every API server has stopped, which would write them again. The client certificate is
read earlier, since ``kubeadm reset`` may remove it.
"""

from collections.abc import Iterator

from kbootstrap.action import Action, Risk, WipeEtcd
from kbootstrap.engine.phase import NoFacts, Phase, View, Wait
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.etcd import prefix


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """`LocalState.wipe` says what it holds, and is empty after the wipe."""
    external, held = view.cluster.etcd.external, view.local.wipe
    if external is not None and held is not None and held.keys:
        yield WipeEtcd(
            why="--wipe-external-etcd",
            prefix=prefix(view.cluster),
            endpoint=external.endpoints[0],
            found=held.text,
            risk=Risk.DESTROY,
        )


def _on(cluster: Cluster, node: Node) -> bool:
    return cluster.etcd.external is not None and node == cluster.first


PHASE = Phase(
    id="external-etcd",
    title="External etcd",
    facts=NoFacts,
    plan=plan,
    on=_on,
    waits=(("leave", Wait.CONTROL_PLANES),),
)
