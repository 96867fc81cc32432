"""Moving a run to another version: what may, what may not and why, and what is noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from easyflow.domain.workflow.evolution import (
    Breaks,
    Fits,
    Reason,
    Standing,
    evolve,
    input_reasons,
    wants_input,
)
from easyflow.domain.workflow.reading import read
from easyflow.domain.workflow.states import RunState, StepFact, StepState
from tests.support.definitions import Json, step, workflow

OK, BAD, GONE, LEFT = StepState.SUCCEEDED, StepState.FAILED, StepState.CANCELLED, StepState.SKIPPED
RUNNING, WAITING = StepState.RUNNING, StepState.WAITING
SIGNAL = {"signal": "go"}
UNDO = {"compensate_with": {"task": "undo"}}


def standing(state: RunState = RunState.RUNNING, *, signals: tuple[str, ...] = (), **steps: StepState) -> Standing:
    return Standing(state, {name: StepFact(each) for name, each in steps.items()}, signals=frozenset(signals))


def judged(old: Json, new: Json, run: Standing, mapping: Mapping[str, str] | None = None) -> Fits | Breaks:
    return evolve(read(old), read(new), run, mapping)


def reasons(old: Json, new: Json, run: Standing, mapping: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    verdict = judged(old, new, run, mapping)
    assert isinstance(verdict, Breaks), verdict
    return [(reason.step or "", reason.message) for reason in verdict.reasons]


def notes(old: Json, new: Json, run: Standing) -> tuple[str, ...]:
    verdict = judged(old, new, run)
    assert isinstance(verdict, Fits), verdict
    return verdict.notes


def test_what_has_not_begun_may_be_removed_added_changed_and_put_elsewhere() -> None:
    old = workflow(step("a"), step("b", "a"), step("c", "b"))
    new = workflow(step("x"), step("c", "x", wait_for_signal=SIGNAL), step("a"), step("d", "a"))
    assert judged(old, new, standing(a=OK)) == Fits({"a": "a", "c": "c"})


@pytest.mark.parametrize("state", [RUNNING, WAITING, OK, BAD, GONE, LEFT])
def test_a_step_that_has_begun_or_is_over_must_have_an_image(state: StepState) -> None:
    old, new = workflow(step("a", on_failure="skip"), step("b")), workflow(step("b"))
    said = ("a", "has begun or is over, and the new version has no such step; map it to one")
    assert reasons(old, new, standing(a=state)) == [said]


def test_a_step_that_was_renamed_goes_on_under_its_new_name_when_the_mapping_says_so() -> None:
    old, new = workflow(step("a"), step("b", "a")), workflow(step("start"), step("b", "start"))
    assert judged(old, new, standing(a=OK, b=RUNNING), {"a": "start"}) == Fits({"a": "start", "b": "b"})
    swapped = workflow(step("b"), step("a", "b"))
    assert judged(old, swapped, standing(a=OK), {"a": "b", "b": "a"}) == Fits({"a": "b", "b": "a"})


def test_two_steps_that_have_begun_do_not_become_one() -> None:
    old, new = workflow(step("a"), step("b")), workflow(step("b"))
    assert reasons(old, new, standing(a=OK, b=OK), {"a": "b"}) == [("b", "would become b, and so would a")]


def test_a_step_that_has_begun_comes_before_one_that_has_not_where_both_would_have_the_name() -> None:
    old, new = workflow(step("a"), step("b")), workflow(step("b"))
    assert judged(old, new, standing(a=OK), {"a": "b"}) == Fits({"a": "b"})
    assert judged(old, new, standing(b=OK), {"a": "b"}) == Fits({"b": "b"})
    assert judged(old, new, standing(), {"a": "b"}) == Fits({"a": "b"})


EACH = {"map": {"items": [1, 2]}}
KINDS: dict[str, Any] = {
    "task t": {"task": "t"},
    "task other": {"task": "other"},
    "task t for each item": {"task": "t", **EACH},
    "waits for the signal go": {"wait_for_signal": SIGNAL},
    "waits for the signal stop": {"wait_for_signal": {"signal": "stop"}},
    "sleeps": {"sleep": {"seconds": 5}},
    "workflow w2": {"child": {"workflow": "w2"}},
    "workflow w3": {"child": {"workflow": "w3"}},
    "fails the run": {"fail": {"reason": "no"}},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_a_step_that_has_begun_stays_what_it_is(kind: str, other: str) -> None:
    old, new = workflow(step("a", **KINDS[kind]), step("b")), workflow(step("a", **KINDS[other]), step("b"))
    if kind == other:
        assert judged(old, new, standing(a=OK)) == Fits({"a": "a", "b": "b"})
    else:
        assert reasons(old, new, standing(a=OK)) == [("a", f"is {kind}, and in the new version {other}")]
    assert isinstance(judged(old, new, standing(b=OK)), Fits)


def test_what_stays_the_same_kind_may_change_in_everything_else() -> None:
    old = workflow(
        step("a", priority=1),
        step("s", wait_for_signal=SIGNAL),
        step("z", sleep={"seconds": 5}),
        step("k", child={"workflow": "w2"}),
    )
    new = workflow(
        step("a", input={"x": 1}, queue="q", max_attempts=9, effects="keyed"),
        step("s", wait_for_signal={**SIGNAL, "timeout_seconds": 5, "schema": {"type": "string"}}),
        step("z", sleep={"seconds": 9}),
        step("k", child={"workflow": "w2", "version": 7}),
    )
    assert isinstance(judged(old, new, standing(a=RUNNING, s=WAITING, z=WAITING, k=WAITING)), Fits)


def test_a_map_that_has_begun_keeps_its_batches_and_its_source() -> None:
    source, other = step("src"), step("src2")
    old = workflow(source, other, step("m", "src", map={"items_of": "src", "batch_size": 2}))
    run = standing(src=OK, src2=OK, m=RUNNING)
    sizes = workflow(source, other, step("m", "src", map={"items_of": "src", "batch_size": 3}))
    assert reasons(old, sizes, run) == [("m", "goes over its items by 2, and in the new version by 3")]
    elsewhere = "has begun with its items, and in the new version they come from elsewhere"
    moved = workflow(source, other, step("m", "src2", map={"items_of": "src2", "batch_size": 2}))
    assert reasons(old, moved, run) == [("m", elsewhere)]
    listed = workflow(source, other, step("m", "src", map={"items": [1], "batch_size": 2}))
    assert reasons(old, listed, run) == [("m", elsewhere)]
    renamed = workflow(step("first"), other, step("m", "first", map={"items_of": "first", "batch_size": 2}))
    assert isinstance(judged(old, renamed, run, {"src": "first"}), Fits)


@pytest.mark.parametrize("state", [RUNNING, BAD, GONE])
def test_a_map_that_still_makes_jobs_reads_only_steps_that_are_over(state: StepState) -> None:
    old = workflow(step("a"), step("m", "a", **EACH))
    new = workflow(step("a"), step("x"), step("m", "a", "x", **EACH, input={"x": "${steps.x.result}"}))
    said = ("m", "goes over its items, and for them reads x in the new version, which is not over")
    assert reasons(old, new, standing(a=OK, m=state)) == [said]
    for done in (OK, LEFT):
        assert isinstance(judged(old, new, standing(a=OK, m=done)), Fits)


def test_a_step_that_is_being_taken_back_keeps_what_takes_it_back() -> None:
    old, kept = workflow(step("a", **UNDO), step("b")), workflow(step("a", **UNDO), step("c"))
    run = Standing(RunState.FAILED, {"a": StepFact(OK, compensation=BAD)})
    said = [("a", "is being taken back by another task than in the new version")]
    assert isinstance(judged(old, kept, run), Fits)
    assert reasons(old, workflow(step("a")), run) == said
    assert reasons(old, workflow(step("a", compensate_with={"task": "redo"})), run) == said


def test_taking_back_what_is_over_reads_only_steps_that_are_over() -> None:
    old = workflow(step("a"), step("b", "a"))
    reads = {"compensate_with": {"task": "undo", "input": "${steps.x.result}"}}
    new = workflow(step("a"), step("x", "a"), step("b", "x", **reads))
    said = ("b", "is over, and taking it back would read x, which is not over")
    assert reasons(old, new, standing(a=OK, b=OK)) == [said]
    assert isinstance(judged(old, new, standing(a=OK, b=RUNNING)), Fits)
    own = workflow(step("a"), step("b", "a", compensate_with={"task": "undo", "input": "${steps.a.result}"}))
    assert isinstance(judged(old, own, standing(a=OK, b=OK)), Fits)


def test_a_signal_that_came_early_is_not_lost() -> None:
    old = workflow(step("a"), step("s", "a", wait_for_signal=SIGNAL))
    run = standing(a=RUNNING, signals=("go",))
    assert reasons(old, workflow(step("a")), run) == [
        ("s", "its signal go came already, and nothing would wait for it")
    ]
    strict = workflow(step("a"), step("s", "a", wait_for_signal={**SIGNAL, "schema": {"type": "string"}}))
    assert reasons(old, strict, run) == [("s", "its signal go came already, and its schema is another now")]
    renamed = workflow(step("a"), step("t", "a", wait_for_signal=SIGNAL))
    assert isinstance(judged(old, renamed, run), Fits)
    assert isinstance(judged(old, strict, standing(a=OK, s=OK, signals=("go",))), Fits)
    assert isinstance(judged(old, workflow(step("a")), standing(a=RUNNING)), Fits)


@pytest.mark.parametrize("state", [BAD, GONE])
def test_a_run_does_not_fail_by_the_move_alone(state: StepState) -> None:
    old = workflow(step("a", on_failure="skip"), step("b"))
    new = workflow(step("a"), step("b"))
    said = ("a", "ended badly, which its run survives; by the new version it would fail the run")
    assert reasons(old, new, standing(a=state)) == [said]
    assert isinstance(judged(new, old, standing(a=state)), Fits)
    both = workflow(step("a"), step("b", on_failure="continue"))
    assert isinstance(judged(both, new, standing(a=BAD, b=state)), Fits)  # it fails anyway


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (standing(RunState.SUCCEEDED, a=OK), "it is SUCCEEDED already"),
        (standing(RunState.CANCELLED), "it is CANCELLED already"),
        (standing(RunState.COMPENSATING, a=OK), "it is taking back what it did"),
        (Standing(RunState.RUNNING, {}, stopping=True), "it is being stopped"),
        (Standing(RunState.FAILED, {}, compensated=True), "what it did was taken back"),
    ],
)
def test_a_run_that_ends_or_is_over_does_not_move(run: Standing, said: str) -> None:
    old, new = workflow(step("a")), workflow(step("a"), step("b"))
    assert judged(old, new, run) == Breaks((Reason(None, said),), ending=True)


@pytest.mark.parametrize(
    "run",
    [
        standing(RunState.PAUSED, a=OK),
        standing(RunState.FAILED, a=BAD),
        Standing(RunState.FAILED, {}, stopping=True),
    ],
)
def test_paused_and_failed_runs_move(run: Standing) -> None:
    assert isinstance(judged(workflow(step("a")), workflow(step("a"), step("b")), run), Fits)


def test_a_run_stays_a_run_of_its_workflow() -> None:
    other = {**workflow(step("a")), "name": "v"}
    assert judged(workflow(step("a")), other, standing()) == Breaks((Reason(None, "it is a run of w, not of v"),))


def test_every_reason_is_told_at_once() -> None:
    old = workflow(step("a"), step("b"), step("s", wait_for_signal=SIGNAL))
    new = workflow(step("b", task="other"))
    found = reasons(old, new, standing(a=OK, b=OK, signals=("go",)))
    assert [name for name, _ in found] == ["a", "b", "s"]


def test_an_input_is_looked_at_when_the_new_version_asks_for_something_else() -> None:
    asks = {"input_schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}
    old, new = read(workflow(step("a"))), read(workflow(step("a"), **asks))
    assert (wants_input(old, new), wants_input(new, new), wants_input(new, old)) == (True, False, False)
    assert input_reasons(new, {"n": 1}) == ()
    (reason,) = input_reasons(new, {"n": "secret"})
    assert reason.step is None
    assert reason.message.startswith("its input does not fit: input.n: ")
    assert "secret" not in reason.message


def test_what_one_might_not_expect_is_noted() -> None:
    old = workflow(step("a", **UNDO), step("b"), step("m", **EACH), deadline_seconds=60)
    wider = {"map": {"items": [1, 2], "concurrency": 3}}
    new = workflow(step("x"), step("a", "x"), step("b", "x"), step("m", **wider), deadline_seconds=90)
    assert notes(old, new, standing(a=OK, b=RUNNING, m=RUNNING)) == (
        "a now needs x; it has begun before, and does not begin again",
        "a will not be taken back if the run fails",
        "b now needs x; it has begun before, and does not begin again",
        "m keeps the concurrency and the tolerance with which it began",
        "the run keeps the deadline with which it was started",
    )
    assert notes(old, old, standing(a=OK, b=RUNNING, m=OK)) == ()
