"""One attempt: a claimed job, its handler, and how it ended."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Literal

import asyncpg

from easyflow.context import Context
from easyflow.domain.outcome import (
    Failed,
    Fault,
    HandedBack,
    InDoubt,
    Outcome,
    PutBack,
    Retry,
    Snooze,
    Stopped,
    Succeeded,
    Word,
    decide,
    word_of,
)
from easyflow.engine.effect_steps import Book
from easyflow.engine.emission import Emission
from easyflow.engine.faults import fault_of, storable
from easyflow.engine.ledger import Ledger
from easyflow.engine.values import PayloadRefused, ResultRefused, read_payload, succeeded
from easyflow.registry import Handler, TaskType
from easyflow.storage.leases import Ending
from easyflow.storage.runs.endings import place_of

REASON_CHARS = 1_000
StopReason = Literal["cancel", "drain", "deadline"]


@dataclass(slots=True, eq=False)
class Attempt:
    """A claimed job while this executor has it."""

    row: asyncpg.Record
    task: TaskType
    state: SimpleNamespace
    book: Book
    result_bytes: int
    handle: asyncio.Task[None] | None = None
    context: Context | None = None
    slot: int | None = None
    started_at: float | None = None
    deadline: float = float("inf")
    apart: bool = False
    begun: bool = False
    stop: StopReason | None = None
    ledger: Ledger | None = None
    emission: Emission | None = None

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
            ledger=self._ledger,
            run_id=row.get("run_id"),
            items=row.get("items"),
            emission=self._emission,
        )
        return self.context

    def _ledger(self) -> Ledger:
        """Return this attempt's effects; begun when the handler asks for the first."""
        if self.ledger is None:
            self.ledger = Ledger(self.row, self.task, self.book, self.result_bytes)
        return self.ledger

    def _emission(self) -> Emission:
        """Return what this attempt hands over; begun when the handler emits for the first time."""
        if self.emission is None:
            self.emission = Emission(self.row, self.task, self.book)
        return self.emission

    def doubt(self) -> str | None:
        """Say why a person must decide about an effect of this attempt; None when nobody need to."""
        return None if self.ledger is None else self.ledger.doubt()

    def conclude(self, value: Any) -> Succeeded:
        """Turn what the handler returned into a success; raises when it cannot be one, an open effect among that."""
        if self.ledger is not None or self.row.get("open_effects"):
            self._ledger().require_closed()
        if self.emission is not None:
            self.emission.require_kept()
        ended = succeeded(self.task, value, self.result_bytes)
        failed = self.context._failed_items if self.context is not None else None
        if failed:
            items = tuple((position, storable(reason, REASON_CHARS)) for position, reason in sorted(failed.items()))
            ended = replace(ended, failed_items=items)
        return ended

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
            self._is_acquitted(outcome),
            place_of(row),
        )

    def _is_acquitted(self, outcome: Outcome) -> bool:
        """Say whether it was a suspect that ran alone and ended by itself, without taking its process down."""
        ended = isinstance(outcome, Succeeded | PutBack) or (isinstance(outcome, Failed) and not outcome.loss)
        return ended and self.apart and self.stop is None and self.row["losses"] > 0

    def outcome_of(self, raised: BaseException) -> Outcome:
        """Judge what the handler raised, or what was raised into it; never raises, whatever that was."""
        try:
            return self._judged(raised)
        except Exception as wrong:
            return self.judge("error", None, fault_of(wrong))

    def _judged(self, raised: BaseException) -> Outcome:
        doubt = self.doubt()
        if doubt is not None:
            return InDoubt(doubt, self._fault(raised))
        if self.stop is not None and isinstance(raised, asyncio.CancelledError | ProcessStopped):
            # Only the ledger knows what a handler in a process of its own had begun.
            return Stopped(self._stopped(raised)) if self.apart else self._stopped(raised)
        if self.stop == "deadline" and isinstance(raised, Exception):
            return self.judge("DeadlinePassed", None, self._fault(raised))
        if self.stop == "drain" and word_of(raised) == "error":
            return HandedBack()  # its way of stopping: a thread has no CancelledError
        if isinstance(raised, PayloadRefused):
            return Failed("payload does not fit the task", self._fault(raised))
        if isinstance(raised, ResultRefused):
            return Failed("result cannot be stored", self._fault(raised))
        after = raised.after if isinstance(raised, Retry | Snooze) else None
        return self.judge(word_of(raised), after, self._fault(raised))

    def _fault(self, raised: BaseException) -> Fault:
        """Describe what went wrong, in the words of who looks for it."""
        if isinstance(raised, PayloadRefused | ResultRefused):
            return Fault(type(raised).__name__, str(raised))
        if self.stop == "deadline" and isinstance(raised, Exception | asyncio.CancelledError):
            message = f"not done within {self.timeout_seconds:g} s"
            return Fault("DeadlinePassed", message, fault_of(raised).traceback)
        return fault_of(raised)

    def judge(self, word: Word, after: float | None, fault: Fault) -> PutBack | Failed:
        """Judge what the handler said, by its task's policy and what the job has used up."""
        return decide(
            word,
            after,
            fault,
            policy=self.task.retry,
            retry_count=self.row["retry_count"],
            max_attempts=self.row["max_attempts"],
            chance=random.random(),
        )

    def _stopped(self, raised: BaseException) -> PutBack | Failed | HandedBack:
        if self.stop == "deadline":
            return self.judge("DeadlinePassed", None, self._fault(raised))
        return HandedBack() if self.stop == "drain" else self.cancelled()

    def abandoned(self) -> Outcome:
        """Say what becomes of an attempt whose handler did not stop in time: a thread, which nothing can interrupt."""
        return self.outcome_of(asyncio.CancelledError())

    def cancelled(self) -> Failed:
        """Say that the attempt was cancelled; the flag on its lease makes the job CANCELLED."""
        return Failed("cancelled", Fault("Cancelled", "stopped by request"))


class ProcessStopped(Exception):
    """The child process of an isolated attempt was stopped by request."""


async def run_async(attempt: Attempt, context: Context) -> Succeeded:
    """Run an async handler; raises what it raised, or what `ask_to_stop` raised into it."""
    payload = read_payload(attempt.task, attempt.row["payload"])
    return attempt.conclude(await attempt.task.handler(context, payload))


async def run_in_thread(attempt: Attempt, context: Context, in_thread: Callable[..., asyncio.Future[Any]]) -> Succeeded:
    """Run a synchronous handler in a thread; nothing can interrupt it, it is only asked to stop.

    One that does not listen at its deadline is ended by the supervisor, together with the executor.
    """
    payload = read_payload(attempt.task, attempt.row["payload"])
    value, raised = await in_thread(_call, attempt.task.handler, context, payload)
    if raised is not None:
        raise raised
    return attempt.conclude(value)


def _call(handler: Handler, context: Context, payload: Any) -> tuple[Any, BaseException | None]:
    """Hand what was raised over as a value: a future refuses to carry StopIteration, and would never be done."""
    try:
        return handler(context, payload), None
    except BaseException as raised:
        return None, raised
