"""One job whose handler asks for effects, over several attempts, with a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from easyflow.context import Context
from easyflow.domain.retry import RetryPolicy
from easyflow.domain.states import Effects
from easyflow.engine.attempt import Attempt
from easyflow.registry import TaskType
from tests.support.ledger_book import MemoryBook

JOB = UUID(int=7)


class Receipt(BaseModel):
    """What a receiver answers."""

    number: int


async def run_async(ctx: Context, payload: Any) -> None: ...


def run_sync(ctx: Context, payload: Any) -> None: ...


class Job:
    """One job over several attempts, with a ledger in memory; the outside counts its calls in the book's `said`."""

    def __init__(self, effects: str = "keyed", *, sync: bool = False, reconcile: Any = None) -> None:
        self.book = MemoryBook()
        self.keys: list[str] = []
        self.task = TaskType(
            "t", run_sync if sync else run_async, Effects(effects), "default", RetryPolicy(), 30.0, "shared", Any, Any,
            reconcile, 60.0,
        )  # fmt: skip
        self.claims = 0

    def attempt(self, payload: str = "{}") -> Attempt:
        """The next claim of the job."""
        self.claims += 1
        row: Any = {
            "job_id": JOB, "task": "t", "queue": "q", "lease_no": self.claims, "retry_count": 0,
            "claim_token": uuid4(), "payload": payload,
        }  # fmt: skip
        return Attempt(row, self.task, SimpleNamespace(), self.book, 200)

    def answers(self, value: Any) -> Callable[[str], Any]:
        """A call that returns this, or raises it."""

        def call(key: str) -> Any:
            self.book.said.append("call")
            self.keys.append(key)
            if isinstance(value, BaseException):
                raise value
            return value

        return call

    async def effect(
        self, value: Any = "done", attempt: Attempt | None = None, name: str = "charge", **said: Any
    ) -> Any:
        """Ask for one effect in an attempt of its own, or in the one given."""
        context = (attempt or self.attempt()).open_context()
        return await context.effect(name, self.answers(value), **said)


async def left_open(effects: str, raised: BaseException | None = None, **made: Any) -> Job:
    """A job whose first attempt does not know what became of its effect."""
    job = Job(effects, **made)
    with pytest.raises(type(raised or TimeoutError())):
        await job.effect(raised or TimeoutError())
    assert job.book.states == ["open"]
    job.book.said.clear()
    return job
