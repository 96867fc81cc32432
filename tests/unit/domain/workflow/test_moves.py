"""What a step does as it begins: condition, input, times, and what cannot be evaluated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from easyflow.domain.workflow.definition import TaskStep
from easyflow.domain.workflow.moves import (
    FALSE,
    AwaitSignal,
    Fail,
    MakeJob,
    MakeMap,
    Move,
    Skip,
    Sleep,
    StartChild,
    begin,
    item_payload,
)
from easyflow.domain.workflow.reading import read

VARIABLES: dict[str, Any] = {
    "input": {"n": 3, "all": [1, 2], "at": "2026-12-01T08:00:00+01:00"},
    "steps": {},
    "run": {},
}


def move(**step: Any) -> Move:
    kinds = {"task", "wait_for_signal", "sleep", "child", "fail"}
    kind = {} if kinds & step.keys() else {"task": "work"}
    definition = read({"name": "w", "steps": [{"name": "a", **kind, **step}]})
    return begin(definition.steps[0], VARIABLES)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({}, MakeJob(VARIABLES["input"])),
        ({"input": {"m": "${input.n}", "k": 1}}, MakeJob({"m": 3, "k": 1})),
        ({"when": "input.n > 2"}, MakeJob(VARIABLES["input"])),
        ({"when": "input.n > 3"}, Skip(FALSE)),
        ({"map": {"items": "${input.all}"}}, MakeMap([1, 2])),
        ({"wait_for_signal": {"signal": "go"}}, AwaitSignal()),
        ({"sleep": {"seconds": 5}}, Sleep(seconds=5.0)),
        ({"sleep": {"seconds": "${input.n}"}}, Sleep(seconds=3.0)),
        ({"sleep": {"until": "${input.at}"}}, Sleep(until=datetime(2026, 12, 1, 7, tzinfo=UTC))),
        ({"child": {"workflow": "x"}, "input": {"m": "${input.n}"}}, StartChild({"m": 3})),
        ({"child": {"workflow": "x"}}, StartChild(VARIABLES["input"])),
        ({"fail": {"reason": "no"}}, Fail("no")),
    ],
)
def test_a_step_does_what_it_says(step: dict[str, Any], expected: Move) -> None:
    assert move(**step) == expected


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ({"input": "${input.missing}"}, "missing"),
        ({"when": "input.missing > 2"}, "missing"),
        ({"when": "input.n"}, "true or false"),
        ({"map": {"items": "${input.n}"}}, "the items of a map must be a list"),
        ({"sleep": {"seconds": "${input.at}"}}, "must be a number from 0 to ten years"),
        ({"sleep": {"seconds": "${input.n - 4}"}}, "must be a number from 0 to ten years"),
        ({"sleep": {"until": "${input.n}"}}, "must be a time with an offset"),
        ({"sleep": {"until": "${'2026-12-01T08:00:00'}"}}, "must be a time with an offset"),
    ],
)
def test_what_cannot_be_evaluated_fails_the_step_and_says_why(step: dict[str, Any], word: str) -> None:
    failed = move(**step)
    assert isinstance(failed, Fail)
    assert word in failed.reason


def payload_of(batch_size: int, given: Any = None) -> Any:
    facts = {} if given is None else {"input": given}
    bounds = {"items": "${input.all}", "batch_size": batch_size}
    kind = read({"name": "w", "steps": [{"name": "a", "task": "work", "map": bounds, **facts}]}).steps[0].kind
    assert isinstance(kind, TaskStep)
    return item_payload(kind, [{"id": 7}, {"id": 8}][:batch_size], 40, VARIABLES)


def test_a_job_of_a_map_gets_its_item_or_its_items() -> None:
    assert payload_of(1) == {"id": 7}
    assert payload_of(2) == {"items": [{"id": 7}, {"id": 8}]}
    assert payload_of(1, {"id": "${item.id}", "n": "${position}", "of": "${input.n}"}) == {"id": 7, "n": 40, "of": 3}
    assert payload_of(2, {"batch": "${items}"}) == {"batch": [{"id": 7}, {"id": 8}]}
