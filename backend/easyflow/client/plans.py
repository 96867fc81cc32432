"""What each operation asks of the API, and what it makes of the answers, without a word on how they travel.

A plan is a generator: it yields calls, is sent their answers (or is thrown their errors), and returns the result.
`Client` and `AsyncClient` carry out the same plans.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import quote
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from easyflow.client.errors import JobFailed, Refused, TimedOut
from easyflow.client.models import (
    DeadLetter,
    DeadLetterDetail,
    Job,
    JobDetail,
    Page,
    Reply,
    Stored,
    StoredBatch,
    Submitted,
)
from easyflow.client.options import DeadLetterFilters, JobFilters, JobOptions, NewJob, RunFilters
from easyflow.domain import document
from easyflow.domain.states import TERMINAL, State
from easyflow.errors import Invalid

T = TypeVar("T")
R = TypeVar("R", bound=Reply)

LONGEST_LOOK_SECONDS = 30.0
# The API knows its limit and says so; this one only keeps a mistake from filling the memory.
MOST_BYTES = 1024**3

JSON, NDJSON = "application/json", "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, behind /api/v1. Every call may be sent again after a lost answer, which is why there are no others.

    Reading changes nothing, and everything else carries an idempotency key: the same call again gets the answer that
    was lost, and does nothing twice.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[bytes, ...] = ()
    media: str = JSON
    idempotency_key: str | None = None
    waits_seconds: float = 0.0
    give_up_at: float = float("inf")


class Answer(NamedTuple):
    """What the API said to a call it did not refuse."""

    status: int
    content: dict[str, Any]


Plan = Generator[Call, Answer, T]
Settlement = Literal["happened", "did_not_happen", "failed"]


class Unchanged:
    """Stands for the payload as it is, or for no result; null would be one."""


UNCHANGED = Unchanged()


def submit(task: str, payload: Any, options: JobOptions) -> Plan[Submitted]:
    """Store one job, at most once however often the call is sent."""
    known = options.get("idempotency_key")
    body = _job({**options, "task": task, "payload": payload, "idempotency_key": known or str(uuid4())})
    answer = yield Call("POST", "/jobs", lines=(written(body),))
    stored = understood(Stored, answer.content)
    return Submitted(
        id=stored.id,
        existing=answer.status == 200 and known is not None,
        expired=stored.expired,
        job=None if stored.expired else understood(Job, answer.content),
    )


def submit_batch(jobs: Iterable[NewJob], idempotency_key: str | None) -> Plan[list[str]]:
    """Store jobs, all or none; their ids in order."""
    key = idempotency_key or str(uuid4())
    if not key.isascii() or not key.isprintable():
        raise Invalid("the idempotency key of a batch travels in a header: it must be printable ASCII")
    lines = tuple(written(_job(job)) + b"\n" for job in jobs)
    if not lines:
        return []
    call = Call("POST", "/jobs/batch", lines=lines, media=NDJSON, idempotency_key=key)
    answer = yield call
    return understood(StoredBatch, answer.content).ids


def wait(job_id: str, timeout: float | None) -> Plan[JobDetail]:
    """Return the job once it SUCCEEDED; raises JobFailed when it ended otherwise, TimedOut when it did not in time."""
    job = yield from watch(_job_path(job_id), JobDetail, timeout, lambda seen: seen.state in TERMINAL)
    if job.state is State.SUCCEEDED:
        return job
    raise (JobFailed if job.state in TERMINAL else TimedOut)(job)


def watch(path: str, kind: type[R], timeout: float | None, over: Callable[[R], bool]) -> Plan[R]:
    """Look at an object until it is `over`, or for `timeout` seconds; return it as it stands then."""
    give_up_at = float("inf") if timeout is None else time.monotonic() + timeout
    while True:
        look = min(max(give_up_at - time.monotonic(), 0.0), LONGEST_LOOK_SECONDS)
        query = {"wait_seconds": f"{look:.3f}"} if look else {}
        answer = yield Call("GET", path, query, waits_seconds=look, give_up_at=give_up_at)
        seen = understood(kind, answer.content)
        if over(seen) or time.monotonic() >= give_up_at:
            return seen


def get_job(job_id: str) -> Plan[JobDetail]:
    """Read one job."""
    answer = yield Call("GET", _job_path(job_id))
    return understood(JobDetail, answer.content)


def cancel(job_id: str, reason: str | None) -> Plan[Job]:
    """Cancel a job, or ask for it."""
    answer = yield act_call(f"{_job_path(job_id)}/cancel", {"reason": reason} if reason else {})
    return understood(Job, answer.content)


def job_page(filters: JobFilters, cursor: str | None) -> Plan[Page[Job]]:
    """Read one page of jobs."""
    answer = yield Call("GET", "/jobs", query_of(filters, cursor))
    return understood(Page[Job], answer.content)


def dead_letter_page(filters: DeadLetterFilters, cursor: str | None) -> Plan[Page[DeadLetter]]:
    """Read one page of dead letters."""
    answer = yield Call("GET", "/dead-letters", query_of(filters, cursor))
    return understood(Page[DeadLetter], answer.content)


def get_dead_letter(job_id: str) -> Plan[DeadLetterDetail]:
    """Read one dead letter."""
    answer = yield Call("GET", _letter_path(job_id))
    return understood(DeadLetterDetail, answer.content)


def replay(job_id: str, reason: str, payload: Any, seen_version: int) -> Plan[Job]:
    """Let a failed job run again."""
    said: dict[str, Any] = {"reason": reason, "seen_version": seen_version}
    if payload is not UNCHANGED:
        said["payload"] = plain(payload)
    answer = yield act_call(f"{_letter_path(job_id)}/replay", said)
    return understood(Job, answer.content)


def discard(job_id: str, reason: str, seen_version: int) -> Plan[DeadLetter]:
    """Set a dead letter aside."""
    answer = yield act_call(f"{_letter_path(job_id)}/discard", {"reason": reason, "seen_version": seen_version})
    return understood(DeadLetter, answer.content)


def settle(job_id: str, outcome: Settlement, reason: str, seen_version: int, result: Any, complete: bool) -> Plan[Job]:
    """Say what happened outside."""
    said: dict[str, Any] = {"outcome": outcome, "reason": reason, "seen_version": seen_version}
    if result is not UNCHANGED:
        said["result"] = plain(result, "result")
    if complete:
        said["complete"] = True
    answer = yield act_call(f"{_job_path(job_id)}/settle", said)
    return understood(Job, answer.content)


def act_call(path: str, said: Mapping[str, Any]) -> Call:
    """Return the call of one act, under a key of its own that all its tries share."""
    return Call("POST", path, lines=(written(said),), idempotency_key=str(uuid4()))


def understood(shape: type[R], content: dict[str, Any]) -> R:
    """Return an answer as a value; raises Refused for one this client does not understand."""
    try:
        return shape.model_validate(content)
    except ValidationError as wrong:
        raise Refused(
            "the answer is not one this client understands; is the API of the same release?", code="not_understood"
        ) from wrong


def _job(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job as the API takes it; raises Invalid and its kind for a payload that is no JSON."""
    body = {name: value for name, value in said.items() if value is not None}
    if "payload" in said:
        body["payload"] = plain(said["payload"])
    if "tags" in body:
        body["tags"] = list(body["tags"])
    if "run_at" in body:
        body["run_at"] = _moment(body["run_at"])
    return body


def plain(value: Any, at: str = "payload") -> Any:
    """Return JSON, or a pydantic model, as JSON values; raises Invalid and its kind for what is neither."""
    said = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return document.check(said, max_bytes=MOST_BYTES, at=at)


def written(body: Mapping[str, Any]) -> bytes:
    """Return a body as it is sent."""
    return document.dumps(body).encode()


def query_of(filters: JobFilters | DeadLetterFilters | RunFilters, cursor: str | None) -> dict[str, str]:
    """Return filters, and where a page begins, as the query of a list."""
    said = {**filters, "cursor": cursor}
    names = {"page_size": "limit"}
    return {names.get(name, name): _moment(value) for name, value in said.items() if value is not None}


def _moment(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _job_path(job_id: str) -> str:
    return f"/jobs/{quote(str(job_id), safe='')}"


def _letter_path(job_id: str) -> str:
    return f"/dead-letters/{quote(str(job_id), safe='')}"
