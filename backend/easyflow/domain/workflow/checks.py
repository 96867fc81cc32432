"""What is wrong with the parts of a definition, each looked at for itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from easyflow.domain import json_schema
from easyflow.domain.workflow.expressions import Condition, Scope, Template
from easyflow.domain.workflow.faults import Problem, step_word
from easyflow.errors import Invalid

KINDS = ("task", "wait_for_signal", "sleep", "child", "fail")

# What a step of another kind has no use for.
_OPTIONS_OF = {
    "input": ("task", "child"),
    "map": ("task",),
    "queue": ("task",),
    "priority": ("task",),
    "max_attempts": ("task",),
    "timeout_seconds": ("task",),
    "effects": ("task",),
    "task_version": ("task",),
    "compensate_with": ("task", "child"),
}
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reads:
    """A place of the definition that reads steps; `step` is None for the workflow's own places."""

    step: int | None
    at: str
    references: frozenset[str]
    is_compensation: bool = False


@dataclass
class Sheet:
    """A document as it was written and without its faulty parts, and what was found on looking at it closer."""

    written: Mapping[str, Any]
    document: Mapping[str, Any]
    steps: list[dict[str, Any]]
    words: list[str]
    problems: list[Problem] = field(default_factory=list)
    reads: list[Reads] = field(default_factory=list)

    @classmethod
    def of(cls, written: Mapping[str, Any], document: Mapping[str, Any]) -> Sheet:
        """Take a document, and its copy whose faulty parts have been taken out."""
        listed = document.get("steps") or []
        steps = [step if isinstance(step, dict) else {} for step in listed]
        return cls(written, document, steps, [step_word(steps, number) for number in range(len(steps))])

    def has(self, step: int, *path: str) -> bool:
        """Return whether something was written there, be it faulty or not."""
        value = self.written["steps"][step]
        for name in path:
            if not isinstance(value, dict) or name not in value:
                return False
            value = value[name]
        return True

    def add(self, step: int | None, place: str, message: str) -> None:
        """Note a problem; `place` is what follows the step's name."""
        self.problems.append(Problem(step, self.at(step, place), message))

    def at(self, step: int | None, place: str) -> str:
        """Return how people call a place in a step, or in the workflow."""
        return ".".join(filter(None, [*(["steps", self.words[step]] if step is not None else []), place]))

    def read(self, step: int | None, place: str, value: Any, scope: Scope) -> None:
        """Read a template, and note what it reads and what is wrong with it."""
        template, wrong = Template.look(value, self.at(step, place), scope)
        self.problems += [Problem(step, each["at"], each["message"]) for each in wrong]
        self.reads.append(Reads(step, self.at(step, place), template.references, scope is Scope.COMPENSATION))


def check_workflow(sheet: Sheet) -> None:
    """Look at what belongs to the workflow itself."""
    document = sheet.document
    if "key" in document:
        sheet.read(None, "key", document["key"], Scope.KEY)
    elif "key_policy" in document and "key" not in sheet.written:
        sheet.add(None, "key_policy", "there is no key for it; give both or none")
    if "output" in document:
        sheet.read(None, "output", document["output"], Scope.OUTPUT)
    if "input_schema" in document:
        _compiled(sheet, None, "input_schema", document["input_schema"])


def check_step(sheet: Sheet, number: int) -> None:
    """Look at one step for itself."""
    step = sheet.steps[number]
    _check_kind(sheet, number)
    if "when" in step:
        _check_condition(sheet, number, step["when"])
    if "input" in step:
        sheet.read(number, "input", step["input"], input_scope_of(step))
    _check_map(sheet, number, step.get("map"))
    _check_sleep(sheet, number, step.get("sleep"))
    _check_signal(sheet, number, step.get("wait_for_signal"))
    if "reason" in (step.get("fail") or {}):
        sheet.read(number, "fail.reason", step["fail"]["reason"], Scope.STEP)
    if "input" in (step.get("compensate_with") or {}):
        sheet.read(number, "compensate_with.input", step["compensate_with"]["input"], Scope.COMPENSATION)


def input_scope_of(step: Mapping[str, Any]) -> Scope:
    """Return where the input of a step stands."""
    if "map" not in step:
        return Scope.STEP
    return Scope.ITEM if int(step["map"].get("batch_size", 1)) == 1 else Scope.BATCH


def _check_kind(sheet: Sheet, number: int) -> None:
    kinds = [kind for kind in KINDS if sheet.has(number, kind)]
    if len(kinds) > 1:
        sheet.add(number, "", f"a step is one thing, and this one has {' and '.join(kinds)}")
    if not kinds and isinstance(sheet.written["steps"][number], dict):
        sheet.add(number, "", f"it does not say what it is; give it one of {', '.join(KINDS)}")
    for option, wanted in _OPTIONS_OF.items():
        if sheet.has(number, option) and kinds and not set(wanted) & set(kinds):
            sheet.add(number, option, f"it belongs to steps with {' or '.join(wanted)}, and this one has {kinds[0]}")


def _check_condition(sheet: Sheet, number: int, text: str) -> None:
    try:
        read = Condition.read(text, sheet.at(number, "when"))
    except Invalid as wrong:
        sheet.problems += [Problem(number, each["at"], each["message"]) for each in wrong.problems]
    else:
        sheet.reads.append(Reads(number, sheet.at(number, "when"), read.references))


def _check_map(sheet: Sheet, number: int, over: Any) -> None:
    if over is None:
        return
    if sheet.has(number, "map", "items") == sheet.has(number, "map", "items_of"):
        sheet.add(number, "map", "it needs one of items and items_of, and not both")
    if "items" not in over:
        return
    items = over["items"]
    if isinstance(items, list) or (isinstance(items, str) and items.startswith("${") and items.endswith("}")):
        sheet.read(number, "map.items", items, Scope.STEP)
    else:
        sheet.add(number, "map.items", 'must be a list or an expression, "${...}"')


def _check_sleep(sheet: Sheet, number: int, sleep: Any) -> None:
    if sleep is None:
        return
    if sheet.has(number, "sleep", "seconds") == sheet.has(number, "sleep", "until"):
        sheet.add(number, "sleep", "it needs one of seconds and until, and not both")
    if "seconds" in sleep:
        sheet.read(number, "sleep.seconds", sleep["seconds"], Scope.STEP)
    if "until" not in sleep:
        return
    until = sleep["until"]
    if (until.startswith("${") and until.endswith("}")) or is_time(until):
        sheet.read(number, "sleep.until", until, Scope.STEP)
    else:
        sheet.add(
            number,
            "sleep.until",
            "must be a time as RFC 3339 writes it, with an offset: 2026-01-31T09:30:00+01:00, or an expression",
        )


def _check_signal(sheet: Sheet, number: int, signal: Any) -> None:
    if signal is None:
        return
    if "default" in signal and not sheet.has(number, "wait_for_signal", "timeout_seconds"):
        sheet.add(number, "wait_for_signal.default", "it is the result after timeout_seconds, which is missing")
    if "schema" not in signal:
        return
    compiled = _compiled(sheet, number, "wait_for_signal.schema", signal["schema"])
    if compiled is not None and "default" in signal:
        for problem in json_schema.problems_of(compiled, signal["default"], "wait_for_signal.default"):
            sheet.add(number, problem["at"], f"it does not fit the signal's schema: {problem['message']}")


def is_time(text: str) -> bool:
    """Return whether a text is a time with an offset, as RFC 3339 writes it."""
    if not _RFC_3339.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _compiled(sheet: Sheet, number: int | None, place: str, said: Any) -> Any:
    try:
        return json_schema.compiled(said)
    except ValueError as wrong:
        sheet.add(number, place, f"it is no JSON Schema: {wrong}")
        return None
