"""The nightly run's tables in a real database: the whole night, a second night, and two hands on one account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from easyflow import Context, Fail
from easyflow.examples.mainframe import ledger, tasks
from easyflow.examples.mainframe.records import bundled, read_accounts, read_card_xref, read_transactions
from easyflow.examples.mainframe.schema import accounts, create_all, postings
from easyflow.examples.mainframe.summary import Rejection, read_summary, verify
from easyflow.examples.mainframe.tasks import PostingOut, TotalsIn, TransactionIn, post_transaction, totals

Sessions = async_sessionmaker[AsyncSession]


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    """Sessions on this test's database, whose demo tables do not exist yet."""
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://", 1))
    yield async_sessionmaker(engine)
    await engine.dispose()


async def load(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await create_all(session)
        await ledger.load(session, read_accounts(bundled("ACCTDATA.PS")), read_card_xref(bundled("CARDXREF.PS")))


def the_day(**changes: object) -> list[TransactionIn]:
    transactions = read_transactions(bundled("DALYTRAN.PS"))
    return [tasks.payload_of(transaction).model_copy(update=changes) for transaction in transactions]


def context(session: AsyncSession) -> Context:
    return Context(
        job_id=uuid4(),
        task="mainframe.post_transaction",
        queue="mainframe",
        lease_no=1,
        retry_count=0,
        state=SimpleNamespace(),
        session=session,
    )


async def run(sessions: Sessions, day: Sequence[TransactionIn]) -> tuple[list[PostingOut], list[Rejection]]:
    """Run each job in a transaction of its own, as an executor does: committed when it succeeds, else rolled back."""
    booked, rejected = [], []
    for entry in day:
        try:
            async with sessions.begin() as session:
                booked.append(await post_transaction(context(session), entry))
        except Fail as fail:
            rejected.append(Rejection(entry.transaction_id, fail.code or "", entry.amount))
    return booked, rejected


async def deviations(sessions: Sessions, rejected: Sequence[Rejection]) -> list[str]:
    async with sessions() as session:
        summary = await read_summary(session)
    assert summary is not None
    return verify(summary, rejected)


async def test_the_night_comes_to_the_verified_results_and_a_second_one_books_nothing(sessions: Sessions) -> None:
    await load(sessions)
    booked, rejected = await run(sessions, the_day())
    assert (len(booked), len(rejected)) == (262, 38)
    assert not any(posting.already for posting in booked)
    assert await deviations(sessions, rejected) == []

    await load(sessions)
    again, rejected_again = await run(sessions, the_day())
    assert all(posting.already for posting in again)
    assert rejected_again == rejected
    assert await deviations(sessions, rejected) == []

    waiting = {rejection.transaction_id for rejection in rejected}
    approved = [entry for entry in the_day(overdraft_approved=True) if entry.transaction_id in waiting]
    lifted, left = await run(sessions, approved)
    assert (len(lifted), left) == (38, [])
    assert await deviations(sessions, []) == []


async def totals_now(sessions: Sessions) -> object:
    """What the task answers, as its result is stored."""
    async with sessions.begin() as session:
        return (await totals(context(session), TotalsIn())).model_dump(mode="json")


async def test_the_totals_are_known_before_during_and_after_the_night(sessions: Sessions) -> None:
    nothing = dict.fromkeys(["posted", "not_posted", "balances", "cycle_credit", "cycle_debit"])
    assert await totals_now(sessions) == nothing

    await load(sessions)
    assert await totals_now(sessions) == {
        "posted": {"jobs": 0, "amount": "0.00"},
        "not_posted": {"jobs": 300, "amount": "104801.54"},
        "balances": "12269.00", "cycle_credit": "0.00", "cycle_debit": "0.00",
    }  # fmt: skip

    day = the_day()
    booked, _ = await run(sessions, day[:2])
    assert [posting.amount for posting in booked] == [Decimal("504.77"), Decimal("-919.00")]
    assert await totals_now(sessions) == {
        "posted": {"jobs": 2, "amount": "-414.23"},
        "not_posted": {"jobs": 298, "amount": "105215.77"},
        "balances": "11854.77", "cycle_credit": "504.77", "cycle_debit": "-919.00",
    }  # fmt: skip

    await run(sessions, day)
    assert await totals_now(sessions) == {
        "posted": {"jobs": 262, "amount": "77954.70"},
        "not_posted": {"jobs": 38, "amount": "26846.84"},
        "balances": "90223.70", "cycle_credit": "102353.99", "cycle_debit": "-24399.29",
    }  # fmt: skip

    await run(sessions, the_day(overdraft_approved=True))
    assert await totals_now(sessions) == {
        "posted": {"jobs": 300, "amount": "104801.54"},
        "not_posted": {"jobs": 0, "amount": "0.00"},
        "balances": "117070.54", "cycle_credit": "129200.83", "cycle_debit": "-24399.29",
    }  # fmt: skip


async def test_a_transaction_posted_with_another_amount_no_longer_counts_as_not_posted(sessions: Sessions) -> None:
    await load(sessions)
    first, second = the_day()[:2]
    await run(sessions, [first.model_copy(update={"amount": Decimal("1.00")})])
    await run(sessions, [second.model_copy(update={"transaction_id": "not of the day", "amount": Decimal("2.00")})])
    assert await totals_now(sessions) == {
        "posted": {"jobs": 2, "amount": "3.00"},
        "not_posted": {"jobs": 299, "amount": "104296.77"},
        "balances": "12272.00", "cycle_credit": "3.00", "cycle_debit": "0.00",
    }  # fmt: skip


async def test_before_the_first_start_there_is_no_summary(sessions: Sessions) -> None:
    async with sessions() as session:
        assert await read_summary(session) is None


async def test_several_starts_at_once_create_and_load_the_tables_once(sessions: Sessions) -> None:
    await asyncio.gather(*[load(sessions) for _ in range(5)])
    async with sessions() as session:
        assert await session.scalar(select(func.count()).select_from(accounts)) == 50
        summary = await read_summary(session)
    assert summary is not None
    assert (summary.posted, summary.balances) == (0, Decimal("12269.00"))


async def wait_until_blocked(sessions: Sessions, waiters: int) -> None:
    """Wait until that many connections wait for somebody's lock."""
    blocked = text("select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0")
    async with asyncio.timeout(10), sessions() as session:
        while await session.scalar(blocked) != waiters:
            await session.rollback()


async def post_one(sessions: Sessions, entry: TransactionIn) -> PostingOut:
    async with sessions.begin() as session:
        return await post_transaction(context(session), entry)


async def test_the_same_transaction_posted_by_two_jobs_at_once_is_booked_once(sessions: Sessions) -> None:
    await load(sessions)
    entry = the_day()[0]
    async with sessions.begin() as first:
        booked = await post_transaction(context(first), entry)
        second = asyncio.ensure_future(post_one(sessions, entry))
        await wait_until_blocked(sessions, 1)
    assert (booked.already, (await second).already) == (False, True)
    async with sessions() as session:
        assert await session.scalar(select(func.count()).select_from(postings)) == 1
        balance = select(accounts.c.balance).where(accounts.c.id == booked.account_id)
        assert await session.scalar(balance) == booked.balance == (await second).balance


async def test_two_transactions_of_one_account_wait_for_each_other_and_both_count(sessions: Sessions) -> None:
    await load(sessions)
    entry = the_day()[0].model_copy(update={"amount": Decimal("1.00")})
    other = entry.model_copy(update={"transaction_id": "another"})
    async with sessions.begin() as first:
        booked = await post_transaction(context(first), entry)
        second = asyncio.ensure_future(post_one(sessions, other))
        await wait_until_blocked(sessions, 1)
    assert (await second).balance == booked.balance + 1


async def test_a_rejection_says_card_amount_and_limit_and_leaves_no_trace(sessions: Sessions) -> None:
    await load(sessions)
    entry = the_day()[0].model_copy(update={"amount": Decimal("99999.00")})
    with pytest.raises(Fail, match=r"over limit: card \.\.\.7065, amount 99999\.00, limit ") as failed:
        await post_one(sessions, entry)
    assert failed.value.code == "102"
    assert entry.card_number not in str(failed.value)
    async with sessions() as session:
        assert await session.scalar(select(func.count()).select_from(postings)) == 0


@pytest.mark.parametrize("approved", [False, True])
async def test_an_unknown_card_and_an_unknown_account_are_rejected(sessions: Sessions, approved: bool) -> None:
    await load(sessions)
    entry = the_day(overdraft_approved=approved)[0]
    with pytest.raises(Fail, match="unknown card") as unknown_card:
        await post_one(sessions, entry.model_copy(update={"card_number": "4000000000000000"}))
    async with sessions.begin() as session:
        await session.execute(accounts.delete())
    with pytest.raises(Fail, match="unknown account") as unknown_account:
        await post_one(sessions, entry)
    assert (unknown_card.value.code, unknown_account.value.code) == ("100", "101")


async def test_what_is_rolled_back_was_never_booked(sessions: Sessions) -> None:
    await load(sessions)
    async with sessions() as session:
        await post_transaction(context(session), the_day()[0])
        await session.rollback()
    assert not (await post_one(sessions, the_day()[0])).already
