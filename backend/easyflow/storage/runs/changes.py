"""What is to be written about some locked runs, gathered so that each kind of change is one statement for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from easyflow.domain import document
from easyflow.domain.workflow.definition import JobSettings, Step
from easyflow.domain.workflow.expressions import ExpressionFailed
from easyflow.domain.workflow.maps import MapFact
from easyflow.domain.workflow.states import RunState, StepState
from easyflow.errors import EasyFlowError
from easyflow.storage.runs.picture import RunPicture
from easyflow.storage.sql import Connection, statement

COMPENSATION = -1
PAYLOAD_BYTES = 1 << 20


def payload_text(value: Any) -> str:
    """Return a value as JSON text that may be a payload or an output; raises ExpressionFailed when it cannot be."""
    if isinstance(value, RawJson):
        text: str = value
    else:
        try:
            document.check(value, max_bytes=PAYLOAD_BYTES)
            text = document.dumps(value)
        except EasyFlowError as unfit:
            raise ExpressionFailed(str(unfit)) from None
    if len(text) > PAYLOAD_BYTES or len(text.encode()) > PAYLOAD_BYTES:
        raise ExpressionFailed(f"what it gives is larger than {PAYLOAD_BYTES} bytes, the limit")
    return text


class RawJson(str):
    """JSON text as the database gave it."""


@dataclass(frozen=True, slots=True)
class StepJob:
    """A job to be made for a step; `part` and `items` as in the table of jobs, `payload` is JSON text."""

    id: UUID
    run_id: UUID
    step_no: int
    task: str
    settings: JobSettings
    payload: str
    part: int | None = None
    items: int | None = None

    @classmethod
    def new(
        cls,
        run_id: UUID,
        step: Step,
        task: str,
        settings: JobSettings,
        payload: str,
        part: int | None = None,
        items: int | None = None,
    ) -> StepJob:
        """Give it an id."""
        return cls(uuid7(), run_id, step.number, task, settings, payload, part, items)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of `count` items from number `part` on; those `failed` by their position, in a job that SUCCEEDED."""

    run_id: UUID
    step_no: int
    job_id: UUID | None
    part: int
    count: int
    state: StepState
    reason: str | None = None
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Released:
    """A step that begins, or is over without having begun."""

    run_id: UUID
    step_no: int
    state: StepState
    job_id: UUID | None = None
    due_at: datetime | None = None
    delay_seconds: float | None = None
    reason: str | None = None
    result: str | None = None
    child_run: UUID | None = None
    items: int | None = None
    concurrency: int | None = None
    tolerated_failures: int | None = None
    tolerated_percent: float | None = None
    source_lease: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A step that was under way and is over."""

    run_id: UUID
    step_no: int
    state: StepState
    reason: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Compensated:
    """How far the compensation of a step is."""

    run_id: UUID
    step_no: int
    state: StepState
    job_id: UUID | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A run that gets another state."""

    run_id: UUID
    state: RunState
    reason: str | None = None
    output: str | None = None
    compensated: bool = False


@dataclass(slots=True)
class Changes:
    """Everything that one transaction writes about runs; `children` are runs stored on the way, which go on too."""

    ended: list[Ended] = field(default_factory=list)
    put_back: list[tuple[UUID, int]] = field(default_factory=list)
    released: list[Released] = field(default_factory=list)
    jobs: list[StepJob] = field(default_factory=list)
    compensated: list[Compensated] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    counts: list[tuple[UUID, int, MapFact]] = field(default_factory=list)
    children: list[RunPicture] = field(default_factory=list)

    async def write_outcomes(self, connection: Connection) -> None:
        """Write what became of items, so far: a map that goes over these items begins by reading them."""
        outcomes, self.outcomes = self.outcomes, []
        if outcomes:
            await _record(connection, outcomes)

    async def write(self, connection: Connection) -> set[str]:
        """Write it all, behind the lock of every run it is about; returns the queues that got jobs."""
        await self.write_outcomes(connection)
        if self.ended:
            await _end(connection, self.ended)
        if self.put_back:
            await statement("put_back_steps").fetch(
                connection, run_ids=[id for id, _ in self.put_back], step_nos=[step for _, step in self.put_back]
            )
        if self.released:
            await _release(connection, self.released)
        if self.compensated:
            await statement("compensate_steps").fetch(
                connection,
                run_ids=[each.run_id for each in self.compensated],
                step_nos=[each.step_no for each in self.compensated],
                states=[each.state for each in self.compensated],
                job_ids=[each.job_id for each in self.compensated],
                reasons=[each.reason for each in self.compensated],
            )
        if self.counts:
            await _count(connection, self.counts)
        queues = await _enqueue(connection, self.jobs) if self.jobs else set()
        if self.moved:
            await statement("move_runs").fetch(
                connection,
                run_ids=[each.run_id for each in self.moved],
                states=[each.state for each in self.moved],
                reasons=[each.reason for each in self.moved],
                outputs=[each.output for each in self.moved],
                compensated=[each.compensated for each in self.moved],
            )
        return queues


async def _end(connection: Connection, ended: Sequence[Ended]) -> None:
    await statement("end_steps").fetch(
        connection,
        run_ids=[each.run_id for each in ended],
        step_nos=[each.step_no for each in ended],
        states=[each.state for each in ended],
        reasons=[each.reason for each in ended],
        results=[each.result for each in ended],
    )


async def _release(connection: Connection, released: Sequence[Released]) -> None:
    await statement("release_steps").fetch(
        connection,
        run_ids=[each.run_id for each in released],
        step_nos=[each.step_no for each in released],
        states=[each.state for each in released],
        job_ids=[each.job_id for each in released],
        due_ats=[each.due_at for each in released],
        delays=[each.delay_seconds for each in released],
        reasons=[each.reason for each in released],
        results=[each.result for each in released],
        child_runs=[each.child_run for each in released],
        items=[each.items for each in released],
        concurrencies=[each.concurrency for each in released],
        tolerated_failures=[each.tolerated_failures for each in released],
        tolerated_percents=[each.tolerated_percent for each in released],
        source_leases=[each.source_lease for each in released],
    )


async def _record(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    failed = [(each.job_id, position, reason) for each in outcomes for position, reason in each.failed.items()]
    await statement("record_outcomes").fetch(
        connection,
        run_ids=[each.run_id for each in outcomes],
        step_nos=[each.step_no for each in outcomes],
        job_ids=[each.job_id for each in outcomes],
        parts=[each.part for each in outcomes],
        counts=[each.count for each in outcomes],
        states=[each.state for each in outcomes],
        reasons=[each.reason for each in outcomes],
        failed_jobs=[job_id for job_id, _, _ in failed],
        failed_positions=[position for _, position, _ in failed],
        failed_reasons=[reason for _, _, reason in failed],
    )


async def _count(connection: Connection, counts: Sequence[tuple[UUID, int, MapFact]]) -> None:
    await statement("count_items").fetch(
        connection,
        run_ids=[run_id for run_id, _, _ in counts],
        step_nos=[step_no for _, step_no, _ in counts],
        made=[fact.made for _, _, fact in counts],
        succeeded=[fact.succeeded for _, _, fact in counts],
        failed=[fact.failed for _, _, fact in counts],
        source_items=[fact.source_item for _, _, fact in counts],
    )


async def _enqueue(connection: Connection, jobs: Sequence[StepJob]) -> set[str]:
    rows = await statement("enqueue_step_jobs").fetch(
        connection,
        ids=[job.id for job in jobs],
        run_ids=[job.run_id for job in jobs],
        step_nos=[job.step_no for job in jobs],
        parts=[job.part for job in jobs],
        items=[job.items for job in jobs],
        tasks=[job.task for job in jobs],
        queues=[job.settings.queue for job in jobs],
        priorities=[job.settings.priority for job in jobs],
        payloads=[job.payload for job in jobs],
        max_attempts=[job.settings.max_attempts for job in jobs],
        timeouts=[job.settings.timeout_seconds for job in jobs],
    )
    return {row["queue"] for row in rows}
