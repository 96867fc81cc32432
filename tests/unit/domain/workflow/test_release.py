"""What a run does next: joins, failure policies, compensation and the end, decided by the states of its steps alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyflow.domain.workflow.definition import (
    Compensate,
    Compensation,
    Definition,
    Join,
    OnFailure,
    SignalStep,
    Step,
    TaskStep,
)
from easyflow.domain.workflow.release import Going, Over, Undo, conclude, failure, next_steps
from easyflow.domain.workflow.states import STEP_OVER, RunState, StepFact, StepState

OK, BAD, GONE, LEFT = StepState.SUCCEEDED, StepState.FAILED, StepState.CANCELLED, StepState.SKIPPED
RUNNING, WAITING, BLOCKED = StepState.RUNNING, StepState.WAITING, StepState.BLOCKED


def step(
    name: str, *needs: str, join: Join = Join.ALL, on_failure: OnFailure = OnFailure.FAIL, undo: bool = False
) -> Step:
    compensation = Compensation("undo", None) if undo else None
    return Step(name, 0, TaskStep("work", None), needs, join, None, on_failure, compensation)


def definition(*steps: Step, compensate: Compensate = Compensate.ON_FAILURE) -> Definition:
    numbered = tuple(
        Step(s.name, n, s.kind, s.needs, s.join, s.when, s.on_failure, s.compensation) for n, s in enumerate(steps)
    )
    return Definition("w", numbered, {}, b"", compensate=compensate)


def facts(**states: StepState) -> dict[str, StepFact]:
    return {name: StepFact(state, n) for n, (name, state) in enumerate(states.items())}


def begun(workflow: Definition, known: dict[str, StepFact]) -> list[str]:
    return [each.name for each in next_steps(workflow, known).begin]


def skipped(workflow: Definition, known: dict[str, StepFact]) -> dict[str, str]:
    return {each.name: reason for each, reason in next_steps(workflow, known).skip}


def test_steps_without_needs_begin_at_once_and_a_join_waits_for_all() -> None:
    workflow = definition(step("a"), step("b"), step("c", "a", "b"))
    assert begun(workflow, {}) == ["a", "b"]
    assert begun(workflow, facts(a=OK, b=RUNNING)) == []
    assert begun(workflow, facts(a=OK, b=OK)) == ["c"]


def test_a_step_that_began_does_not_begin_again() -> None:
    workflow = definition(step("a"), step("b", "a"))
    for state in set(StepState) - {BLOCKED}:
        assert begun(workflow, facts(a=OK, b=state)) == []


@pytest.mark.parametrize(
    ("join", "states", "begins"),
    [
        (Join.ALL, (OK, LEFT), False),
        (Join.ANY, (OK, LEFT), True),
        (Join.ANY, (LEFT, LEFT), False),
        (Join.ANY, (OK, RUNNING), False),
        (Join.ALWAYS, (LEFT, LEFT), True),
        (Join.ALWAYS, (BAD, OK), True),
        (Join.ALWAYS, (BAD, RUNNING), False),
    ],
)
def test_a_join_says_which_ends_of_its_needs_it_takes(
    join: Join, states: tuple[StepState, StepState], begins: bool
) -> None:
    workflow = definition(
        step("a", on_failure=OnFailure.SKIP), step("b", on_failure=OnFailure.SKIP), step("c", "a", "b", join=join)
    )
    assert begun(workflow, facts(a=states[0], b=states[1])) == (["c"] if begins else [])


def test_dependents_of_a_tolerated_failure_are_skipped_one_after_another_and_say_why() -> None:
    workflow = definition(step("a", on_failure=OnFailure.SKIP), step("b", "a"), step("c", "b"), step("d"))
    known = facts(a=BAD, d=OK)
    assert skipped(workflow, known) == {"b": "a failed"}
    known["b"] = StepFact(LEFT)
    assert skipped(workflow, known) == {"c": "b was skipped"}
    known["c"] = StepFact(LEFT)
    assert conclude(workflow, known, stopping=False) == Over(RunState.SUCCEEDED)


def test_with_continue_dependents_count_on_a_failed_step() -> None:
    workflow = definition(step("a", on_failure=OnFailure.CONTINUE), step("b", "a"))
    assert begun(workflow, facts(a=BAD)) == ["b"]
    assert begun(workflow, facts(a=GONE)) == ["b"]


@pytest.mark.parametrize("end", [BAD, GONE])
def test_a_failing_run_releases_and_skips_nothing_waits_for_what_runs_and_is_failed(end: StepState) -> None:
    workflow = definition(step("a"), step("b"), step("c", "b"), step("d", "a"))
    known = facts(a=end, b=RUNNING)
    assert (begun(workflow, known), skipped(workflow, known)) == ([], {})
    assert conclude(workflow, known, stopping=False) == Going()
    known["b"] = StepFact(OK)
    ended = conclude(workflow, known, stopping=False)
    assert isinstance(ended, Over)
    assert ended.state is RunState.FAILED
    assert ended.reason == failure(workflow, known)


def test_a_failing_run_lets_go_what_waits_for_a_signal() -> None:
    waiting = Step("b", 1, SignalStep("go"))
    workflow = definition(step("a"), waiting)
    told = conclude(workflow, facts(a=BAD, b=WAITING), stopping=False)
    assert isinstance(told, Going)
    assert [each.name for each in told.let_go] == ["b"]


def test_a_run_is_over_when_every_step_is_and_not_before() -> None:
    workflow = definition(step("a"), step("b", "a"))
    assert conclude(workflow, facts(a=OK), stopping=False) == Going()
    assert conclude(workflow, facts(a=OK, b=RUNNING), stopping=False) == Going()
    assert conclude(workflow, facts(a=OK, b=OK), stopping=False) == Over(RunState.SUCCEEDED)


def test_a_stopped_run_ends_as_what_it_was_stopped_for_once_nothing_runs() -> None:
    workflow = definition(step("a"), step("b", "a"))
    assert conclude(workflow, facts(a=RUNNING), stopping=True) == Going()
    assert conclude(workflow, facts(a=OK), stopping=True) == Over(None)


def test_finished_steps_are_taken_back_one_at_a_time_in_reverse_order_of_their_ends() -> None:
    workflow = definition(step("a", undo=True), step("b", undo=True), step("c"), step("d"))
    known = {"b": StepFact(OK, 1), "c": StepFact(OK, 2), "a": StepFact(OK, 3), "d": StepFact(BAD, 4)}
    order: list[str] = []
    while isinstance(told := conclude(workflow, known, stopping=False, undoing=bool(order)), Undo):
        assert told.begin
        known[told.step.name].compensation = RUNNING
        assert conclude(workflow, known, stopping=False, undoing=True) == Undo(told.step, begin=False)
        known[told.step.name].compensation = OK
        order.append(told.step.name)
    assert order == ["a", "b"]
    assert told == Over(RunState.FAILED, compensated=True, reason="step d failed")


def test_a_compensation_that_failed_is_waited_for_and_nothing_before_it_is_taken_back() -> None:
    workflow = definition(step("a", undo=True), step("b", undo=True), step("c"))
    known = facts(a=OK, b=OK, c=BAD)
    known["b"].compensation = BAD
    assert conclude(workflow, known, stopping=False, undoing=True) == Undo(workflow.by_name["b"], begin=False)
    told = conclude(workflow, known, stopping=True, undoing=True, compensate=False)
    assert told == Over(None)


def test_on_request_a_failed_run_keeps_what_it_did_until_it_is_asked_for() -> None:
    workflow = definition(step("a", undo=True), step("b", "a"), compensate=Compensate.ON_REQUEST)
    known = facts(a=OK, b=BAD)
    assert isinstance(conclude(workflow, known, stopping=False), Over)
    assert isinstance(conclude(workflow, known, stopping=False, undoing=True), Undo)
    assert isinstance(conclude(workflow, known, stopping=True), Undo)


@st.composite
def graphs(draw: st.DrawFn) -> Definition:
    steps = []
    for n in range(draw(st.integers(1, 8))):
        needs = draw(st.lists(st.sampled_from(range(n)), unique=True, max_size=3)) if n else []
        steps.append(
            step(
                f"s{n}",
                *(f"s{need}" for need in needs),
                join=draw(st.sampled_from(Join)),
                on_failure=draw(st.sampled_from(OnFailure)),
                undo=draw(st.booleans()),
            )
        )
    return definition(*steps, compensate=draw(st.sampled_from(Compensate)))


@given(graphs(), st.data())
def test_whatever_ends_in_whatever_order_every_run_comes_to_its_end_and_nothing_begins_twice(
    workflow: Definition, data: st.DataObject
) -> None:
    known: dict[str, StepFact] = {}
    begun_once: set[str] = set()
    ended = 0
    for _ in range(200):
        while (now := next_steps(workflow, known)).begin or now.skip:
            for each, _ in now.skip:
                ended += 1
                known[each.name] = StepFact(LEFT, ended)
            for each in now.begin:
                assert each.name not in begun_once
                assert all(known[need].state in STEP_OVER for need in each.needs)
                begun_once.add(each.name)
                known[each.name] = StepFact(RUNNING)
        told = conclude(workflow, known, stopping=False)
        if isinstance(told, Over):
            break
        if isinstance(told, Undo):
            known[told.step.name].compensation = OK
            continue
        running = sorted(name for name, fact in known.items() if fact.state is RUNNING)
        name = data.draw(st.sampled_from(running))
        ended += 1
        known[name] = StepFact(data.draw(st.sampled_from([OK, BAD, GONE])), ended)
    assert isinstance(told, Over)
    assert not any(fact.state is RUNNING for fact in known.values())
    assert told.state is (RunState.SUCCEEDED if failure(workflow, known) is None else RunState.FAILED)
