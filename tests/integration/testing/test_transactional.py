"""A transactional task in a user's test writes through the session that the test gives it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from easyflow import Context, registry, task
from easyflow.storage.database import sqlalchemy_url
from easyflow.testing import run_task_async


class Entry(BaseModel):
    """What to book."""

    amount: int


@pytest.fixture(autouse=True)
def book() -> Iterator[None]:
    """A task of this test only."""

    @task("ledger.book", effects="transactional")
    async def book(ctx: Context, entry: Entry) -> int:
        await ctx.session.execute(text("insert into ledger values (:amount)"), {"amount": entry.amount})
        total: int = await ctx.session.scalar(text("select sum(amount)::bigint from ledger"))
        return total

    yield
    del registry.TASKS["ledger.book"]


async def test_what_the_task_writes_is_the_tests_to_keep_or_to_roll_back(database_url: str) -> None:
    engine = create_async_engine(sqlalchemy_url(database_url))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("create table ledger (amount bigint)"))
        async with AsyncSession(engine) as session:
            assert await run_task_async("ledger.book", {"amount": 3}, session=session) == 3
            assert await run_task_async("ledger.book", {"amount": 4}, session=session) == 7
            await session.rollback()
            assert await session.scalar(text("select count(*) from ledger")) == 0
    finally:
        await engine.dispose()
