"""From a document to a definition: everything that is wrong is said at once, or nothing is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from easyflow.domain import document as documents
from easyflow.domain.states import Effects
from easyflow.domain.workflow.checks import Sheet, check_step, check_workflow, input_scope_of
from easyflow.domain.workflow.connections import check_connections
from easyflow.domain.workflow.definition import (
    ChildStep,
    Compensate,
    Compensation,
    Definition,
    FailStep,
    JobSettings,
    Join,
    KeyPolicy,
    Kind,
    Map,
    OnFailure,
    SignalStep,
    SleepStep,
    Step,
    TaskStep,
)
from easyflow.domain.workflow.expressions import Condition, Scope, Template
from easyflow.domain.workflow.faults import Problem, faults_of
from easyflow.errors import Invalid, TooLarge

MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TaskUse:
    """A task that a definition needs, the place that names it, and what its author relies on."""

    task: str
    at: str
    effects: Effects | None
    task_version: str | None = None


def read(document: Any) -> Definition:
    """Read a definition from JSON, as `document.parse` gives it.

    Equal documents, whatever the order of their fields and the form of their numbers, give the same digest;
    "$schema", which only editors read, is no part of it. Raises Invalid with every problem at once, Malformed and
    TooLarge for what cannot be kept. Whether its tasks exist is not looked at: see `tasks_of`.
    """
    documents.check(document, max_bytes=MOST_BYTES, at="definition")
    if isinstance(document, Mapping):
        document = {name: value for name, value in document.items() if name != "$schema"}
    written = documents.canonical(document)
    if len(written) > MOST_BYTES:
        message = f"larger than {MOST_BYTES} bytes, the limit"
        problems = [{"at": "definition", "message": message}]
        raise TooLarge(f"definition: {message}", limit_bytes=MOST_BYTES, problems=problems)
    kept = documents.parse(written, max_bytes=MOST_BYTES, at="definition")
    found = _problems(kept)
    if found:
        problems = [{"at": problem.at, "message": problem.message} for problem in found]
        raise Invalid("the definition does not fit", problems=problems)
    return _definition(kept, documents.digest(kept))


def tasks_of(definition: Definition) -> tuple[TaskUse, ...]:
    """Return every task that a definition names, in the order of its steps, those of compensations too."""
    return tuple(use for step in definition.steps for use in _uses(step))


def _uses(step: Step) -> Iterator[TaskUse]:
    if isinstance(step.kind, TaskStep):
        yield TaskUse(step.kind.task, f"steps.{step.name}.task", step.kind.effects, step.kind.task_version)
    if step.compensation is not None:
        yield TaskUse(step.compensation.task, f"steps.{step.name}.compensate_with.task", None)


def _problems(document: Any) -> list[Problem]:
    found, rest = faults_of(document)
    if rest is not None:
        sheet = Sheet.of(document, rest)
        for number in range(len(sheet.steps)):
            check_step(sheet, number)
        check_workflow(sheet)
        check_connections(sheet)
        found += sheet.problems
    return sorted(found, key=lambda problem: -1 if problem.step is None else problem.step)


def _definition(document: Mapping[str, Any], digest: bytes) -> Definition:
    steps = tuple(_step(number, said) for number, said in enumerate(document["steps"]))
    return Definition(
        name=document["name"],
        steps=steps,
        document=document,
        digest=digest,
        description=document.get("description", ""),
        input_schema=_schema(document.get("input_schema")),
        output=_template(document, "output", "", Scope.OUTPUT),
        key=_template(document, "key", "", Scope.KEY),
        key_policy=KeyPolicy(document.get("key_policy", KeyPolicy.QUEUE)),
        deadline_seconds=_number(document.get("deadline_seconds")),
        compensate=Compensate(document.get("compensate", Compensate.ON_FAILURE)),
    )


def _step(number: int, said: Mapping[str, Any]) -> Step:
    at = f"steps.{said['name']}"
    kind = _kind(said, at)
    when = Condition.read(said["when"], f"{at}.when") if "when" in said else None
    back = said.get("compensate_with")
    return Step(
        name=said["name"],
        number=number,
        kind=kind,
        needs=tuple(said.get("needs", ())),
        join=Join(said.get("join", Join.ALL)),
        when=when,
        on_failure=OnFailure(said.get("on_failure", OnFailure.FAIL)),
        compensation=None if back is None else _compensation(back, at),
        description=said.get("description", ""),
        references=frozenset().union(
            when.references if when else (), *(template.references for template in _templates(kind))
        ),
        reads_input=_hands_input_on(kind)
        or (when is not None and when.reads_input)
        or any(template.reads_input for template in _templates(kind)),
    )


def _hands_input_on(kind: Kind) -> bool:
    """Whether a step is given the run's input, as it has none of its own."""
    return isinstance(kind, TaskStep | ChildStep) and kind.input is None and getattr(kind, "map", None) is None


def _kind(said: Mapping[str, Any], at: str) -> Kind:
    if "task" in said:
        effects = said.get("effects")
        return TaskStep(
            task=said["task"],
            input=_template(said, "input", at, input_scope_of(said)),
            settings=_settings(said),
            effects=None if effects is None else Effects(effects),
            task_version=said.get("task_version"),
            map=_map(said["map"], f"{at}.map") if "map" in said else None,
        )
    if "child" in said:
        child = said["child"]
        version = child.get("version")
        return ChildStep(child["workflow"], _template(said, "input", at), None if version is None else int(version))
    if "sleep" in said:
        sleep = said["sleep"]
        return SleepStep(_template(sleep, "seconds", at), _template(sleep, "until", at))
    if "fail" in said:
        return FailStep(Template.read(said["fail"]["reason"], f"{at}.fail.reason", Scope.STEP))
    signal = said["wait_for_signal"]
    return SignalStep(
        signal=signal["signal"],
        schema=_schema(signal.get("schema")),
        timeout_seconds=_number(signal.get("timeout_seconds")),
        default=signal.get("default"),
        has_default="default" in signal,
    )


def _map(said: Mapping[str, Any], at: str) -> Map:
    return Map(
        items=_template(said, "items", at),
        items_of=said.get("items_of"),
        batch_size=int(said.get("batch_size", 1)),
        concurrency=int(said.get("concurrency", 1000)),
        tolerated_failures=int(said.get("tolerated_failures", 0)),
        tolerated_percent=float(said.get("tolerated_percent", 0)),
    )


def _compensation(said: Mapping[str, Any], at: str) -> Compensation:
    at = f"{at}.compensate_with"
    return Compensation(said["task"], _template(said, "input", at, Scope.COMPENSATION), _settings(said))


def _settings(said: Mapping[str, Any]) -> JobSettings:
    attempts = said.get("max_attempts")
    return JobSettings(
        queue=said.get("queue"),
        priority=int(said.get("priority", 0)),
        max_attempts=None if attempts is None else int(attempts),
        timeout_seconds=_number(said.get("timeout_seconds")),
    )


def _templates(kind: Kind) -> Iterator[Template]:
    match kind:
        case TaskStep():
            found = [kind.input, kind.map.items if kind.map else None]
        case ChildStep():
            found = [kind.input]
        case SleepStep():
            found = [kind.seconds, kind.until]
        case FailStep():
            found = [kind.reason]
        case SignalStep():
            found = []
    yield from (template for template in found if template is not None)


def _template(said: Mapping[str, Any], name: str, at: str, scope: Scope = Scope.STEP) -> Template | None:
    return Template.read(said[name], f"{at}.{name}".lstrip("."), scope) if name in said else None


def _schema(said: Any) -> Mapping[str, Any] | None:
    # What true and false say as schemas, an object says too.
    return {True: {}, False: {"not": {}}}[said] if isinstance(said, bool) else said


def _number(said: Any) -> float | None:
    return None if said is None else float(said)
