"""What a caller may say with a submit and a list; the names are those of the HTTP API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict


class JobOptions(TypedDict, total=False):
    """How a job is to run; what is left out is decided by its task.

    `priority`: lower runs first, default 0. `run_at` (with a zone) or `delay_seconds`: not before then.
    `concurrency_key`: of the jobs with it only so many run at once as the queue allows; or `ordering_key`: the jobs
    with it run one after another. `timeout_seconds` is for one attempt.
    `idempotency_key`: the same key never makes a second job; without one the client makes its own for each job.
    """

    queue: str
    priority: int
    run_at: datetime
    delay_seconds: float
    concurrency_key: str
    ordering_key: str
    max_attempts: int
    timeout_seconds: float
    tags: Sequence[str]
    idempotency_key: str


class NewJob(JobOptions, total=False):
    """One job of a batch."""

    task: Required[str]
    payload: Any


class _Filters(TypedDict, total=False):
    task: str
    queue: str
    tag: str
    page_size: int


class JobFilters(_Filters, total=False):
    """Which jobs to list; `page_size` (1 to 500) is how many one request fetches."""

    state: str
    created_after: datetime
    run_id: str


class DeadLetterFilters(_Filters, total=False):
    """Which dead letters to list; only open ones unless `state` says otherwise."""

    state: Literal["open", "discarded", "replayed"]
    reason: str


class RunOptions(TypedDict, total=False):
    """How a run is to start; by default on the workflow's newest version.

    `idempotency_key`: the same key never starts a second run; without one the client makes its own for each start.
    """

    version: int
    tags: Sequence[str]
    idempotency_key: str


class RunFilters(TypedDict, total=False):
    """Which runs to list; `key` is what their input gave, `page_size` (1 to 500) how many one request fetches."""

    state: str
    workflow: str
    tag: str
    key: str
    created_after: datetime
    page_size: int
