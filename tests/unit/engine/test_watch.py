"""No wait of more than 15 s without a line that says what is waited for."""

import pytest

from kbootstrap.action import AwaitReady, Detached, Remove, Run
from kbootstrap.engine.events import Bus, Event
from kbootstrap.engine.request_builder import longest
from kbootstrap.engine.watch import AGAIN, FIRST, Watch
from tests.unit.engine.toys import Site, toy


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Running:
    """A bus with a watch whose thread is the test."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.clock = Clock()
        self.bus = Bus(self.events.append)
        self.watch = Watch(self.bus, self.clock)
        self.bus.add(self.watch)

    def lines(self, seconds: int) -> list[str]:
        """What is printed during so many seconds."""
        before = len(self.events)
        for _ in range(seconds):
            self.clock.now += 1
            self.watch.look()
        new = self.events[before:]
        return [f"{event.node}: {event.phase}: {event.text}" for event in new]

    def step(self, node: str, phase: str, text: str) -> None:
        """A step that has begun an action."""
        self.bus(Event(kind="step", node=node, phase=phase, state="running"))
        self.bus(Event(kind="action", node=node, phase=phase, text=text, longest=text))


@pytest.fixture
def run() -> Running:
    return Running()


def test_a_long_action_is_named_after_15_s_and_each_30_s(run: Running) -> None:
    run.step("node1", "init", "kubeadm init")
    assert run.lines(FIRST - 1) == []
    assert run.lines(1) == ["node1: init: kubeadm init: not done after 15 s"]
    assert run.lines(AGAIN) == ["node1: init: kubeadm init: not done after 45 s"]
    assert len(run.lines(2 * AGAIN)) == 2


def test_its_last_line_is_shown(run: Running) -> None:
    run.step("node1", "join", "kubeadm join")
    run.bus.output("node1", "join", ["[discovery] trying", "[discovery] Failed to request"])
    assert run.lines(FIRST) == [
        "node1: join: kubeadm join: not done after 15 s (last line: [discovery] Failed to request)"
    ]


def test_what_has_ended_is_not_named(run: Running) -> None:
    run.step("node1", "init", "kubeadm init")
    run.bus(Event(kind="step", node="node1", phase="init", state="changed"))
    with run.watch.during("node1", "connect", str):
        pass
    assert run.lines(100) == []


def test_a_note_is_a_line_and_what_is_waited_for_from_then_on(run: Running) -> None:
    run.step("node1", "kubelet", "restart")
    run.lines(10)
    run.bus.note("node1", "kubelet", "connection lost; waiting for node1 to answer again")
    assert run.lines(FIRST - 1) == []
    assert run.lines(1) == [
        "node1: kubelet: connection lost; waiting for node1 to answer again: not done after 15 s"
    ]


def test_a_step_that_does_not_come_to_its_first_action_waits_for_the_api(run: Running) -> None:
    run.bus(Event(kind="step", node="node1", phase="labels", state="running"))
    (line,) = run.lines(FIRST)
    assert "waiting for the API server" in line


def test_a_node_that_is_being_probed(run: Running) -> None:
    with run.watch.during("node1", "connect", lambda seconds: f"no answer for {seconds} s"):
        assert run.lines(FIRST) == ["node1: connect: no answer for 15 s"]


def test_many_nodes_that_wait_for_the_same_are_one_line(run: Running) -> None:
    for number in range(100):
        run.step(f"node{number}", "images", "pull")
    (line,) = run.lines(FIRST)
    assert "node0, node1, node2 and 97 more: images: pull: not done after 15 s" in line


def test_the_action_that_takes_long_is_named_though_others_begin_with_it() -> None:
    join = Detached(why="x", name="join", title="kubeadm join", body="true", seconds=9)
    drop = Remove(why="x", path="/run/x", always=True)
    run = Run(why="x", title="clear", body="true")
    assert longest((run, join, drop)) is join
    assert longest((run, AwaitReady(why="x", node="n"))).text == "wait until the node is Ready"
    assert longest((run, drop)) is drop


def test_steps_say_which_action_that_is() -> None:
    site = Site(toy("one", "a", "b"))
    site.run()
    actions = [event for event in site.events if event.kind == "action" and event.node == "w1"]
    assert [(event.text, event.longest) for event in actions] == [
        ("do a", "do b"),
        ("do b", "do b"),
    ]


def test_the_thread_looks_by_itself_and_ends() -> None:
    run = Running()
    run.watch.start()
    run.watch.close()
    assert run.watch._end.is_set()  # noqa: SLF001 - what its loop waits for
    run.step("node1", "init", "kubeadm init")
    run.bus.remove(run.watch)
    assert len(run.events) == 2
