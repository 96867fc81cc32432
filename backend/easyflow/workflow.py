"""`Workflow`: a definition written in Python, which yields the same JSON as one written by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict, Unpack

from pydantic import TypeAdapter

from easyflow.domain import document
from easyflow.domain.workflow.references import Expression, Reference, cel_of, json_of
from easyflow.errors import Invalid, Malformed, Misconfigured, TooLarge
from easyflow.registry import TASKS, TaskType

Task = str | TaskType | Callable[..., Any]

WORKFLOWS: dict[str, Workflow] = {}

_MOST_BYTES = 1024 * 1024
_NOTHING = object()


class StepHandle:
    """A step of a workflow being written: give it to `needs`, and use what it leaves behind."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def result(self) -> Reference:
        """What the step came to: `parse.result.total`."""
        return Reference("steps")[self.name].result

    @property
    def state(self) -> Reference:
        """How it ended: "SUCCEEDED", "FAILED", "CANCELLED" or "SKIPPED"."""
        return Reference("steps")[self.name].state


class StepOptions(TypedDict, total=False):
    """What every step may say."""

    needs: Sequence[StepHandle | str] | StepHandle | str
    when: Expression | str
    join: Literal["all", "any", "always"]
    on_failure: Literal["fail", "skip", "continue"]
    description: str


class JobOptions(StepOptions, total=False):
    """What a step may say that is carried out by jobs."""

    queue: str
    priority: int
    max_attempts: int
    timeout_seconds: float
    effects: Literal["pure", "transactional", "keyed", "queryable", "unsafe"]
    task_version: str
    compensate_with: Task | Mapping[str, Any]


class MapOptions(JobOptions, total=False):
    """What a step may say that has a job for each item, or for each batch of items."""

    batch_size: int
    concurrency: int
    tolerated_failures: int
    tolerated_percent: float


class ChildOptions(StepOptions, total=False):
    """What a step may say that is a run of another workflow."""

    version: int
    compensate_with: Task | Mapping[str, Any]


class Workflow:
    """A workflow under its name; workers register those of their task modules when they start.

    Steps are added one after another, each named and each saying what it needs. Tasks are given as decorated
    functions or by name; what earlier steps leave behind as `step.result.field`, the input of the run as `w.input`,
    and in the same places also text: "${...}" in inputs, CEL in `when`. Within the input of a map stand `w.item`,
    `w.items` and `w.position`, within a compensation `w.this.input` and `w.this.result`.
    `definition()` gives the JSON. Nothing is checked before that is read: `easyflow workflow validate` says all
    that is wrong with it.
    """

    input = Reference("input")
    run = Reference("run")
    item = Reference("item")
    items = Reference("items")
    position = Reference("position")
    this = Reference("step")

    def __init__(
        self,
        name: str,
        *,
        input: Any = None,
        description: str | None = None,
        deadline_seconds: float | None = None,
        key: Expression | str | None = None,
        key_policy: Literal["queue", "refuse", "replace"] | None = None,
        compensate: Literal["on_failure", "on_request"] | None = None,
    ) -> None:
        """Begin a workflow and register it; `input` is a pydantic model, any type pydantic can check, or a schema."""
        self.name = name
        self._head = _given(
            name=name,
            description=description,
            input_schema=_schema_of(input),
            deadline_seconds=deadline_seconds,
            key=key,
            key_policy=key_policy,
            compensate=compensate,
        )
        self._steps = list[dict[str, Any]]()
        self._output: Any = _NOTHING
        self._earlier = WORKFLOWS.get(name)
        WORKFLOWS[name] = self

    def step(self, name: str, task: Task, input: Any = _NOTHING, **options: Unpack[JobOptions]) -> StepHandle:
        """Add a job of a task; without `input` it gets that of the run."""
        return self._add({"name": name, "task": self._task(task), **_perhaps("input", input)}, options)

    def map(
        self, name: str, task: Task, over: StepHandle | Any, input: Any = _NOTHING, **options: Unpack[MapOptions]
    ) -> StepHandle:
        """Add a job for each item, or for each batch of `batch_size` items.

        `over` is a step, whose emitted items or map results are taken, or a list, or an expression that gives one.
        Without `input` a job gets its item, a batch {"items": [...]}.
        """
        rest: dict[str, Any] = dict(options)
        items = {"items_of": over.name} if isinstance(over, StepHandle) else {"items": over}
        told = {word: rest.pop(word) for word in MapOptions.__annotations__ if word in _OF_MAPS and word in rest}
        said = {"name": name, "task": self._task(task), "map": {**items, **told}, **_perhaps("input", input)}
        return self._add(said, rest)

    def wait_for_signal(
        self,
        name: str,
        signal: str | None = None,
        *,
        schema: Any = None,
        timeout_seconds: float | None = None,
        default: Any = _NOTHING,
        **options: Unpack[StepOptions],
    ) -> StepHandle:
        """Add a wait for a signal, by default of the step's name; when the time is over `default` is its result."""
        waited = _given(signal=signal or name, schema=_schema_of(schema), timeout_seconds=timeout_seconds)
        return self._add({"name": name, "wait_for_signal": {**waited, **_perhaps("default", default)}}, options)

    def sleep(
        self,
        name: str,
        *,
        seconds: Expression | str | float | None = None,
        until: Expression | str | datetime | None = None,
        **options: Unpack[StepOptions],
    ) -> StepHandle:
        """Add a pause of some seconds, or until a time."""
        if isinstance(until, datetime):
            if until.tzinfo is None:
                raise Misconfigured(f"workflow {self.name}: step {name} sleeps until a time without zone; give it one")
            until = until.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return self._add({"name": name, "sleep": _given(seconds=seconds, until=until)}, options)

    def child(
        self, name: str, workflow: Workflow | str, input: Any = _NOTHING, **options: Unpack[ChildOptions]
    ) -> StepHandle:
        """Add a run of another workflow, by default of its newest version; without `input` it gets this run's."""
        rest: dict[str, Any] = dict(options)
        named = workflow.name if isinstance(workflow, Workflow) else workflow
        child = _given(workflow=named, version=rest.pop("version", None))
        return self._add({"name": name, "child": child, **_perhaps("input", input)}, rest)

    def fail(self, name: str, reason: Expression | str, **options: Unpack[StepOptions]) -> StepHandle:
        """Add a step that fails the run, with this reason, as soon as it may begin."""
        return self._add({"name": name, "fail": {"reason": reason}}, options)

    def output(self, value: Any) -> None:
        """Say what the run gives as its result."""
        self._output = value

    def definition(self) -> dict[str, Any]:
        """Return the definition as JSON.

        Raises Misconfigured when a value in it is no JSON, and when another workflow with other content has the name.
        """
        said = json_of({**self._head, **_perhaps("output", self._output), "steps": self._steps})
        try:
            document.check(said, max_bytes=_MOST_BYTES, at=f"workflow {self.name}")
        except (Invalid, Malformed, TooLarge) as wrong:
            raise Misconfigured(wrong.message) from None
        if self._earlier is not None and document.canonical(self._earlier.definition()) != document.canonical(said):
            raise Misconfigured(f"two workflows are called {self.name}, and they differ; rename one of them")
        found: dict[str, Any] = said
        return found

    def _add(self, said: dict[str, Any], options: Mapping[str, Any]) -> StepHandle:
        told = {word: value for word, value in options.items() if value is not None}
        if "needs" in told:
            needs = told["needs"]
            told["needs"] = [_name_of(need) for need in ([needs] if isinstance(needs, StepHandle | str) else needs)]
        if "when" in told:
            told["when"] = cel_of(told["when"])
        if "compensate_with" in told:
            back = told["compensate_with"]
            told["compensate_with"] = (
                {**back, "task": self._task(back.get("task", ""))}
                if isinstance(back, Mapping)
                else {"task": self._task(back)}
            )
        self._steps.append({**said, **told})
        return StepHandle(said["name"])

    def _task(self, task: Task) -> str:
        if isinstance(task, str):
            return task
        for known in TASKS.values():
            if task is known or task is known.handler:
                return known.name
        name = getattr(task, "__name__", repr(task))
        raise Misconfigured(f"workflow {self.name}: {name} is no task; decorate it with @task, or give a task's name")


_OF_MAPS = frozenset(MapOptions.__annotations__) - frozenset(JobOptions.__annotations__)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _perhaps(name: str, value: Any) -> dict[str, Any]:
    return {} if value is _NOTHING else {name: value}


def _name_of(need: StepHandle | str) -> str:
    return need.name if isinstance(need, StepHandle) else need


def _schema_of(said: Any) -> Any:
    if said is None or isinstance(said, Mapping | bool):
        return said
    return TypeAdapter(said).json_schema()
