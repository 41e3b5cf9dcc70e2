"""A plan as a file: `plan --save` writes it, `up --plan` carries out nothing else.

What is compared is what the engine compares before each step (`kbootstrap.engine.printed`): the
keys of the actions of each node and phase. Actions that only wait are not in the file.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from kbootstrap import __version__, bounded_file, codes
from kbootstrap.action import Action, ApplyManifest, PutFile
from kbootstrap.atomic_file import write_private
from kbootstrap.engine.plan import Plan
from kbootstrap.errors import Finding, InventoryError
from kbootstrap.masking import mask
from kbootstrap.run.audit import sha256_of
from kbootstrap.run.file_diffs import is_private
from kbootstrap.run.run import Run

MOST_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAction:
    """One change.

    Attributes:
        node: its node.
        phase: the id of its phase.
        keys: what identifies it, sorted.
        text: the plan line.
        sha256: of the content that it writes, if that is public; empty otherwise.

    """

    node: str
    phase: str
    keys: tuple[str, ...]
    text: str
    sha256: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Node and phase."""
        return self.node, self.phase


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """What the file holds.

    Attributes:
        kbootstrap: the version that made the plan.
        inventory_sha256: of the inventory file.
        cluster: its name.
        ca_sha256: of the cluster's CA; empty before the cluster exists.
        actions: in the plan's order.

    """

    kbootstrap: str
    inventory_sha256: str
    cluster: str
    ca_sha256: str
    actions: tuple[SavedAction, ...]

    @classmethod
    def of(cls, run: Run, plan: Plan) -> Self:
        """The plan of a run."""
        _, ca = run.api_connection.in_use()
        return cls(
            kbootstrap=__version__,
            inventory_sha256=sha256_of(run.options.inventory),
            cluster=run.cluster.name,
            ca_sha256=_sum(ca) if ca else "",
            actions=tuple(
                SavedAction(
                    node=step.node,
                    phase=step.phase.id,
                    keys=tuple(sorted(action.keys)),
                    text=mask(action.text),
                    sha256=_content(action),
                )
                for step in plan.changes
                for action in step.actions
                if not action.waits
            ),
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """The plan in a file.

        Raises:
            OSError: it cannot be read.
            InventoryError: KB198, it is not such a file.

        """
        try:
            data = json.loads(bounded_file.content(path, MOST_BYTES))
            actions = tuple(_action(fields) for fields in data.pop("actions"))
            found = cls(actions=actions, **{key: _text(value) for key, value in data.items()})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            message = f"{path} is not a plan that `kbootstrap plan --save` wrote"
            raise InventoryError(codes.NOT_A_PLAN, message) from error
        return found

    def write(self, path: Path) -> None:
        """Replace the file by one with this plan (0600).

        Raises:
            OSError: it cannot be written.

        """
        write_private(path, json.dumps(asdict(self), indent=1) + "\n")


def _action(fields: dict[str, Any]) -> SavedAction:
    keys = tuple(_text(key) for key in fields.pop("keys"))
    return SavedAction(keys=keys, **{name: _text(value) for name, value in fields.items()})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _content(action: Action) -> str:
    if isinstance(action, PutFile) and not is_private(action):
        return _sum(action.body)
    return _sum(action.manifest.text) if isinstance(action, ApplyManifest) else ""


def changed(saved: SavedPlan, now: SavedPlan) -> Iterator[Finding]:
    """Why the plan of now is not the saved one, or what is left of it (KB413)."""
    born = saved.ca_sha256 == ""  # a plan that makes the cluster is resumed after its CA exists
    for what, before, after in (
        ("made by kbootstrap", saved.kbootstrap, now.kbootstrap),
        ("made for the cluster", saved.cluster, now.cluster),
        ("made from an inventory with the sha256", saved.inventory_sha256, now.inventory_sha256),
        (
            "made for a cluster whose CA has the sha256",
            now.ca_sha256 if born else saved.ca_sha256,
            now.ca_sha256,
        ),
    ):
        if before != after:
            message = f"it was {what} {before or 'none'}, now it is {after or 'none'}"
            yield Finding(codes.PLAN_CHANGED, message)
    for action in now.actions:
        why = _why(saved, action)
        if why:
            yield Finding(codes.PLAN_CHANGED, f"{why}: {action.text}").at(*action.place)


def _why(saved: SavedPlan, action: SavedAction) -> str:
    """How the action differs from the saved ones of its step; empty if it does not."""
    step = [one for one in saved.actions if one.place == action.place]
    if not set(action.keys) <= {key for one in step for key in one.keys}:
        return "it was not required when the plan was saved"
    same = [one for one in step if one.keys == action.keys]
    if same and action.text not in {one.text for one in same}:
        return f"the saved plan has instead: {same[0].text}"
    if same and action.sha256 not in {one.sha256 for one in same}:
        return "the content has changed"
    return ""
