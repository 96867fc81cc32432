"""Whatever a run moves to: its steps keep their numbers, nothing begins again, nothing is lost."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from easyflow.domain.workflow.definition import Compensation, Definition, Join, OnFailure, Step, TaskStep
from easyflow.domain.workflow.evolution import Breaks, Standing, evolve, images_of
from easyflow.domain.workflow.numbering import numbered, numbers_after, numbers_of
from easyflow.domain.workflow.reading import read
from easyflow.domain.workflow.release import next_steps
from easyflow.domain.workflow.states import STEP_OVER, RunState, StepFact, StepState
from tests.support.definitions import step, workflow

OK, BAD, LEFT, RUNNING = StepState.SUCCEEDED, StepState.FAILED, StepState.SKIPPED, StepState.RUNNING


def test_steps_keep_their_numbers_and_new_ones_get_numbers_that_were_never_used() -> None:
    old, new = read(workflow(step("a"), step("b"), step("c"))), read(workflow(step("x"), step("c"), step("start")))
    first = numbers_after(numbers_of(old), {"a": "start", "c": "c"}, new)
    assert first == ["start", None, "c", "x"]
    assert {each.name: each.number for each in numbered(new, first).steps} == {"x": 3, "c": 2, "start": 0}
    last = numbers_after(first, {"start": "start"}, read(workflow(step("start"), step("y"))))
    assert last == ["start", None, None, None, "y"]


@st.composite
def graphs(draw: st.DrawFn, names: list[str]) -> Definition:
    steps = []
    for n, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:n]), unique=True, max_size=3)) if n else []
        kind = TaskStep(draw(st.sampled_from(["t", "u"])), None)
        back = draw(st.sampled_from([None, Compensation("undo", None)]))
        facts = (tuple(needs), draw(st.sampled_from(Join)), None, draw(st.sampled_from(OnFailure)), back)
        steps.append(Step(name, n, kind, *facts))
    return Definition("w", tuple(steps), {}, b"")


def advance(definition: Definition, facts: dict[str, StepFact], begun: list[str]) -> None:
    while (now := next_steps(definition, facts)).begin or now.skip:
        for each, _ in now.skip:
            facts[each.name] = StepFact(LEFT)
        for each in now.begin:
            begun.append(each.name)
            facts[each.name] = StepFact(RUNNING)


@st.composite
def half_way(draw: st.DrawFn) -> tuple[Definition, dict[str, StepFact]]:
    """A definition, and a run of it after some of its steps have ended."""
    definition = draw(graphs([f"s{n}" for n in range(draw(st.integers(1, 7)))]))
    facts: dict[str, StepFact] = {}
    for _ in range(draw(st.integers(0, 6))):
        advance(definition, facts, [])
        running = [name for name, fact in facts.items() if fact.state is RUNNING]
        if running:
            facts[draw(st.sampled_from(running))] = StepFact(draw(st.sampled_from([OK, OK, OK, BAD])))
    advance(definition, facts, [])
    return definition, facts


@st.composite
def rewritten(draw: st.DrawFn, old: Definition) -> tuple[Definition, dict[str, str]]:
    """The definition with steps renamed, removed, added, changed and put in another order."""
    kept = [each for each in old.steps if draw(st.integers(0, 9))]
    mapping = {each.name: f"r{each.number}" for each in kept if draw(st.booleans())}
    added = [f"n{n}" for n in range(draw(st.integers(0, 3)))]
    names = draw(st.permutations([mapping.get(each.name, each.name) for each in kept] + added))
    graph = draw(graphs(names)) if names else old
    same = {mapping.get(each.name, each.name): each for each in kept}
    steps = [
        replace(each, kind=same[each.name].kind, on_failure=same[each.name].on_failure)
        if each.name in same and draw(st.integers(0, 9))
        else each
        for each in graph.steps
    ]
    return replace(graph, steps=tuple(steps)), mapping


@given(half_way(), st.data())
def test_whatever_a_run_moves_to_nothing_that_has_begun_begins_again_and_nothing_is_lost(
    run: tuple[Definition, dict[str, StepFact]], data: st.DataObject
) -> None:
    old, facts = run
    new, mapping = data.draw(rewritten(old))
    verdict = evolve(old, new, Standing(RunState.RUNNING, facts), mapping)
    if isinstance(verdict, Breaks):
        assert all(reason.step in facts for reason in verdict.reasons)
        return
    assert verdict.images == images_of(old, new, facts, mapping)
    assert len(set(verdict.images.values())) == len(verdict.images)
    assert facts.keys() <= verdict.images.keys()
    numbers = numbers_after(numbers_of(old), verdict.images, new)
    moved = numbered(new, numbers)
    for name, image in verdict.images.items():
        assert moved.by_name[image].number == old.by_name[name].number
    assert len(moved.by_number) == len(new.steps)

    known = {moved.by_number[old.by_name[name].number].name: fact for name, fact in facts.items()}
    before, begun = set(known), list[str]()
    while True:
        advance(moved, known, begun)
        running = [name for name, fact in known.items() if fact.state is RUNNING]
        if not running:
            break
        known[running[0]] = StepFact(OK)
    assert not before & set(begun)
    assert len(begun) == len(set(begun))
    for name, fact in facts.items():
        assert fact.state not in STEP_OVER or known[verdict.images[name]] is fact
