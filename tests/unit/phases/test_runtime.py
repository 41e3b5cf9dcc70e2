"""What phase runtime does on a node whose kubelet runs, and on one where nothing does yet."""

from dataclasses import replace

import pytest

from kbootstrap.action import Action, Detached
from kbootstrap.engine.phase import View, forward
from kbootstrap.render import sha256
from kbootstrap.runtime import config_files
from phases import runtime
from phases.runtime import Facts
from tests.laws.clusters import cluster, workstation

KNOWN = cluster("single")
GOOD = tuple(f"{sha256(file.body)} {file.path}" for file in config_files(KNOWN, major=1))
OLD = tuple(f"old {line.partition(' ')[2]}" for line in GOOD)
LIVE = Facts(file=OLD, active=True, enabled=True, answers=True, used=True)
TRIAL = "run runtime-settings"
PLAIN = "systemctl restart containerd.service"
COPY = "copy /etc/containerd/config.toml to /var/lib/kbootstrap/runtime-settings"


def planned(facts: Facts) -> list[Action]:
    """The plan; its effects lead to an empty one."""
    view = View(cluster=KNOWN, node=KNOWN.first, facts=facts, **workstation(KNOWN))
    actions = list(runtime.plan(view))
    assert list(runtime.plan(forward(view, tuple(actions)))) == []
    return actions


def keys(facts: Facts) -> list[str]:
    return [action.key for action in planned(facts)]


def test_where_the_kubelet_runs_the_old_files_are_copied_and_the_new_ones_tried() -> None:
    found = keys(LIVE)
    assert (found[0], found[-1]) == (COPY, TRIAL)
    assert PLAIN not in found


@pytest.mark.parametrize("facts", [replace(LIVE, used=False), replace(LIVE, answers=False)])
def test_a_runtime_that_nothing_uses_or_that_is_down_is_just_restarted(facts: Facts) -> None:
    found = keys(facts)
    assert TRIAL not in found
    assert COPY not in found
    assert PLAIN in found


def test_an_interrupted_change_is_tried_again_and_the_first_copies_stay() -> None:
    unfinished = replace(LIVE, unfinished=True, stale=True)
    assert COPY not in keys(unfinished)
    assert keys(unfinished)[-1] == TRIAL
    assert keys(replace(unfinished, file=GOOD)) == [TRIAL]
    assert keys(replace(unfinished, file=GOOD, answers=False, active=False)) == [TRIAL]


def test_a_trial_under_way_is_followed_and_never_started_again() -> None:
    (action,) = planned(replace(LIVE, file=GOOD, unfinished=True, trial="running"))
    assert isinstance(action, Detached)
    assert action.attach


def test_a_trial_of_other_files_ends_before_these_are_written() -> None:
    actions = planned(replace(LIVE, unfinished=True, trial="running"))
    assert actions[0].text.startswith("wait until the runtime has its old configuration again")
    assert isinstance(actions[-1], Detached)
    assert not actions[-1].attach


@pytest.mark.parametrize(
    "facts", [replace(LIVE, file=GOOD), replace(LIVE, file=GOOD, trial="failed")]
)
def test_nothing_to_do(facts: Facts) -> None:
    assert keys(facts) == []
