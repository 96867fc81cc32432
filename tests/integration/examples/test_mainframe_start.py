"""The task demo.start: everything in one transaction, in file order, and only once however often it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from easyflow import Context
from easyflow.examples.mainframe.records import bundled, read_card_xref, read_transactions
from easyflow.examples.mainframe.summary import read_summary
from easyflow.examples.mainframe.tasks import StartIn, StartOut, start
from easyflow.storage.migrations import migrate

Sessions = async_sessionmaker[AsyncSession]

# The order in which the jobs of one account will be let go.
IN_ORDER = text(
    """
    select jobs.payload ->> 'transaction_id' as transaction_id, jobs.key, jobs.task, jobs.queue, parked.state
    from easyflow.jobs join easyflow.parked on parked.job_id = jobs.id
    order by parked.blocked_seq
    """
)


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    """Sessions on a migrated database in which the demo has not been started."""
    await asyncio.to_thread(migrate, database_url)
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://", 1))
    yield async_sessionmaker(engine)
    await engine.dispose()


def context(session: AsyncSession) -> Context:
    return Context(
        job_id=uuid4(),
        task="demo.start",
        queue="default",
        lease_no=1,
        retry_count=0,
        state=SimpleNamespace(),
        session=session,
    )


async def started(sessions: Sessions) -> StartOut:
    async with sessions.begin() as session:
        return await start(context(session), StartIn())


async def test_one_job_for_each_transaction_waits_in_file_order(sessions: Sessions) -> None:
    done = await started(sessions)
    assert done == StartOut(accounts=50, cards=50, enqueued=300, already_enqueued=0)
    async with sessions() as session:
        rows = (await session.execute(IN_ORDER)).all()
    account_of = {card.card_number: str(card.account_id) for card in read_card_xref(bundled("CARDXREF.PS"))}
    day = read_transactions(bundled("DALYTRAN.PS"))
    assert [(row.transaction_id, row.key) for row in rows] == [(t.id, account_of[t.card_number]) for t in day]
    assert {(row.task, row.queue, row.state) for row in rows} == {
        ("mainframe.post_transaction", "mainframe", "BLOCKED")
    }


async def test_a_second_start_adds_nothing(sessions: Sessions) -> None:
    await started(sessions)
    assert await started(sessions) == StartOut(accounts=50, cards=50, enqueued=0, already_enqueued=300)


async def test_two_starts_at_once_make_300_jobs(sessions: Sessions) -> None:
    done = await asyncio.gather(started(sessions), started(sessions))
    assert sorted(out.enqueued for out in done) == [0, 300]


async def test_a_start_that_is_rolled_back_leaves_nothing(sessions: Sessions) -> None:
    async with sessions() as session:
        await start(context(session), StartIn())
        await session.rollback()
    async with sessions() as session:
        assert (await session.execute(IN_ORDER)).all() == []
        assert await read_summary(session) is None
