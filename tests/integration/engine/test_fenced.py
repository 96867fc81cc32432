"""A transactional attempt that loses its database or its lease: what it did outside decides what becomes of it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from easyflow.context import Context
from easyflow.domain.outcome import HandedBack, InDoubt
from easyflow.domain.retry import RetryPolicy
from easyflow.domain.states import Effects
from easyflow.engine.attempt import Attempt
from easyflow.engine.fenced import run_transactional
from easyflow.errors import EffectInDoubt, LostClaim
from easyflow.registry import Handler, TaskType
from easyflow.storage.database import open_engine
from tests.support.ledger_book import MemoryBook


def time_out(key: str) -> None:
    raise TimeoutError


async def lose_the_database(ctx: Context, payload: Any) -> None:
    await ctx.session.execute(text("select pg_terminate_backend(pg_backend_pid())"))


async def act_and_lose_the_database(ctx: Context, payload: Any) -> None:
    with contextlib.suppress(TimeoutError, EffectInDoubt):
        await ctx.effect("charge", time_out, effects="keyed", request=payload["amount"])
    await lose_the_database(ctx, payload)


async def act_too_late(ctx: Context, payload: Any) -> None:
    await ctx.session.execute(text("select 1"))
    await ctx.effect("charge", time_out, effects="keyed")


def attempt_of(handler: Handler, payload: str = "{}") -> Attempt:
    task = TaskType("t", handler, Effects.TRANSACTIONAL, "default", RetryPolicy(), 5.0, "shared", Any, Any)
    row: Any = {
        "job_id": uuid4(),
        "task": "t",
        "queue": "default",
        "lease_no": 1,
        "retry_count": 0,
        "max_attempts": None,
        "timeout_seconds": None,
        "claim_token": uuid4(),
        "payload": payload,
    }
    return Attempt(row, task, SimpleNamespace(), MemoryBook(), 1000)


async def ended(url: str, attempt: Attempt) -> Any:
    """Run it as an executor does."""
    engine = open_engine(url, 1, 5.0)
    try:
        return await run_transactional(attempt, engine, uuid4())
    except Exception as raised:
        return attempt.outcome_of(raised)
    finally:
        await engine.dispose()


async def test_one_that_lost_its_database_goes_back_uncharged(database_url: str) -> None:
    assert isinstance(await ended(database_url, attempt_of(lose_the_database)), HandedBack)


@pytest.mark.parametrize(("amount", "kind"), [(2, InDoubt), (1, HandedBack)])
async def test_one_that_lost_its_database_behind_an_open_effect_is_judged_by_the_ledger(
    database_url: str, amount: int, kind: type
) -> None:
    first = attempt_of(act_and_lose_the_database, '{"amount": 1}')
    assert isinstance(await ended(database_url, first), HandedBack)
    row: Any = {**first.row, "lease_no": 2, "claim_token": uuid4(), "payload": f'{{"amount": {amount}}}'}
    assert isinstance(await ended(database_url, replace(first, row=row, ledger=None)), kind)


async def test_an_effect_that_came_too_late_leaves_its_ending_to_the_fence(database_url: str) -> None:
    attempt = attempt_of(act_too_late)
    assert isinstance(attempt.book, MemoryBook)
    attempt.book.lapsed = True
    engine = open_engine(database_url, 1, 5.0)
    with pytest.raises(LostClaim):
        await run_transactional(attempt, engine, uuid4())
    await engine.dispose()
