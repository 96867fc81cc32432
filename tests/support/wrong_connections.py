"""Definitions whose steps do not fit each other, and what is said about them."""

from __future__ import annotations

from typing import Any

from tests.support.definitions import reading, step, workflow

Wrong = tuple[Any, str, str]

SIGNAL = {"signal": "s"}

# What is wrong -> the definition, the one place, and exactly what is said about it.
WRONG_CONNECTIONS: dict[str, Wrong] = {
    "one name twice": (workflow(step("a"), step("a")), "steps.1.name", 'an earlier step is called "a" too'),
    "one signal twice": (
        workflow(step("a", wait_for_signal=SIGNAL), step("b", wait_for_signal=SIGNAL)),
        "steps.b.wait_for_signal.signal",
        'the step "a" waits for "s" too; a signal has one step',
    ),
    "an unknown need": (
        workflow(step("parse"), step("b", "prase")),
        "steps.b.needs",
        'there is no step "prase"; did you mean "parse"?',
    ),
    "a need of itself": (workflow(step("a", "a")), "steps.a.needs", "a step cannot need itself"),
    "a circle of two": (
        workflow(step("a", "b"), step("b", "a")),
        "steps.a.needs",
        "these steps wait for each other for ever: a needs b, b needs a",
    ),
    "a circle of three": (
        workflow(step("z"), step("b", "a"), step("a", "c", "z"), step("c", "b")),
        "steps.b.needs",
        "these steps wait for each other for ever: b needs a, a needs c, c needs b",
    ),
    "a dangling reference": (
        workflow(step("a"), step("b", input="${steps.a.result}")),
        "steps.b.input",
        'it reads steps.a, which need not be over by then; add "a" to needs',
    ),
    "a dangling condition": (
        workflow(step("a"), step("b", when="steps.a.result > 1")),
        "steps.b.when",
        'it reads steps.a, which need not be over by then; add "a" to needs',
    ),
    "a dangling compensation": (
        workflow(step("a"), step("b", compensate_with={"task": "t", "input": ["${steps.a.result}"]})),
        "steps.b.compensate_with.input",
        'it reads steps.a, which need not be over by then; add "a" to needs',
    ),
    "an unknown step in an expression": (
        reading("steps.aa.result + 1"),
        "steps.b.input",
        'it reads steps.aa, and there is no step "aa"; did you mean "a"?',
    ),
    "an unknown step in the output": (
        workflow(step("a"), output="${steps.nobody.result}"),
        "output",
        'it reads steps.nobody, and there is no step "nobody"',
    ),
    "its own result": (
        workflow(step("a", input="${steps.a.result}")),
        "steps.a.input",
        "a step cannot read its own result",
    ),
    "items of an unknown step": (
        workflow(step("parse"), step("b", "parse", map={"items_of": "prase"})),
        "steps.b.map.items_of",
        'there is no step "prase"; did you mean "parse"?',
    ),
    "items of a step that is not needed": (
        workflow(step("a"), step("b", map={"items_of": "a"})),
        "steps.b.map.items_of",
        '"a" need not be over by then; add it to needs',
    ),
    "items of a step that has none": (
        workflow(step("a", sleep={"seconds": 1}), step("b", "a", map={"items_of": "a"})),
        "steps.b.map.items_of",
        '"a" is no task, so it has no items',
    ),
    "a step behind one that fails": (
        workflow(step("a", fail={"reason": "r"}), step("b", "a")),
        "steps.b.needs",
        'it can never begin: "a" always fails',
    ),
    "a step behind two that fail": (
        workflow(step("a", fail={"reason": "r"}), step("b", fail={"reason": "r"}), step("c", "a", "b", join="any")),
        "steps.c.needs",
        'it can never begin: "a" always fails, "b" always fails',
    ),
    "a step that waits for the end of a run that is over": (
        workflow(step("a", fail={"reason": "r"}), step("b", "a", join="always")),
        "steps.b.needs",
        'it can never begin: "a" always fails',
    ),
}
