"""What changed from one definition to another, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from easyflow.domain.document import dumps
from easyflow.domain.workflow.definition import Definition
from easyflow.domain.workflow.graph import describe

_WIDEST = 100


class ChangeKind(StrEnum):
    """What became of a place."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # the same steps, written in another order


@dataclass(frozen=True, slots=True)
class Change:
    """One place of a definition, `steps.pay.queue`, with what stood there before and stands there now."""

    kind: ChangeKind
    at: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Every change: those of the workflow itself, then step by step as the newer one has them, then removed steps."""

    changes: tuple[Change, ...]
    _doing: Mapping[str, str]

    def lines(self) -> list[str]:
        """Return a line of text for each change, empty when nothing changed."""
        return [self._line(change) for change in self.changes]

    def _line(self, change: Change) -> str:
        whole_step = self._doing.get(change.at)
        match change.kind:
            case ChangeKind.ADDED:
                return f"+ {change.at}: {whole_step or _shown(change.after)}"
            case ChangeKind.REMOVED:
                return f"- {change.at}: {whole_step or _shown(change.before)}"
            case ChangeKind.CHANGED:
                return f"~ {change.at}: {_shown(change.before)} → {_shown(change.after)}"
            case ChangeKind.MOVED:
                return "~ steps: the same ones in another order"


def compare(old: Definition, new: Definition) -> Difference:
    """Return what changed from `old` to `new`; steps are the same where their names are."""
    before = {step["name"]: step for step in old.document["steps"]}
    after = {step["name"]: step for step in new.document["steps"]}
    changes = list(_between("", _without_steps(old), _without_steps(new)))
    for name, step in after.items():
        if name in before:
            changes += _between(f"steps.{name}", before[name], step)
        else:
            changes.append(Change(ChangeKind.ADDED, f"steps.{name}", after=step))
    for name, step in before.items():
        if name not in after:
            changes.append(Change(ChangeKind.REMOVED, f"steps.{name}", before=step))
    if [name for name in before if name in after] != [name for name in after if name in before]:
        changes.append(Change(ChangeKind.MOVED, "steps", list(before), list(after)))
    doing = {f"steps.{step.name}": describe(step.kind) for step in (*old.steps, *new.steps)}
    return Difference(tuple(changes), doing)


def _without_steps(definition: Definition) -> dict[str, Any]:
    return {name: value for name, value in definition.document.items() if name != "steps"}


def _between(at: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in (*new, *(name for name in old if name not in new)):
        place = f"{at}.{name}".lstrip(".")
        if name not in old:
            yield Change(ChangeKind.ADDED, place, after=new[name])
        elif name not in new:
            yield Change(ChangeKind.REMOVED, place, before=old[name])
        elif isinstance(old[name], Mapping) and isinstance(new[name], Mapping):
            yield from _between(place, old[name], new[name])
        elif not _same(old[name], new[name]):
            yield Change(ChangeKind.CHANGED, place, old[name], new[name])


def _same(old: Any, new: Any) -> bool:
    # In Python true equals 1.
    return dumps(old) == dumps(new)


def _shown(value: Any) -> str:
    text = dumps(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
