"""Workflows and runs in answers of the API, as values; else as in `models`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from easyflow.client.models import Reply
from easyflow.domain.states import State
from easyflow.domain.workflow.states import RunState, StepState


class RegisteredWorkflow(Reply):
    """The version that has a definition's content now; `new`: it had none before."""

    name: str
    version: int
    new: bool


class Run(Reply):
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
    step_counts: dict[StepState, int]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline_at: datetime | None
    compensated: bool
    parent_run: str | None
    schedule: str | None
    slot: datetime | None


class StepJob(Reply):
    """The job of a step; its state is None when the job was removed after its time."""

    id: str
    state: State | None
    retry_count: int


class StepItems(Reply):
    """How far a map is: `made` of `total` items have a job or an outcome."""

    total: int
    made: int
    succeeded: int
    failed: int
    concurrency: int
    tolerated_failures: int
    tolerated_percent: float


class StepCompensation(Reply):
    """How far a step is taken back."""

    state: StepState
    job: StepJob | None


class RunStep(Reply):
    """One step of a run; a result that was too large for the answer is only told by its `result_bytes`."""

    name: str
    kind: str
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


class RunItem(Reply):
    """An item of a map that has ended; `number` counts from 0."""

    number: int
    state: StepState
    reason: str | None
    job_id: str | None
    item: Any
    result: Any
    bytes: int


class StartedRun(Reply):
    """A run that is stored.

    `existing`: it was there before, under the idempotency key its caller gave; `expired`: it ended so long ago that
    only its id is left, and `run` is None.
    """

    id: str
    existing: bool
    expired: bool
    run: Run | None
