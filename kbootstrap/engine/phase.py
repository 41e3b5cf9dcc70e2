"""What a phase file is made of: `Phase`, `View`, facts.

A phase is a value: the nodes it runs on, what it waits for, a read-only probe, and a pure ``plan``
from the facts to the least change. tests/laws checks for every phase: a finished state plans
nothing; after any part of a plan the rest is planned; every fact matters.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from kbootstrap.action import Action
from kbootstrap.engine.inputs import LocalInputs, LocalState
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.document import Document
from kbootstrap.model.host_facts import UNKNOWN, HostFacts
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.options import RunOptions

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class NoFacts:
    """For a phase that reads only the API."""


@dataclass(frozen=True, kw_only=True)
class View(Generic[F]):
    """Everything that a plan may depend on."""

    cluster: Cluster
    node: Node
    facts: F
    host: HostFacts = UNKNOWN
    api: Observed = NOTHING
    control_plane: str = ""  # name of the one in use; "" before init
    ca: str = ""  # PEM of the cluster's CA, as that control plane holds it
    options: RunOptions = field(default_factory=RunOptions)  # a test lists those that phases use
    inputs: LocalInputs = field(default_factory=LocalInputs)
    local: LocalState = field(default_factory=LocalState)
    now: int = 0  # the workstation's clock when the facts were read, seconds since 1970


def nothing_compared(views: tuple[View[F], ...]) -> Iterator[Finding]:
    """The ``compare`` of a phase that compares no nodes."""
    del views
    yield from ()


class Wait(Enum):
    """The nodes whose step of another phase a step waits for."""

    FIRST = "first"  # the first control plane
    CONTROL_PLANES = "control-planes"
    EARLIER = "earlier"  # nodes before this one in the inventory
    ALL = "all"


def everywhere(cluster: Cluster, node: Node) -> bool:
    """Run on every node."""
    del cluster, node
    return True


def on_first(cluster: Cluster, node: Node) -> bool:
    """Run on the node that initialises the cluster."""
    return node == cluster.first


def nothing_wrong(view: View[F]) -> Iterator[Finding]:
    """The default: nothing to refuse."""
    del view
    yield from ()


def writes_nothing(cluster: Cluster, node: Node) -> Iterable[tuple[str, str]]:
    """The files of a phase that writes none, or none that is known before a run."""
    del cluster, node
    return ()


def leaves_nothing(cluster: Cluster, node: Node) -> Leftovers:
    """What a phase leaves on a node besides its files in the ledger."""
    del cluster, node
    return Leftovers()


def no_difference(view: View[F]) -> Iterator[Difference]:
    """The ``drift`` of a phase that compares no setting of a live node."""
    del view
    yield from ()


@dataclass(frozen=True, slots=True)
class Window:
    """How many nodes may be in a phase at once, counting those with changes that it limits.

    A node whose step fails keeps its place, because it may be unfit for work; when failed nodes
    hold every place, the other nodes are not started.

    Attributes:
        size: how many.
        canary: the first node goes alone; no other one starts unless its step succeeds.
        limits: whether it limits a step with these actions.

    """

    size: int
    canary: bool = True
    limits: Callable[[tuple[Action, ...]], bool] = bool


@dataclass(frozen=True, kw_only=True)
class Phase(Generic[F]):
    """One phase of a workflow.

    Attributes:
        id: its name on the command line and in checkpoints.
        title: what it does, as printed.
        facts: a frozen dataclass; fields are str, bool, int or tuple[str, ...].
        probe: the read-only shell text that prints ``field=value`` lines; None if the API is
            enough.
        plan: pure; yields the least change from the facts to the inventory's state.
        check: pure; yields the reasons to refuse this node, before anything changes.
        drift: pure; yields the settings in which the live node differs from the inventory and
            which ``plan`` does not change.
        compare: pure; yields errors found by comparing nodes, from the view of every probed
            node. Each error has its node.
        files: pure; path and content of each file that its plan writes, as far as they are
            known before a run: `render` prints them.
        leaves: pure; what `reset` has to remove because of it. Also asked of nodes that it does
            not run on: the inventory may have said otherwise before.
        on: the nodes it runs on.
        waits: steps of other nodes it needs, besides the earlier phases of its own node.
        api: its plan reads the API's state, which is refreshed first.
        manifests: it also reads the objects of the CNI manifests.
        recorded: its end is recorded in the node's checkpoint.
        shared: others use its facts, such as which control plane is up, so it is probed also when
            only other phases run.
        window: how many nodes may be in it at once; None: all.

    """

    id: str
    title: str
    facts: type[F]
    plan: Callable[[View[F]], Iterator[Action]]
    probe: Callable[[Cluster, Node], str] | None = None
    check: Callable[[View[F]], Iterator[Finding]] = nothing_wrong
    drift: Callable[[View[F]], Iterator[Difference]] = no_difference
    compare: Callable[[tuple[View[F], ...]], Iterator[Finding]] = nothing_compared
    files: Callable[[Cluster, Node], Iterable[tuple[str, str]]] = writes_nothing
    leaves: Callable[[Cluster, Node], Leftovers] = leaves_nothing
    on: Callable[[Cluster, Node], bool] = everywhere
    waits: tuple[tuple[str, Wait], ...] = ()
    api: bool = False
    manifests: bool = False
    recorded: bool = True
    shared: bool = False
    window: Window | None = None

    def observed_manifests(self, inputs: LocalInputs) -> tuple[Document, ...]:
        """The objects that its plan compares with the live ones."""
        return tuple(manifest for _, manifest in inputs.manifests) if self.manifests else ()


AnyPhase = Phase[Any]
SHOWN, DIGITS = 80, 20  # characters of a line in an error, digits of a number


def fact(form: Callable[[str], object]) -> Any:
    """A fact of several lines, each of which has a form; ``form`` raises ValueError for another.

    Plans rely on the form, and a node may print anything.
    """
    return field(default=(), metadata={"form": form})


def like(pattern: str) -> Callable[[str], object]:
    """The form of a regular expression."""
    compiled = re.compile(pattern)

    def check(value: str) -> None:
        if not compiled.fullmatch(value):
            raise ValueError(f"unexpected value {value[:SHOWN]!r}")

    return check


def parse_facts(facts: type[F], text: str) -> F:
    """Read ``field=value`` lines into a facts dataclass; unknown lines are an error.

    A field of tuple type collects every line of its name; a bool is 1 or 0.

    Raises:
        ValueError: a line fits no field, or a value its type or form (`fact`).

    """
    kind: Any = facts  # mypy takes no class of F for hashable
    hints, forms = _hints(kind), _forms(kind)
    values: dict[str, Any] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if not equals or name not in hints:
            raise ValueError(f"unexpected line {line[:SHOWN]!r}")
        if name in forms:
            forms[name](value)
        if get_args(hints[name]):
            values[name] = (*values.get(name, ()), value)
        else:
            values[name] = _scalar(hints[name], value)
    return facts(**values)


@cache
def _forms(facts: Any) -> Mapping[str, Callable[[str], object]]:
    found = ((field.name, field.metadata.get("form")) for field in dataclasses.fields(facts))
    return {name: form for name, form in found if form is not None}


@cache
def _hints(facts: type) -> Mapping[str, Any]:
    return get_type_hints(facts)


def _scalar(kind: type, value: str) -> str | int | bool:
    if kind is bool:
        if value not in {"0", "1"}:
            raise ValueError(f"{value[:SHOWN]!r} is neither 0 nor 1")
        return value == "1"
    if kind is int and len(value) > DIGITS:
        raise ValueError(f"a number of {len(value)} digits")
    return int(value) if kind is int else value


def forward(view: View[F], actions: tuple[Action, ...]) -> View[F]:
    """The view after ``actions``, according to their declared effects.

    Effects named ``api`` and ``host`` hold the fields of `Observed` and `HostFacts` that change.
    """
    for action in actions:
        effect: dict[str, Any] = dict(action.effect)
        api = dataclasses.replace(view.api, **effect.pop("api", {}))
        host = dataclasses.replace(view.host, **effect.pop("host", {}))
        facts: Any = dataclasses.replace(view.facts, **effect)  # type: ignore[type-var]
        view = dataclasses.replace(view, facts=facts, host=host, api=api)
    return view
