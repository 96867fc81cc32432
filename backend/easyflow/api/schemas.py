"""The replies as the OpenAPI document describes them; tests hold the real replies against these."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from easyflow.api.ledger_schemas import Effect, InDoubt
from easyflow.domain.states import Effects, State
from easyflow.domain.workflow.states import RunState, StepState

Item = TypeVar("Item")


class Shape(BaseModel):
    """A reply with exactly these fields."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(Shape):
    """One thing that is wrong with a request, and where."""

    at: str
    message: str


class Problem(BaseModel):
    """An error; `code` is for programs, `detail` for people. The last four are there where they say something."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    problems: list[FieldProblem]
    version: int | None = None
    state: State | RunState | StepState | None = None
    limit_bytes: int | None = None
    run_id: str | None = None


class Total(Shape):
    """How many there are; `capped` means at least so many."""

    value: int
    kind: Literal["exact", "capped", "estimate"]


class Listing(Shape, Generic[Item]):
    """A page of a list, newest first; give `next_cursor` as `cursor` to get the next one."""

    items: list[Item]
    next_cursor: str | None
    total: Total


class LastError(Shape):
    """The latest error of a job."""

    type: str
    message: str | None
    at: datetime


class Job(Shape):
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


class AttemptError(Shape):
    """Why an attempt did not succeed."""

    type: str
    message: str | None
    code: str | None
    traceback: str | None


class Attempt(Shape):
    """One execution of a job by one executor, ended."""

    lease_no: int
    outcome: str
    executor_id: str
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime
    code_digest: str | None
    error: AttemptError | None


class DeadLetter(Shape):
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


class Progress(Shape):
    """How far the latest attempt says it is."""

    done: int
    total: int | None
    note: str | None
    at: datetime


class JobEvent(Shape):
    """Something that happened to a job; `actor` is null where EasyFlow itself acted."""

    at: datetime
    kind: str
    actor: str | None
    reason: str | None
    detail: dict[str, Any] | None


class JobDetail(Job):
    """A job with all that is known of it; its latest 100 attempts, and 100 effects: those open, then the latest."""

    concurrency_key: str | None
    ordering_key: str | None
    max_attempts: int | None
    timeout_seconds: float | None
    payload: Any
    result: Any
    progress: Progress | None
    attempts: list[Attempt]
    effects: list[Effect]
    effects_total: int
    in_doubt: InDoubt | None
    dead_letter: DeadLetter | None


class ExpiredJob(Shape):
    """What is left of a job that was removed after its time, while its idempotency key is still kept."""

    id: str
    state: State | None
    expired: Literal[True]


class BatchSubmitted(Shape):
    """The ids of a batch in its order; `existing` of them were there before."""

    ids: list[str]
    existing: int


class QueueSettings(Shape):
    """What is set for a queue; `concurrency` null means without limit."""

    name: str
    paused: bool
    concurrency: int | None
    concurrency_per_key: int
    version: int


class QueueDepth(Shape):
    """What is in a queue. Where `counts` is capped, a count of 10,000 means at least so many."""

    name: str
    paused: bool
    ready: int
    running: int
    parked: int
    oldest_ready_at: datetime | None
    counts: Literal["exact", "capped"]


class Queue(QueueDepth, QueueSettings):
    """A queue, what is set for it and what is in it."""


class Worker(Shape):
    """A worker and what it can run."""

    id: str
    host: str
    pid: int
    version: str
    queues: list[str]
    tasks: list[str]
    state: Literal["live", "draining", "stopped"]
    started_at: datetime
    seen_at: datetime
    silent_seconds: float
    executors: int
    running: int


class Task(Shape):
    """A task some worker registered, with the JSON Schemas of its payload and result."""

    name: str
    description: str
    effects: Effects
    queue: str
    max_attempts: int
    timeout_seconds: float
    isolation: Literal["shared", "process"]
    code_digest: str
    payload_schema: Any
    result_schema: Any
    registered_at: datetime
    seen_at: datetime


class Health(Shape):
    """The process, or everything it needs, works."""

    status: Literal["ok", "ready"]
    revision: str | None = None
    timeline: Literal["unwatched", "watching", "tripped", "releasing", "blind"] | None = None


Responses = dict[int | str, dict[str, Any]]

# What a route that reads a body may refuse it with.
BODY = (400, 413, 415)

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}

# What the document refers to by name and FastAPI does not see: bodies that routes read themselves, and problems.
NAMED: dict[str, type[BaseModel]] = {}


def answers(model: Any, *refusals: int, status: int = 200) -> Responses:
    """Describe what a route answers: `model`, or a problem with one of these statuses."""
    return {status: {"model": model}, **{each: refusal(each) for each in sorted({401, 403, *refusals, 422, 503})}}


def refusal(status: int) -> dict[str, Any]:
    """Describe a problem with this status."""
    return {"description": HTTPStatus(status).phrase, "content": {"application/problem+json": _named(Problem)}}


def takes(model: type[BaseModel], *, required: bool = True, keyed: bool = False) -> dict[str, Any]:
    """Describe the JSON body of a route that reads it itself; a `keyed` one also reads an idempotency key."""
    body = {"requestBody": {"required": required, "content": {"application/json": _named(model)}}}
    return {**body, "parameters": [_IDEMPOTENCY_KEY]} if keyed else body


def takes_batch(model: type[BaseModel], batch: type[BaseModel]) -> dict[str, Any]:
    """Describe many of `model` in one body, one JSON object `batch` or one line for each; the body may have a key."""
    content = {"application/json": _named(batch), "application/x-ndjson": _named(model)}
    return {"requestBody": {"required": True, "content": content}, "parameters": [_IDEMPOTENCY_KEY]}


def _named(model: type[BaseModel]) -> dict[str, Any]:
    assert NAMED.setdefault(model.__name__, model) is model
    return {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
