"""What a workflow definition says, once it has been read: a graph of steps, immutable and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from easyflow.domain import json_schema
from easyflow.domain.states import Effects
from easyflow.domain.workflow.expressions import Condition, Template


class Join(StrEnum):
    """When a step may begin whose needs are all over; else it is skipped."""

    ALL = "all"  # every need SUCCEEDED
    ANY = "any"  # at least one SUCCEEDED
    ALWAYS = "always"  # however they ended


class OnFailure(StrEnum):
    """What a step that FAILED means for its run."""

    FAIL = "fail"  # nothing further is released; what runs comes to its end; the run is FAILED
    SKIP = "skip"  # its dependents are skipped, the others go on
    CONTINUE = "continue"  # its dependents go on as if it had SUCCEEDED, with the result null


class KeyPolicy(StrEnum):
    """What becomes of a run whose key another live run of the workflow holds."""

    QUEUE = "queue"  # it begins when that one is over
    REFUSE = "refuse"  # it is not started: 409
    REPLACE = "replace"  # that one is cancelled, and this one begins when it is over


class Compensate(StrEnum):
    """When finished steps are compensated."""

    ON_FAILURE = "on_failure"  # at once when the run fails or is cancelled
    ON_REQUEST = "on_request"  # a FAILED run waits for a person: resume it, or have it compensated


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How the jobs of a step run; None: as the task says."""

    queue: str | None = None
    priority: int = 0
    max_attempts: int | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Map:
    """One job for each item, or for each batch of items, of a list or of an earlier step.

    Of `items` and `items_of` one is set. `items_of` names a step: the items it emitted, or, when it is a map itself,
    the results of its items that SUCCEEDED.
    """

    items: Template | None
    items_of: str | None
    batch_size: int = 1
    concurrency: int = 1000
    tolerated_failures: int = 0
    tolerated_percent: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskStep:
    """Carried out by a job, or by one job for each batch of a map."""

    task: str
    input: Template | None  # None: the run's input; in a map the item, or {"items": [...]}
    settings: JobSettings = field(default_factory=JobSettings)
    effects: Effects | None = None  # what the author relies on; checked when the workflow is registered
    task_version: str | None = None
    map: Map | None = None


@dataclass(frozen=True, slots=True)
class SignalStep:
    """WAITING until a signal comes; it is the step's result. Without `default` a timeout fails the step."""

    signal: str
    schema: Mapping[str, Any] | None = None
    timeout_seconds: float | None = None
    default: Any = None
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class SleepStep:
    """WAITING for a time, or until one; one of the two is set."""

    seconds: Template | None
    until: Template | None


@dataclass(frozen=True, slots=True)
class ChildStep:
    """WAITING until a run of another workflow is over; its output is the step's result."""

    workflow: str
    input: Template | None  # None: the run's input
    version: int | None = None  # None: the newest when the parent starts


@dataclass(frozen=True, slots=True)
class FailStep:
    """FAILED with this reason as soon as it may begin."""

    reason: Template


Kind = TaskStep | SignalStep | SleepStep | ChildStep | FailStep


@dataclass(frozen=True, slots=True)
class Compensation:
    """The job that takes a step back which SUCCEEDED."""

    task: str
    input: Template | None  # None: {"input": <the step's payload>, "result": <the step's result>}
    settings: JobSettings = field(default_factory=JobSettings)


@dataclass(frozen=True, slots=True)
class Step:
    """A node of the graph. `number` is its place in the definition, from 0, and names it in the database.

    In a run that moved to another version the number is that of the run, see `numbering.numbered`.
    """

    name: str
    number: int
    kind: Kind
    needs: tuple[str, ...] = ()
    join: Join = Join.ALL
    when: Condition | None = None
    on_failure: OnFailure = OnFailure.FAIL
    compensation: Compensation | None = None
    description: str = ""
    references: frozenset[str] = frozenset()  # steps whose results its condition, input, items, times or reason read
    reads_input: bool = True  # whether they read the input of the run, or it becomes the job's


@dataclass(frozen=True)
class Definition:
    """A checked definition; `document` is its canonical form, `digest` that of the document."""

    name: str
    steps: tuple[Step, ...]
    document: Mapping[str, Any]
    digest: bytes
    description: str = ""
    input_schema: Mapping[str, Any] | None = None
    output: Template | None = None
    key: Template | None = None
    key_policy: KeyPolicy = KeyPolicy.QUEUE
    deadline_seconds: float | None = None
    compensate: Compensate = Compensate.ON_FAILURE

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        """The steps by their names."""
        return {step.name: step for step in self.steps}

    @cached_property
    def by_number(self) -> Mapping[int, Step]:
        """The steps by the numbers that name them in the database."""
        return {step.number: step for step in self.steps}

    @cached_property
    def _accepts(self) -> Any:
        return None if self.input_schema is None else json_schema.compiled(self.input_schema)

    def input_problems(self, value: Any) -> list[dict[str, str]]:
        """Return what in a run's input does not fit the schema, naming places and never values; empty when it fits."""
        return [] if self._accepts is None else json_schema.problems_of(self._accepts, value, "input")

    @cached_property
    def dependents(self) -> Mapping[str, tuple[Step, ...]]:
        """For each step those that need it."""
        return {step.name: tuple(each for each in self.steps if step.name in each.needs) for step in self.steps}
