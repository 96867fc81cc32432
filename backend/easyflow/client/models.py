"""Answers of the API as values; the names are those on the wire, and what a newer API adds is left out.

Inside `payload` and `result` whole numbers are int and others Decimal, with every digit the database keeps.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from easyflow.domain.effects import EffectState
from easyflow.domain.states import Effects, State

Item = TypeVar("Item")


class Reply(BaseModel):
    """A part of an answer; it never changes."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class FieldProblem(Reply):
    """One thing that is wrong with a request, and where."""

    at: str
    message: str


class LastError(Reply):
    """The latest error of a job."""

    type: str
    message: str | None
    at: datetime


class Job(Reply):
    """One unit of work; `version` is that of its doubt while it is IN_DOUBT, else that of its dead letter."""

    id: str
    task: str
    state: State
    queue: str
    priority: int
    retry_count: int
    last_error: LastError | None
    version: int | None
    tags: list[str]
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    run_id: str | None
    step: str | None


class AttemptError(Reply):
    """Why an attempt did not succeed."""

    type: str
    message: str | None
    code: str | None
    traceback: str | None


class Attempt(Reply):
    """One execution of a job by one executor, ended."""

    lease_no: int
    outcome: str
    executor_id: str
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime
    code_digest: str | None
    error: AttemptError | None


class DeadLetter(Reply):
    """A job that ended FAILED and waits for a person; `version` is the `seen_version` of an act on it."""

    job_id: str
    version: int
    state: Literal["open", "discarded", "replayed"]
    reason: str
    task: str
    queue: str
    key: str | None
    tags: list[str]
    failures: int
    failed_at: datetime
    error: LastError | None
    error_code: str | None
    closed_at: datetime | None
    closed_by: str | None
    closed_reason: str | None


class DeadLetterDetail(DeadLetter):
    """A dead letter with what it kept; its latest 100 attempts, oldest first."""

    job_state: State | None
    payload: Any
    traceback: str | None
    attempts: list[Attempt]


class Progress(Reply):
    """How far a running job said it is."""

    done: int
    total: int | None
    note: str | None
    at: datetime


class Effect(Reply):
    """One thing a handler does outside, as the ledger knows it; `key` is the idempotency key its receiver was sent.

    `closed_by` is "worker" where its own attempt closed it, else who settled it. `result_bytes` is None where no result
    is recorded; of a ledger with more than a megabyte of results, only the latest are in the answer.
    """

    ordinal: int
    name: str
    effects: Effects
    state: EffectState
    key: str
    tries: int
    lease_no: int
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    note: str | None
    repeat_until: datetime | None
    request_hash: str
    result: Any
    result_bytes: int | None


class InDoubt(Reply):
    """Why a job waits for a person; `version` is the `seen_version` of a settle."""

    version: int
    since: datetime
    reason: str | None
    cancel_requested: bool


class JobDetail(Job):
    """A job with all that is known of it; its latest 100 attempts, and 100 effects: those open, then the latest."""

    concurrency_key: str | None
    ordering_key: str | None
    max_attempts: int | None
    timeout_seconds: float | None
    payload: Any
    result: Any
    attempts: list[Attempt]
    effects: list[Effect]
    effects_total: int
    in_doubt: InDoubt | None
    dead_letter: DeadLetter | None
    progress: Progress | None = None


class Submitted(Reply):
    """A job that is stored.

    `existing`: it was there before, under the idempotency key its caller gave; `expired`: it ended so long ago that
    only its id is left, and `job` is None.
    """

    id: str
    existing: bool
    expired: bool
    job: Job | None


class Stored(Reply):
    """What every answer to a submit says, also of a job of which only this is left."""

    id: str
    expired: bool = False


class StoredBatch(Reply):
    """The answer to a batch."""

    ids: list[str]


class Page(Reply, Generic[Item]):
    """One page of a list; `next_cursor` leads to the next one."""

    items: list[Item]
    next_cursor: str | None
