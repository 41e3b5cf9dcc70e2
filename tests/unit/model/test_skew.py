"""Kubernetes' version rules, over every pair of releases and every size of a batch."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.model import skew
from kbootstrap.model.versions import NEWEST_MINOR, OLDEST_MINOR, Version

MINORS = range(OLDEST_MINOR, NEWEST_MINOR + 1)
NODES = tuple(f"worker-{number}" for number in range(1, 101))
PAIRS = list(itertools.product(MINORS, MINORS))


def v(minor: int, patch: int = 0) -> Version:
    return Version(1, minor, patch)


def state(server: int, kubelet: int | None = None, patch: int = 0) -> skew.Versions:
    kubelets = dict.fromkeys(NODES, v(server if kubelet is None else kubelet, patch))
    return skew.Versions({"cp": v(server, patch)}, {**kubelets, "cp": v(server, patch)})


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_a_jump_is_a_chain_of_single_minors(old: int, new: int) -> None:
    now, target = state(old), v(new, 3)
    if new < old:
        assert list(skew.faults(now, target))
        return
    assert not list(skew.faults(now, target))
    stops = skew.minors(now, target)
    assert stops == (tuple(range(old + 1, new + 1)) or (new,))
    known = {minor: v(minor, 9) for minor in MINORS}
    chain = skew.hops(now, target, known)
    assert chain[-1] == target
    assert all(chain[i] == v(stops[i], 9) for i in range(len(stops) - 1))


@pytest.mark.parametrize(("kubelet", "server"), [(k, s) for k, s in PAIRS if k <= s])
def test_the_chain_starts_at_the_oldest_kubelet(kubelet: int, server: int) -> None:
    """At every stop every kubelet gets along with API servers of that stop."""
    for new in range(server, NEWEST_MINOR + 1):
        now, target = state(server, kubelet), v(new)
        assert not list(skew.faults(now, target))
        stops = skew.minors(now, target)
        assert stops[0] == (server if kubelet < server or new == server else server + 1)
        kubelets = dict.fromkeys(NODES, v(kubelet))
        servers = server
        for stop in stops:
            assert stop - servers <= 1
            if server - kubelet <= skew.MOST_BEHIND:
                assert not list(skew.left_behind(kubelets, v(stop)))
            servers, kubelets = stop, dict.fromkeys(NODES, v(stop))


@pytest.mark.parametrize(("kubelet", "server"), PAIRS)
def test_a_kubelet_is_never_newer_than_its_api_server(kubelet: int, server: int) -> None:
    faults = list(skew.faults(state(server, kubelet), v(NEWEST_MINOR)))
    assert len(faults) == (len(NODES) if kubelet > server else 0)


@pytest.mark.parametrize(("kubelet", "target"), PAIRS)
def test_a_kubelet_left_behind_is_at_most_three_minors_older(kubelet: int, target: int) -> None:
    late = list(skew.left_behind(dict.fromkeys(NODES, v(kubelet)), v(target)))
    assert bool(late) == (target - kubelet > 3)
    assert all(name in text for name, text in zip(sorted(NODES), late, strict=False))


def test_a_half_done_hop_is_finished_with_its_own_release() -> None:
    now = skew.Versions({"a": v(35, 1), "b": v(34, 2)}, {"a": v(35, 1), "b": v(34, 2)})
    assert not list(skew.faults(now, v(36)))
    assert skew.hops(now, v(36), {35: v(35, 9)}) == (v(35, 1), v(36))


def test_an_unknown_minor_on_the_way_stays_a_number() -> None:
    assert skew.hops(state(33), v(36), {35: v(35, 1)}) == (34, v(35, 1), v(36))


def test_a_patch_release_is_one_hop_and_never_back() -> None:
    assert skew.hops(state(34, patch=2), v(34, 5), {}) == (v(34, 5),)
    assert list(skew.faults(state(34, patch=5), v(34, 2)))
    assert skew.hops(state(34, patch=2), v(34, 2), {}) == (v(34, 2),)


def test_every_batch_is_rounded_up_and_never_empty() -> None:
    for nodes in range(1, 301):
        for percent in range(1, 101):
            size = skew.batch(nodes, f"{percent}%")
            assert size >= 1
            assert (size - 1) * 100 < nodes * percent <= size * 100
        assert skew.batch(nodes, str(nodes)) == nodes


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-1", "", "%", "ten", "1.5", "٣"])
def test_what_is_no_batch(text: str) -> None:
    with pytest.raises(ValueError, match="node"):
        skew.batch(10, text)


@pytest.mark.parametrize("minor", MINORS)
def test_a_flag_once_removed_stays_removed(minor: int) -> None:
    assert set(skew.refused_flags(minor)) <= set(skew.refused_flags(minor + 1))
    assert ("pod-infra-container-image" in skew.refused_flags(minor)) == (minor >= 35)


@pytest.mark.parametrize(
    ("minor", "kind", "version", "notes"),
    [
        (35, "containerd", "1.7.2", 0),
        (36, "containerd", "v1.7.2", 1),
        (36, "containerd", "2.0.1", 0),
        (35, "cri-o", "1.34.1", 1),
        (35, "cri-o", "1.35.0", 0),
        (35, "cri-o", "", 0),
    ],
)
def test_what_a_runtime_should_be(minor: int, kind: str, version: str, notes: int) -> None:
    assert len(list(skew.runtime_notes(v(minor), kind, version))) == notes


@given(st.text(max_size=12))
def test_any_text_is_a_version_or_none(text: str) -> None:
    found = skew.read(text)
    assert found is None or str(found) == text.partition("+")[0].strip()


def test_a_vendors_suffix_does_not_count() -> None:
    assert skew.read("v1.34.2+rke2r1") == v(34, 2)
