"""What a run does next, by the states of its steps alone: nothing is counted that could drift from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from easyflow.domain.workflow.definition import Compensate, Definition, Join, OnFailure, SignalStep, SleepStep, Step
from easyflow.domain.workflow.states import STEP_OVER, RunState, StepFact, StepState

Facts = Mapping[str, StepFact]

_BLOCKED = StepFact()


@dataclass(frozen=True, slots=True)
class Next:
    """The steps whose needs are over: those that may begin, and those that will not, each with its reason."""

    begin: Sequence[Step]
    skip: Sequence[tuple[Step, str]]


@dataclass(frozen=True, slots=True)
class Going:
    """The run goes on; `let_go` are steps that wait for what no longer matters, as the run is failing or stopping."""

    let_go: Sequence[Step] = ()


@dataclass(frozen=True, slots=True)
class Undo:
    """Take this step back; while `begin` is false that is under way, or failed and a person is asked."""

    step: Step
    begin: bool


@dataclass(frozen=True, slots=True)
class Over:
    """The run is over; without a state of its own it ends as what it was stopped for."""

    state: RunState | None
    compensated: bool = False
    reason: str | None = None


def next_steps(definition: Definition, facts: Facts, among: Iterable[Step] | None = None) -> Next:
    """Return what may begin now and what is skipped, in the order of the definition.

    Asked again behind each change until it returns nothing: what is skipped may let others be skipped. A run that
    fails releases nothing further, and skips nothing either, so that it can be resumed. `among` spares a look at the
    others: the steps that need one which has just ended.
    """
    if failure(definition, facts) is not None:
        return Next((), ())
    begin: list[Step] = []
    skip: list[tuple[Step, str]] = []
    for step in definition.steps if among is None else among:
        if _state(facts, step.name) is not StepState.BLOCKED or not _needs_over(step, facts):
            continue
        lacking = [need for need in step.needs if not _stands(definition, facts, need)]
        if _joins(step, lacking):
            begin.append(step)
        else:
            skip.append((step, _because(facts, lacking)))
    return Next(begin, skip)


def failure(definition: Definition, facts: Facts) -> str | None:
    """Say why the run fails, if it does: a step FAILED, or was cancelled, whose failure its run does not survive."""
    bad = [
        definition.by_name[name]
        for name, fact in facts.items()
        if fact.state is StepState.FAILED or fact.state is StepState.CANCELLED
    ]
    fatal = [step for step in bad if step.on_failure is OnFailure.FAIL]
    if not fatal:
        return None
    first = min(fatal, key=lambda step: step.number)
    fact = facts[first.name]
    said = f": {fact.reason}" if fact.reason else ""
    return f"step {first.name} {'failed' if fact.state is StepState.FAILED else 'was cancelled'}{said}"


def conclude(
    definition: Definition, facts: Facts, *, stopping: bool, undoing: bool = False, compensate: bool = True
) -> Going | Undo | Over:
    """Say where the run stands once nothing more can begin.

    `stopping`: an operator's word or its deadline ends it. `undoing`: its compensations have begun. `compensate` false:
    what its steps have done stays.
    """
    why = failure(definition, facts)
    if why is None and not stopping:
        over = len(facts) == len(definition.steps) and all(fact.state in STEP_OVER for fact in facts.values())
        return Over(RunState.SUCCEEDED) if over else Going()
    waiting = [step for step in definition.steps if _state(facts, step.name) is StepState.WAITING]
    idle = [step for step in waiting if isinstance(step.kind, SignalStep | SleepStep)]
    if idle:
        return Going(idle)
    if waiting or any(_state(facts, step.name) is StepState.RUNNING for step in definition.steps):
        return Going()
    if compensate and (stopping or undoing or definition.compensate is Compensate.ON_FAILURE):
        undo = _next_undo(definition, facts)
        if undo is not None:
            return undo
    return Over(None, _undone(facts)) if stopping else Over(RunState.FAILED, _undone(facts), why)


def _next_undo(definition: Definition, facts: Facts) -> Undo | None:
    """The last step that SUCCEEDED and is not taken back yet; one at a time, so that the order is the reverse one."""
    done = [
        (fact.order, step)
        for step in definition.steps
        if step.compensation is not None
        and (fact := facts.get(step.name, _BLOCKED)).state is StepState.SUCCEEDED
        and fact.compensation is not StepState.SUCCEEDED
    ]
    if not done:
        return None
    for _, step in done:
        if facts[step.name].compensation is not None:
            return Undo(step, begin=False)
    return Undo(max(done, key=lambda one: one[0])[1], begin=True)


def _undone(facts: Facts) -> bool:
    return any(fact.compensation is StepState.SUCCEEDED for fact in facts.values())


def _state(facts: Facts, name: str) -> StepState:
    return facts.get(name, _BLOCKED).state


def _needs_over(step: Step, facts: Facts) -> bool:
    return all(_state(facts, need) in STEP_OVER for need in step.needs)


def _stands(definition: Definition, facts: Facts, name: str) -> bool:
    """Whether dependents may count on a step: it SUCCEEDED, or its failure is not to matter."""
    state = _state(facts, name)
    if state in (StepState.FAILED, StepState.CANCELLED):
        return definition.by_name[name].on_failure is OnFailure.CONTINUE
    return state is StepState.SUCCEEDED


def _joins(step: Step, lacking: Sequence[str]) -> bool:
    if step.join is Join.ALL:
        return not lacking
    if step.join is Join.ANY:
        return not step.needs or len(lacking) < len(step.needs)
    return True


def _because(facts: Facts, lacking: Sequence[str]) -> str:
    words = {StepState.FAILED: "failed", StepState.CANCELLED: "was cancelled", StepState.SKIPPED: "was skipped"}
    return ", ".join(f"{name} {words[_state(facts, name)]}" for name in lacking)
