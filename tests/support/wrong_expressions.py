"""Definitions with expressions that cannot be read, and what is said about them."""

from __future__ import annotations

from typing import Any

from tests.support.definitions import reading, step, workflow

Wrong = tuple[Any, str, str]

STEPS_WORD = '"steps" is followed by the name of a step: steps.name or steps["name"]'
ONE_MACRO = "an expression may use one of all, exists, exists_one, map and filter, and once"

# What is wrong -> the definition, the one place, and exactly what is said about it.
WRONG_EXPRESSIONS: dict[str, Wrong] = {
    "no CEL": (reading("input.a +"), "steps.b.input", "it is not CEL: it ends too early, at column 10"),
    "no expression": (reading(""), "steps.b.input", "it is not CEL: it ends too early, at column 1"),
    "a wrong character": (
        reading("input.a = 1"),
        "steps.b.input",
        "it is not CEL: token recognition error at: '= ', at column 9",
    ),
    "a long expression": (
        reading("1" + " " * 1000),
        "steps.b.input",
        "an expression has at most 1,000 characters, this one has 1,001",
    ),
    "an unknown variable": (
        reading("inptu.a"),
        "steps.b.input",
        'there is no variable "inptu" in a step, only input, run, steps',
    ),
    "a variable in another scope": (
        reading("item.a"),
        "steps.b.input",
        'there is no variable "item" in a step, only input, run, steps',
    ),
    "an item of a batch": (
        reading("item", map={"items_of": "a", "batch_size": 2}),
        "steps.b.input",
        'there is no variable "item" in the input of a map with batches, only input, items, position, run, steps',
    ),
    "a step in the input of a map": (
        reading("step.input", map={"items_of": "a"}),
        "steps.b.input",
        'there is no variable "step" in the input of a map, only input, item, items, position, run, steps',
    ),
    "an item in a compensation": (
        workflow(step("a", compensate_with={"task": "t", "input": "${item}"})),
        "steps.a.compensate_with.input",
        'there is no variable "item" in a compensation, only input, run, step, steps',
    ),
    "a step in the key": (
        workflow(step("a"), key="${steps.a.result}"),
        "key",
        'there is no variable "steps" in the key, only input',
    ),
    "an item in the output": (
        workflow(step("a"), output="${item}"),
        "output",
        'there is no variable "item" in the output, only input, run, steps',
    ),
    "a variable from the root": (
        reading(".input.a"),
        "steps.b.input",
        'there is no variable ".input" here',
    ),
    "a type that is none": (
        reading("Money{amount: 1}"),
        "steps.b.input",
        'there is no variable "Money" in a step, only input, run, steps',
    ),
    "an unknown function": (reading("siz(input)"), "steps.b.input", 'there is no function "siz"; did you mean "size"?'),
    "the current time": (reading("now()"), "steps.b.input", 'there is no function "now"'),
    "an unknown field of the run": (
        reading("run.name"),
        "steps.b.input",
        '"run" has no field "name"; it has id, workflow, version, started_at',
    ),
    "an unknown field of a step": (
        reading("steps.a.output"),
        "steps.b.input",
        '"steps.a" has no field "output"; it has result, state',
    ),
    "steps without a name": (reading("size(steps)"), "steps.b.input", STEPS_WORD),
    "a computed step": (reading("steps[input.name].result"), "steps.b.input", STEPS_WORD),
    "a macro in a macro": (reading("input.l.all(x, input.m.exists(y, x == y))"), "steps.b.input", ONE_MACRO),
    "two macros": (reading("input.l.all(x, x > 1) && input.l.all(y, y > 1)"), "steps.b.input", ONE_MACRO),
    "a macro with the name of a variable": (
        reading("input.l.map(steps, steps)"),
        "steps.b.input",
        'the variable of a macro may not be called "steps", which is another one',
    ),
    "a condition as a template": (
        workflow(step("a", when="${input.a}")),
        "steps.a.when",
        'a condition is written without "${" and "}"',
    ),
    "a wrong condition": (
        workflow(step("a", when="input.a >")),
        "steps.a.when",
        "it is not CEL: it ends too early, at column 10",
    ),
    "a wrong reason": (
        workflow(step("a", fail={"reason": "${foo}"})),
        "steps.a.fail.reason",
        'there is no variable "foo" in a step, only input, run, steps',
    ),
    "a wrong item": (
        workflow(step("a", map={"items": [1, {"x": "${foo}"}]})),
        "steps.a.map.items.1.x",
        'there is no variable "foo" in a step, only input, run, steps',
    ),
    "a wrong pause": (
        workflow(step("a", sleep={"seconds": "${foo}"})),
        "steps.a.sleep.seconds",
        'there is no variable "foo" in a step, only input, run, steps',
    ),
    "a wrong time": (
        workflow(step("a", sleep={"until": "${foo}"})),
        "steps.a.sleep.until",
        'there is no variable "foo" in a step, only input, run, steps',
    ),
}
