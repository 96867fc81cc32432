"""Trying tasks in tests of their own: `run_task` does in this process what one attempt does in a worker.

The payload is checked as a submit checks it and read as the engine reads it; the handler sees a real `Context`; and
what it returns must be a result that can be kept. What the handler raises (`Retry`, `Snooze`, `Fail`, any error)
reaches the test. Nothing is retried or timed, and `isolation="process"` is not applied. No database is needed, except
for what a transactional task does with the session the test gives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel
from uuid_utils.compat import uuid7

from easyflow.context import Context
from easyflow.domain import document
from easyflow.domain.states import Effects
from easyflow.engine.attempt import Attempt, run_async, run_in_thread
from easyflow.engine.values import PayloadRefused, ResultRefused
from easyflow.errors import Invalid, Misconfigured
from easyflow.registry import TASKS, Handler, TaskType
from easyflow.settings import settings
from easyflow.storage.effects import Closing, Intent
from easyflow.storage.items import Chunk
from easyflow.submission.catalog import local_task
from easyflow.submission.door import payload_text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["PayloadRefused", "ResultRefused", "context_for", "run_task", "run_task_async"]


def run_task(task: str | Handler, payload: Any, *, attempt: int = 1, state: Mapping[str, Any] | None = None) -> Any:
    """Run one attempt of a task, named or given as its handler, and return the result as a client would get it.

    `payload` is JSON, or the task's pydantic model. Results are plain JSON values: a model comes back as a dict, whole
    numbers as int and others as Decimal. `attempt` is what `ctx.attempt` says, and `state` what `ctx.state` holds, in
    the place of what lifespans open.
    Raises what the handler raises; Invalid for a payload that a submit would refuse, PayloadRefused for one that only
    the handler's own type refuses, ResultRefused for a result that cannot be stored, and Misconfigured for a task that
    is not registered or is transactional. In a test that is a coroutine, use `run_task_async`.
    """
    if _loop_runs():
        raise Misconfigured("an event loop runs here: use `await run_task_async(...)`")
    return asyncio.run(run_task_async(task, payload, attempt=attempt, state=state))


async def run_task_async(
    task: str | Handler,
    payload: Any,
    *,
    attempt: int = 1,
    state: Mapping[str, Any] | None = None,
    session: AsyncSession | None = None,
) -> Any:
    """Do as `run_task` does, inside a running event loop.

    `session` is `ctx.session` of a transactional task; whether what it did stays is up to the test, which commits it or
    rolls it back.
    """
    known = _task(task)
    if (session is not None) != (known.effects is Effects.TRANSACTIONAL):
        wrong = "needs session=..." if session is None else "is not transactional: it gets no session"
        raise Misconfigured(f"task {known.name} {wrong}")
    limits = settings()
    text = _payload(known, payload, limits.payload_bytes)
    tried = _attempt(known, _row(known, text, attempt), state)
    context = tried.open_context(session)
    if known.is_async:
        ended = await run_async(tried, context)
    else:
        ended = await run_in_thread(tried, context, _in_thread)
    return None if ended.result is None else document.parse(ended.result, max_bytes=limits.result_bytes, at="result")


def context_for(
    task: str | Handler,
    *,
    attempt: int = 1,
    state: Mapping[str, Any] | None = None,
    session: AsyncSession | None = None,
    job_id: UUID | None = None,
) -> Context:
    """Return a context for a test that calls the handler itself, with a payload of its own making."""
    known = _task(task)
    row: Any = {**_row(known, "", attempt), **({"job_id": job_id} if job_id else {})}
    return _attempt(known, row, state).open_context(session)


class _NoLedger:
    """Stands in for the effect ledger: every effect is new, and what is written is forgotten."""

    async def open(self, intent: Intent) -> Any:
        return {"held": True, "state": None}

    async def reopen(self, intent: Intent) -> bool:
        return True

    async def close(self, closing: Closing) -> bool:
        return True

    async def emit(self, chunk: Chunk) -> bool:
        return True

    def may_act(self) -> bool:
        return True

    def terminate(self) -> None:
        return

    def wait(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(doing)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _attempt(task: TaskType, row: Any, state: Mapping[str, Any] | None) -> Attempt:
    return Attempt(row, task, SimpleNamespace(**(state or {})), _NoLedger(), settings().result_bytes)


def _task(task: str | Handler) -> TaskType:
    for known in TASKS.values():
        if task in (known.name, known.handler):
            return known
    name = task if isinstance(task, str) else getattr(task, "__name__", repr(task))
    raise Misconfigured(f"no task {name} is registered: import the module that declares it with @task")


def _payload(task: TaskType, payload: Any, max_bytes: int) -> str:
    """Return the payload as the database would keep it; raises Invalid as a submit would."""
    plain = payload.model_dump(mode="json") if isinstance(payload, BaseModel) else payload
    text = payload_text(plain, max_bytes)
    problems = local_task(task).problems(plain, "payload")
    if problems:
        told = "; ".join(f"{each['at']}: {each['message']}" for each in problems)
        raise Invalid(f"the payload does not fit the task: {told}", problems)
    return text


def _row(task: TaskType, payload: str, attempt: int) -> Any:
    """Return what an executor knows of a job it has claimed."""
    return {
        "job_id": uuid7(),
        "task": task.name,
        "queue": task.queue,
        "lease_no": attempt,
        "retry_count": attempt - 1,
        "max_attempts": None,
        "timeout_seconds": None,
        "losses": 0,
        "claim_token": uuid7(),
        "payload": payload,
    }


def _in_thread(*call: Any) -> asyncio.Future[Any]:
    return asyncio.get_running_loop().run_in_executor(None, *call)
