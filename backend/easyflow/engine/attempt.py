"""One attempt: a claimed job, its handler, and how it ended."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from types import SimpleNamespace
from typing import Any, Literal

import asyncpg
from pydantic import ValidationError

from easyflow.context import Context
from easyflow.domain import document
from easyflow.domain.outcome import (
    Failed,
    Fault,
    HandedBack,
    Outcome,
    Retry,
    Snooze,
    Succeeded,
    Word,
    decide,
    word_of,
)
from easyflow.domain.states import RERUNNABLE
from easyflow.engine.faults import fault_of, storable
from easyflow.errors import EasyFlowError
from easyflow.registry import Handler, TaskType
from easyflow.storage.leases import Ending

StopReason = Literal["cancel", "drain", "deadline"]

# More digits than a float can carry: such a payload is read the slow, exact way.
_LONG_FRACTION = re.compile(r"(?=[\d.]{17,})\d+\.\d+")
_SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


@dataclass(slots=True, eq=False)
class Attempt:
    """A claimed job while this executor has it."""

    row: asyncpg.Record
    task: TaskType
    state: SimpleNamespace
    handle: asyncio.Task[None] | None = None
    context: Context | None = None
    slot: int | None = None
    started_at: float | None = None
    deadline: float = float("inf")
    apart: bool = False
    begun: bool = False
    stop: StopReason | None = None

    @property
    def timeout_seconds(self) -> float:
        """The job's own timeout, else its task's."""
        own: float | None = self.row["timeout_seconds"]
        return self.task.timeout_seconds if own is None else own

    def open_context(self, session: Any = None) -> Context:
        """Make what the handler sees."""
        row = self.row
        self.context = Context(
            job_id=row["job_id"],
            task=row["task"],
            queue=row["queue"],
            lease_no=row["lease_no"],
            retry_count=row["retry_count"],
            state=self.state,
            session=session,
        )
        return self.context

    def ask_to_stop(self, why: StopReason) -> None:
        """Cancel an async handler; a synchronous one sees `ctx.cancelled`, an isolated one is killed."""
        if self.stop is None:
            self.stop = why
            if self.context is not None:
                self.context._cancelled = True
            # Cancelled before its first step, it would never run at all, not even to say how it ended.
            if (
                self.begun
                and self.handle is not None
                and (self.slot is None or (self.task.is_async and not self.apart))
            ):
                self.handle.cancel()

    def ending(self, outcome: Outcome) -> Ending:
        """Fence an outcome with this claim's token."""
        row = self.row
        return Ending(
            row["job_id"],
            row["claim_token"],
            row["lease_no"],
            row["claimed_at"],
            None if self.started_at is None else time.monotonic() - self.started_at,
            self.task.code_digest,
            outcome,
        )

    def outcome_of(self, raised: BaseException) -> Outcome:
        """Judge what the handler raised, or what was raised into it; never raises, whatever that was."""
        try:
            return self._judged(raised)
        except Exception as wrong:
            return self.judge("error", None, fault_of(wrong))

    def _judged(self, raised: BaseException) -> Outcome:
        if self.stop == "deadline" and isinstance(raised, Exception | asyncio.CancelledError):
            late = Fault("DeadlinePassed", f"not done within {self.timeout_seconds:g} s", fault_of(raised).traceback)
            return self.judge("DeadlinePassed", None, late)
        if self.stop is not None and isinstance(raised, asyncio.CancelledError | ProcessStopped):
            return self.stopped_outcome()
        if self.stop == "drain" and self.task.effects in RERUNNABLE and word_of(raised) == "error":
            return HandedBack()  # its way of stopping: a thread has no CancelledError
        if isinstance(raised, PayloadRefused):
            return Failed("payload does not fit the task", Fault("PayloadRefused", str(raised)))
        if isinstance(raised, ResultRefused):
            return Failed("result cannot be stored", Fault("ResultRefused", str(raised)))
        after = raised.after if isinstance(raised, Retry | Snooze) else None
        return self.judge(word_of(raised), after, fault_of(raised))

    def judge(self, word: Word, after: float | None, fault: Fault) -> Outcome:
        """Judge what the handler said, by its task's policy and what the job has used up."""
        return decide(
            word,
            after,
            fault,
            policy=self.task.retry,
            effects=self.task.effects,
            retry_count=self.row["retry_count"],
            max_attempts=self.row["max_attempts"],
            chance=random.random(),
        )

    def stopped_outcome(self) -> Outcome:
        """Say what becomes of an attempt that was stopped from outside."""
        if self.stop == "drain" and (self.started_at is None or self.task.effects in RERUNNABLE):
            return HandedBack()
        if self.stop == "drain":
            return Failed("drained, outcome unknown", Fault("Drained", "its worker stopped before it was done"))
        return self.cancelled()

    def cancelled(self) -> Outcome:
        """Say that the attempt was cancelled; the flag on its lease makes the job CANCELLED."""
        return Failed("cancelled", Fault("Cancelled", "stopped by request"))


class PayloadRefused(Exception):
    """The stored payload does not fit what the handler takes."""


class ResultRefused(Exception):
    """The handler's result cannot be kept as JSON."""


class ProcessStopped(Exception):
    """The child process of an isolated attempt was stopped by request."""


async def run_async(attempt: Attempt, context: Context, result_bytes: int) -> Succeeded:
    """Run an async handler; raises what it raised, or what `ask_to_stop` raised into it."""
    payload = read_payload(attempt.task, attempt.row["payload"])
    return succeeded(attempt.task, await attempt.task.handler(context, payload), result_bytes)


async def run_in_thread(
    attempt: Attempt, context: Context, result_bytes: int, in_thread: Callable[..., asyncio.Future[Any]]
) -> Succeeded:
    """Run a synchronous handler in a thread; nothing can interrupt it, it is only asked to stop.

    One that does not listen at its deadline is ended by the supervisor, together with the executor.
    """
    payload = read_payload(attempt.task, attempt.row["payload"])
    value, raised = await in_thread(_call, attempt.task.handler, context, payload)
    if raised is not None:
        raise raised
    return succeeded(attempt.task, value, result_bytes)


def _call(handler: Handler, context: Context, payload: Any) -> tuple[Any, BaseException | None]:
    """Hand what was raised over as a value: a future refuses to carry StopIteration, and would never be done."""
    try:
        return handler(context, payload), None
    except BaseException as raised:
        return None, raised


def read_payload(task: TaskType, text: str) -> Any:
    """Turn stored JSON into what the handler takes; raises PayloadRefused naming places, never values."""
    try:
        if _LONG_FRACTION.search(text):
            return task.payload.validate_python(document.parse(text, max_bytes=len(text) * 4 + 1))
        return task.payload.validate_json(text)
    except ValidationError as wrong:
        problems = (
            f"{'.'.join(str(part) for part in problem['loc']) or 'payload'}: {problem['msg']}"
            for problem in wrong.errors(include_url=False, include_input=False)
        )
        raise PayloadRefused(storable("; ".join(problems), 5000)) from None


def succeeded(task: TaskType, value: Any, result_bytes: int) -> Succeeded:
    """Turn a handler's return value into a result that can be stored; raises ResultRefused."""
    if value is None:
        return Succeeded(None)
    try:
        encoded = task.result.dump_json(value, warnings="error")
        text = encoded.decode()
        if "null" in text and _holds_not_finite(task.result.dump_python(value)):
            raise ResultRefused("the result holds a number that is not finite")
        if _SUSPICIOUS.search(text):
            document.parse(text, max_bytes=result_bytes, at="result")
    except ResultRefused:
        raise
    except EasyFlowError as refused:
        raise ResultRefused(_first_problem(refused)) from None
    except Exception as wrong:
        raise ResultRefused(storable(f"the result is not JSON: {type(wrong).__name__}", 500)) from None
    if len(encoded) > result_bytes:
        raise ResultRefused(f"the result has {len(encoded)} bytes, the limit is {result_bytes}")
    return Succeeded(None if text == "null" else text)


def _holds_not_finite(value: Any) -> bool:
    """Say whether NaN or an infinity is in there: JSON has none, and a null in its place would be another result."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, float) and not isfinite(one):
            return True
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple | set | frozenset):
            waiting.extend(one)
    return False


def _first_problem(refused: EasyFlowError) -> str:
    problems = getattr(refused, "problems", None)
    return f"{problems[0]['at']}: {problems[0]['message']}" if problems else refused.message
