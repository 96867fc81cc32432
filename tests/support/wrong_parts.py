"""Definitions with a part that makes no sense, and what is said about them."""

from __future__ import annotations

from typing import Any

from tests.support.definitions import step, workflow

Wrong = tuple[Any, str, str]

TIME = "must be a time as RFC 3339 writes it, with an offset: 2026-01-31T09:30:00+01:00, or an expression"
KINDS = "give it one of task, wait_for_signal, sleep, child, fail"
BAD_SCHEMA = (
    "it is no JSON Schema: the value is not valid under any of the schemas listed in the 'anyOf' keyword, at type"
)
SIGNAL = {"signal": "s"}

# What is wrong -> the definition, the one place, and exactly what is said about it.
WRONG_PARTS: dict[str, Wrong] = {
    "no kind": (workflow({"name": "a"}), "steps.a", f"it does not say what it is; {KINDS}"),
    "two kinds": (
        workflow(step("a", task="t", sleep={"seconds": 1})),
        "steps.a",
        "a step is one thing, and this one has task and sleep",
    ),
    "a queue without task": (
        workflow(step("a", fail={"reason": "r"}, queue="q")),
        "steps.a.queue",
        "it belongs to steps with task, and this one has fail",
    ),
    "an input for a pause": (
        workflow(step("a", sleep={"seconds": 1}, input={})),
        "steps.a.input",
        "it belongs to steps with task or child, and this one has sleep",
    ),
    "a map without task": (
        workflow(step("a", child={"workflow": "x"}, map={"items": []})),
        "steps.a.map",
        "it belongs to steps with task, and this one has child",
    ),
    "a compensation of a wait": (
        workflow(step("a", wait_for_signal=SIGNAL, compensate_with={"task": "t"})),
        "steps.a.compensate_with",
        "it belongs to steps with task or child, and this one has wait_for_signal",
    ),
    "a map of nothing": (
        workflow(step("a", map={"batch_size": 2})),
        "steps.a.map",
        "it needs one of items and items_of, and not both",
    ),
    "a map of two things": (
        workflow(step("a"), step("b", "a", map={"items": [], "items_of": "a"})),
        "steps.b.map",
        "it needs one of items and items_of, and not both",
    ),
    "a map of a number": (
        workflow(step("a", map={"items": 3})),
        "steps.a.map.items",
        'must be a list or an expression, "${...}"',
    ),
    "batch options without map": (
        workflow(step("a", batch_size=3)),
        "steps.a",
        'there is nothing called "batch_size" here',
    ),
    "an endless pause": (
        workflow(step("a", sleep={})),
        "steps.a.sleep",
        "it needs one of seconds and until, and not both",
    ),
    "a pause with two ends": (
        workflow(step("a", sleep={"seconds": 1, "until": "2026-12-01T00:00:00Z"})),
        "steps.a.sleep",
        "it needs one of seconds and until, and not both",
    ),
    "a time without zone": (workflow(step("a", sleep={"until": "2026-12-01T00:00:00"})), "steps.a.sleep.until", TIME),
    "a day that is none": (workflow(step("a", sleep={"until": "2026-02-30T00:00:00Z"})), "steps.a.sleep.until", TIME),
    "a default for no time": (
        workflow(step("a", wait_for_signal={"signal": "s", "default": 1})),
        "steps.a.wait_for_signal.default",
        "it is the result after timeout_seconds, which is missing",
    ),
    "a default that does not fit": (
        workflow(
            step(
                "a",
                wait_for_signal={
                    "signal": "s",
                    "timeout_seconds": 1,
                    "schema": {"properties": {"ok": {"type": "boolean"}}},
                    "default": {"ok": 1},
                },
            )
        ),
        "steps.a.wait_for_signal.default.ok",
        'it does not fit the signal\'s schema: the value is not of type "boolean"',
    ),
    "a schema of a signal that is none": (
        workflow(step("a", wait_for_signal={"signal": "s", "schema": {"type": "wat"}})),
        "steps.a.wait_for_signal.schema",
        BAD_SCHEMA,
    ),
    "an input schema that is none": (workflow(step("a"), input_schema={"type": "wat"}), "input_schema", BAD_SCHEMA),
    "an input schema from elsewhere": (
        workflow(step("a"), input_schema={"$ref": "https://example.org/x"}),
        "input_schema",
        "it is no JSON Schema: a schema may not refer to other documents",
    ),
    "a pattern that looks ahead": (
        workflow(step("a"), input_schema={"pattern": "(?=a)"}),
        "input_schema",
        'it is no JSON Schema: the value is not a "regex", at pattern',
    ),
    "a policy without key": (
        workflow(step("a"), key_policy="refuse"),
        "key_policy",
        "there is no key for it; give both or none",
    ),
}
