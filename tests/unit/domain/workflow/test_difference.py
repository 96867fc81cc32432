"""What changed between two definitions, as data and as lines."""

from __future__ import annotations

import copy
from decimal import Decimal

from easyflow.domain.workflow.difference import Change, ChangeKind, compare
from easyflow.domain.workflow.reading import read
from tests.support.definitions import CLAIMS, step, workflow


def test_nothing_changed_between_equal_definitions() -> None:
    assert compare(read(CLAIMS), read(copy.deepcopy(CLAIMS))).changes == ()
    assert compare(read(CLAIMS), read(CLAIMS)).lines() == []


def test_every_change_is_named_with_its_place_before_and_after() -> None:
    old = workflow(
        step("a", timeout_seconds=60, input={"x": {"y": 1, "z": 2}, "flag": 1}),
        step("b", "a", map={"items_of": "a", "batch_size": 10}),
        step("gone", sleep={"seconds": 1}),
        description="old",
        key="${input.k}",
    )
    new = workflow(
        step("a", queue="q", input={"x": {"y": 1, "z": 3}, "flag": True}),
        step("b", "a", map={"items_of": "a", "batch_size": 20}),
        step("added", "a", fail={"reason": "no"}),
        description="new",
        deadline_seconds=Decimal("0.5"),
    )
    difference = compare(read(old), read(new))
    assert difference.lines() == [
        "+ deadline_seconds: 0.5",
        '~ description: "old" → "new"',
        '- key: "${input.k}"',
        "~ steps.a.input.flag: 1 → true",
        "~ steps.a.input.x.z: 2 → 3",
        '+ steps.a.queue: "q"',
        "- steps.a.timeout_seconds: 60",
        "~ steps.b.map.batch_size: 10 → 20",
        "+ steps.added: fails the run",
        "- steps.gone: sleeps",
    ]
    assert difference.changes[4] == Change(ChangeKind.CHANGED, "steps.a.input.x.z", 2, 3)
    assert difference.changes[-2].after == {"name": "added", "needs": ["a"], "fail": {"reason": "no"}}


def test_another_order_of_the_same_steps_is_a_change() -> None:
    a, b = step("a"), step("b")
    assert compare(read(workflow(a, b)), read(workflow(b, a))).lines() == ["~ steps: the same ones in another order"]
    assert compare(read(workflow(a, b)), read(workflow(step("c"), a, b))).lines() == ["+ steps.c: task t"]


def test_a_step_of_another_kind_says_both() -> None:
    changed = compare(read(workflow(step("a"))), read(workflow(step("a", sleep={"seconds": 5}))))
    assert changed.lines() == ['+ steps.a.sleep: {"seconds":5}', '- steps.a.task: "t"']


def test_long_values_are_cut_in_lines_and_whole_in_the_data() -> None:
    changed = compare(read(workflow(step("a", input="x" * 500))), read(workflow(step("a", input="y" * 500))))
    assert max(len(line) for line in changed.lines()) < 250
    assert changed.changes[0].after == "y" * 500
