"""Definitions that do not have the shape of one, and what is said about them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.definitions import step, workflow

Wrong = tuple[Any, str, str]

NAMES = 'must be letters, digits, ".", "_" and "-", at most 200, beginning with a letter or digit'
STEP_NAMES = 'must be letters, digits, "_" and "-", at most 100, beginning with a letter'

# What is wrong -> the definition, the one place, and exactly what is said about it.
WRONG_SHAPES: dict[str, Wrong] = {
    "no object": (3, "definition", "must be an object"),
    "no name": ({"steps": [step("a")]}, "definition", '"name" is missing'),
    "no steps": ({"name": "w"}, "definition", '"steps" is missing'),
    "an empty list of steps": (workflow(), "steps", "must not be empty"),
    "steps that are no list": ({"name": "w", "steps": {}}, "steps", "must be a list"),
    "too many steps": (workflow(*(step(f"s{n}") for n in range(1001))), "steps", "must have at most 1000 entries"),
    "a bad name": (workflow(step("a"), name="a b"), "name", NAMES),
    "a step that is none": (workflow(step("a"), 7), "steps.1", "must be an object"),
    "a step without name": (workflow({"task": "t"}), "steps.0", '"name" is missing'),
    "a bad step name": (workflow(step("1a")), "steps.1a.name", STEP_NAMES),
    "a long description": (
        workflow(step("a", description="x" * 1001)),
        "steps.a.description",
        "must have at most 1000 characters",
    ),
    "an empty condition": (workflow(step("a", when="")), "steps.a.when", "must not be empty"),
    "an unknown field": (
        workflow(step("a", tsk="t")),
        "steps.a",
        'there is nothing called "tsk" here; did you mean "task"?',
    ),
    "an unknown field of the workflow": (
        workflow(step("a"), zzz=1),
        "definition",
        'there is nothing called "zzz" here',
    ),
    "an unknown field of a part": (
        workflow(step("a", sleep={"seconds": 1, "utnil": 1})),
        "steps.a.sleep",
        'there is nothing called "utnil" here; did you mean "until"?',
    ),
    "an unknown field of a compensation": (
        workflow(step("a", compensate_with={"task": "t", "qeue": "q"})),
        "steps.a.compensate_with",
        'there is nothing called "qeue" here; did you mean "queue"?',
    ),
    "a word that is none of them": (
        workflow(step("a", join="some")),
        "steps.a.join",
        "must be one of all, any, always",
    ),
    "unknown effects": (
        workflow(step("a", effects="none")),
        "steps.a.effects",
        "must be one of pure, transactional, keyed, queryable, unsafe",
    ),
    "zero seconds": (workflow(step("a", timeout_seconds=0)), "steps.a.timeout_seconds", "must be above 0"),
    "too many seconds": (
        workflow(step("a", timeout_seconds=10**9)),
        "steps.a.timeout_seconds",
        "must be at most 31622400",
    ),
    "no attempts": (workflow(step("a", max_attempts=0)), "steps.a.max_attempts", "must be at least 1"),
    "half an attempt": (
        workflow(step("a", max_attempts=Decimal("1.5"))),
        "steps.a.max_attempts",
        "must be a whole number",
    ),
    "seconds as text": (workflow(step("a", timeout_seconds="1")), "steps.a.timeout_seconds", "must be a number"),
    "a pause in words": (
        workflow(step("a", sleep={"seconds": "1"})),
        "steps.a.sleep.seconds",
        'must be a number or an expression, "${...}"',
    ),
    "a pause of nothing": (workflow(step("a", sleep={"seconds": 0})), "steps.a.sleep.seconds", "must be above 0"),
    "a pause of a list": (
        workflow(step("a", sleep={"seconds": []})),
        "steps.a.sleep.seconds",
        "must be a number or text",
    ),
    "a schema that is text": (
        workflow(step("a"), input_schema="x"),
        "input_schema",
        "must be true or false or an object",
    ),
    "one need twice": (workflow(step("a"), step("b", "a", "a")), "steps.b.needs", "must not name anything twice"),
    "needs that are no list": (workflow(step("a", needs="b")), "steps.a.needs", "must be a list"),
    "a need that is no text": (workflow(step("a", needs=[1])), "steps.a.needs.0", "must be text"),
}
