"""Stores the control plane's changed settings in the ConfigMap kubeadm-config.

kubeadm reads it for each join and upgrade. It is changed after every control plane, because until
then it is the evidence of what an earlier inventory had set there.
"""

from collections.abc import Iterator
from typing import Any

from kbootstrap.action import Action, SetAddonImage, SetClusterConfiguration
from kbootstrap.drift import desired, unapplied
from kbootstrap.engine.phase import NoFacts, Phase, View, Wait, on_first
from kbootstrap.model.difference import Difference


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Store what differs, if this run changes every control plane."""
    found = _differences(view)
    if found and whole(view):
        if any(difference.key == "registry.image_repository" for difference in found):
            yield from _images(view)
        document = desired(view.cluster, view.api.kubeadm_config)
        yield SetClusterConfiguration(
            why="kubeadm join and upgrade read it",
            changed=tuple(difference.key for difference in found),
            document=document,
            effect={"api": {"kubeadm_config": document}},
        )


def _images(view: View[NoFacts]) -> Iterator[Action]:
    """The images of the addons; before the ConfigMap, which is the evidence that they differ."""
    images, addons = view.cluster.images, view.cluster.addons
    dns = images.dns_repository or images.repository
    dns += "/coredns" if dns == "registry.k8s.io" else ""  # as kubeadm chooses it
    wanted = (
        ("kube-proxy", f"{images.repository}/kube-proxy", addons.kube_proxy),
        ("coredns", f"{dns}/coredns", addons.dns and not images.dns_repository),
    )
    for addon, image, on in wanted:
        if on:  # also one that phase `addons` is yet to install
            yield SetAddonImage(why="registry.image_repository differs", addon=addon, image=image)


def drift(view: View[NoFacts]) -> Iterator[Difference]:
    """What is not stored yet, because this run does not change every control plane."""
    if not whole(view):
        yield from _differences(view)


def _differences(view: View[NoFacts]) -> tuple[Difference, ...]:
    return tuple(unapplied(view.cluster, view.api)) if view.api.kubeadm_config else ()


def whole(view: View[Any]) -> bool:
    """Whether the run is about all control planes."""
    options = view.options
    names = {node.name for node in view.cluster.control_planes}
    limited = {*options.limit, *options.nodes}
    return not limited or "control-plane" in limited or names <= limited


PHASE = Phase(
    id="control-plane-config",
    title="Settings of the control plane stored",
    facts=NoFacts,
    plan=plan,
    drift=drift,
    on=on_first,
    waits=(("control-plane", Wait.CONTROL_PLANES), ("endpoint-files", Wait.CONTROL_PLANES)),
    api=True,
)
