"""The tasks of the claims workflow: parse a file, check its claims, set money aside, pay, and let it go again."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from pydantic import BaseModel

from easyflow import Context, task
from easyflow.domain.retry import RetryPolicy
from tests.support.effects import perform

RECORDER = "EASYFLOW_LAB_RECORDER"
PATIENT = RetryPolicy(max_attempts=20, first_seconds=0.05, longest_seconds=0.3)
CHUNK = 2_000


class File(BaseModel):
    """A file of so many claims; every hundredth is wrong."""

    claims: int
    pause: float = 0.0


class Claim(BaseModel):
    """One claim, in cents."""

    number: int
    amount: int


class Batch(BaseModel):
    """Some claims."""

    items: list[Claim]


class Money(BaseModel):
    """What to set aside, pay or let go, in cents; `pause` is how long the bank takes."""

    amount: int
    pause: float = 0.0


@task("claims.parse", effects="pure", retry=PATIENT)
async def parse(ctx: Context, file: File) -> int:
    """Hand every claim over, and return what those that are right come to."""
    total = 0
    for first in range(0, file.claims, CHUNK):
        numbers = range(first, min(first + CHUNK, file.claims))
        claims = [Claim(number=n, amount=0 if n % 100 == 99 else 100 + n % 7) for n in numbers]
        await ctx.emit(claims)
        await asyncio.sleep(file.pause)
        total += sum(claim.amount for claim in claims)
    return total


@task("claims.check", effects="pure", retry=PATIENT)
async def check(ctx: Context, batch: Batch) -> list[int]:
    """Check a batch: a claim over nothing is wrong, and fails alone."""
    for position, claim in enumerate(batch.items):
        if claim.amount <= 0:
            ctx.fail_item(position, "a claim over nothing")
    await asyncio.sleep(0.02)
    return [claim.amount for claim in batch.items]


async def book(ctx: Context, name: str, money: Money) -> Any:
    """Book at a bank that knows our key again."""

    async def call(key: str) -> Any:
        how = {"mode": "dedup", "slow": money.pause}
        return await perform(os.environ[RECORDER], key, fence=ctx.lease_no, name=name, job_id=ctx.job_id, **how)

    return await ctx.effect(name, call)


@task("claims.reserve", effects="keyed", retry=PATIENT)
async def reserve(ctx: Context, money: Money) -> Any:
    """Set money aside."""
    return await book(ctx, "reserve", money)


@task("claims.pay", effects="keyed", retry=PATIENT)
async def pay(ctx: Context, money: Money) -> Any:
    """Pay."""
    return await book(ctx, "pay", money)


@task("claims.release", effects="keyed", retry=PATIENT)
async def release(ctx: Context, money: Money) -> Any:
    """Let go what was set aside."""
    return await book(ctx, "release", money)
