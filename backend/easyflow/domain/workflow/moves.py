"""What a step does as it begins: its condition, its input, its times, evaluated over what came before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from easyflow.domain.workflow.definition import (
    ChildStep,
    Compensation,
    FailStep,
    Kind,
    Map,
    SignalStep,
    SleepStep,
    Step,
    TaskStep,
)
from easyflow.domain.workflow.expressions import ExpressionFailed, Template

Variables = Mapping[str, Any]

LONGEST_SLEEP_SECONDS = 10 * 366 * 86_400
REASON_LENGTH = 1_000
FALSE = "its condition is false"


@dataclass(frozen=True, slots=True)
class MakeJob:
    """A job with this payload carries the step out."""

    payload: Any


@dataclass(frozen=True, slots=True)
class MakeMap:
    """Jobs for these items carry it out; None: for the items of the step that `items_of` names."""

    items: Sequence[Any] | None


@dataclass(frozen=True, slots=True)
class AwaitSignal:
    """It waits for its signal."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """It waits: for this many seconds, or until then."""

    seconds: float | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StartChild:
    """A run of another workflow, with this input, carries it out."""

    input: Any


@dataclass(frozen=True, slots=True)
class Skip:
    """It does not begin."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fail:
    """It fails before anything is done for it."""

    reason: str


Move = MakeJob | MakeMap | AwaitSignal | Sleep | StartChild | Skip | Fail


def begin(step: Step, variables: Variables) -> Move:
    """Say what a step does whose needs are over; an expression that cannot be evaluated fails the step, not its run's
    neighbours."""
    try:
        if step.when is not None and not step.when.holds(variables):
            return Skip(FALSE)
        return _move(step.kind, variables)
    except ExpressionFailed as failed:
        return Fail(str(failed)[:REASON_LENGTH])


def item_payload(kind: TaskStep, items: Sequence[Any], position: int, variables: Variables) -> Any:
    """Return the payload of one job of a map: its items, of which the first is number `position`.

    Raises ExpressionFailed.
    """
    assert kind.map is not None
    single = kind.map.batch_size == 1
    if kind.input is None:
        return items[0] if single else {"items": list(items)}
    more = {"item": items[0]} if single else {"items": list(items)}
    return kind.input.resolve({**variables, **more, "position": position})


def compensation_payload(compensation: Compensation, variables: Variables) -> Any:
    """Return the payload of a compensation; `variables` hold `step` besides the usual. Raises ExpressionFailed."""
    if compensation.input is None:
        return variables["step"]
    return compensation.input.resolve(variables)


def _move(kind: Kind, variables: Variables) -> Move:
    match kind:
        case TaskStep(map=Map() as each):
            return MakeMap(None if each.items is None else _list(each.items.resolve(variables)))
        case TaskStep():
            return MakeJob(_input(kind.input, variables))
        case SignalStep():
            return AwaitSignal()
        case SleepStep():
            return _sleep(kind, variables)
        case ChildStep():
            return StartChild(_input(kind.input, variables))
        case FailStep():
            return Fail(str(kind.reason.resolve(variables))[:REASON_LENGTH])


def _input(template: Template | None, variables: Variables) -> Any:
    return variables["input"] if template is None else template.resolve(variables)


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ExpressionFailed("the items of a map must be a list")
    return value


def _sleep(kind: SleepStep, variables: Variables) -> Sleep:
    if kind.seconds is not None:
        seconds = kind.seconds.resolve(variables)
        number = isinstance(seconds, int | float | Decimal) and not isinstance(seconds, bool)
        if not number or not 0 <= seconds <= LONGEST_SLEEP_SECONDS:
            raise ExpressionFailed("the seconds of a sleep must be a number from 0 to ten years")
        return Sleep(seconds=float(seconds))
    assert kind.until is not None
    said = kind.until.resolve(variables)
    try:
        until = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        until = None
    if until is None or until.utcoffset() is None:
        raise ExpressionFailed("the end of a sleep must be a time with an offset, such as 2026-12-01T08:00:00Z")
    return Sleep(until=until)
