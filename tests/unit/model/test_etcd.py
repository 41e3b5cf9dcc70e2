"""Who may leave etcd."""

from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.model.etcd import EtcdMember, can_leave, unsettled

FLAGS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=7)


def members(flags: list[tuple[bool, bool]]) -> tuple[EtcdMember, ...]:
    return tuple(
        EtcdMember(id=str(at), name=f"cp{at}", peer_url="", healthy=healthy, learner=learner)
        for at, (healthy, learner) in enumerate(flags)
    )


@given(FLAGS)
def test_those_that_stay_always_have_a_quorum(flags: list[tuple[bool, bool]]) -> None:
    found = members(flags)
    stay = [healthy for healthy, learner in flags[1:] if not learner]
    assert can_leave(found, "0") == (stay.count(True) >= len(stay) // 2 + 1)


@given(FLAGS)
def test_settled_are_healthy_voters(flags: list[tuple[bool, bool]]) -> None:
    assert (unsettled(members(flags)) == ()) == all(flag == (True, False) for flag in flags)
