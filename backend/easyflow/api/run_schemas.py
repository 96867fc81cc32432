"""The replies about workflows and runs, as the OpenAPI document describes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from easyflow.api.schemas import Listing, Shape, Total
from easyflow.domain.states import State
from easyflow.domain.workflow.states import RunState, StepState

StepKind = Literal["task", "map", "wait_for_signal", "sleep", "child", "fail"]
ItemState = Literal["SUCCEEDED", "FAILED", "CANCELLED"]


class WorkflowVersion(Shape):
    """One version of a workflow; `digest` stands for its content."""

    name: str
    version: int
    digest: str
    description: str
    steps: int
    created_at: datetime
    created_by: str


class Workflow(WorkflowVersion):
    """A workflow in its newest version; `live_runs` are those of any version that are not over."""

    live_runs: Total


class WorkflowDefinition(WorkflowVersion):
    """One version of a workflow with its whole definition."""

    definition: Any


class WorkflowDetail(WorkflowDefinition):
    """A workflow in its newest version, with its definition and its latest versions, newest first."""

    live_runs: Total
    versions: Listing[WorkflowVersion]


class RegisteredWorkflow(Shape):
    """What became of a definition: the version that has this content now; `new`: it had none before."""

    name: str
    version: int
    new: bool


class Verdict(Shape):
    """A definition against which nothing stands."""

    name: str
    digest: str
    steps: int
    valid: Literal[True]


class StepCounts(Shape):
    """How many steps are in each state."""

    BLOCKED: int
    RUNNING: int
    WAITING: int
    SUCCEEDED: int
    FAILED: int
    CANCELLED: int
    SKIPPED: int


class Run(Shape):
    """One run of a workflow. `queued`: it waits for the run that has its key; `stopping` is what it is to end as."""

    id: str
    workflow: str
    version: int
    state: RunState
    queued: bool
    stopping: RunState | None
    reason: str | None
    key: str | None
    tags: list[str]
    step_counts: StepCounts
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline_at: datetime | None
    compensated: bool
    parent_run: str | None
    schedule: str | None
    slot: datetime | None


class ExpiredRun(Shape):
    """What is left of a run that was removed after its time, while its idempotency key is still kept."""

    id: str
    expired: Literal[True]


class StepJob(Shape):
    """The job of a step; its state is null when the job was removed after its time."""

    id: str
    state: State | None
    retry_count: int


class StepItems(Shape):
    """How far a map is: `made` of `total` items have a job or an outcome."""

    total: int
    made: int
    succeeded: int
    failed: int
    concurrency: int
    tolerated_failures: int
    tolerated_percent: float


class StepCompensation(Shape):
    """How far a step is taken back; without a job its input could not be made."""

    state: StepState
    job: StepJob | None


class RunStep(Shape):
    """One step of a run. `task`, `workflow` or `signal` is what carries it out, or what it waits for.

    A step that had not begun when its run ended is SKIPPED. Of a run with more than a megabyte of results only the
    size of the later ones is told, in `result_bytes`.
    """

    name: str
    kind: StepKind
    task: str | None
    workflow: str | None
    signal: str | None
    needs: list[str]
    state: StepState
    reason: str | None
    began_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None
    job: StepJob | None
    child_run: str | None
    items: StepItems | None
    compensation: StepCompensation | None
    result: Any
    result_bytes: int | None


class RunDetail(Run):
    """A run with its input, its output and every step of its definition, in that order."""

    input: Any
    output: Any
    steps: list[RunStep]


class RunEvent(Shape):
    """Something that happened to a run; `step` where it is about one, `actor` where somebody acted."""

    at: datetime
    kind: str
    step: str | None
    actor: str | None
    reason: str | None
    detail: dict[str, Any] | None


class RunItem(Shape):
    """An item of a map that has ended; `number` counts from 0.

    `item` is null where the map goes over another map's results. Of a page with more than a megabyte only the size of
    the later items and results is told, in `bytes`.
    """

    number: int
    state: ItemState
    reason: str | None
    job_id: str | None
    item: Any
    result: Any
    bytes: int
