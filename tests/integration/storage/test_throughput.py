"""Throughput by the minute: what was rolled up and what is counted now say together what a direct count says."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

import asyncpg
import pytest

from easyflow.engine.housekeeping import Chore, roll_up, run_due
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import FAILED, birthday, claim, end, run_through, stop_clock, submit, submit_many, ticket
from tests.support.waiting import until

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
WORDS = {"SUCCEEDED": "succeeded", "FAILED": "failed", "CANCELLED": "cancelled"}

Counts = dict[tuple[datetime, str], int]


def unheard(*topics: str) -> None:
    """Stands for those who are told what changed."""


async def told(connection: Connection, minutes: int = 60, most: int = 100_000) -> Counts:
    """What the overview shows, without its zeros."""
    rows = await statement("read_throughput").fetch(connection, minutes=minutes, most=most)
    at = [row["minute"] for row in rows]
    assert at == [at[-1] - MINUTE * age for age in reversed(range(minutes))]
    return {(row["minute"], state): row[word] for row in rows for state, word in WORDS.items() if row[word]}


async def kept(connection: Connection) -> Counts:
    """What is rolled up."""
    rows = await connection.fetch("select minute, state, sum(count)::int as n from easyflow.throughput group by 1, 2")
    return {(row["minute"], row["state"]): row["n"] for row in rows}


async def direct(connection: Connection) -> Counts:
    """What there is."""
    rows = await connection.fetch(
        "select date_trunc('minute', finished_at) as minute, state, count(*) as n from easyflow.finished group by 1, 2"
    )
    return {(row["minute"], row["state"]): row["n"] for row in rows}


async def is_closed(connection: Connection) -> bool:
    """Whether every minute that is over has been counted."""
    closed: bool = await connection.fetchval(
        "select closed_until = date_trunc('minute', easyflow.clock()) from easyflow.rollups"
    )
    return closed


async def catch_up(connection: Connection) -> None:
    """Keep house until every minute that is over is closed."""

    async def closed() -> bool:
        await roll_up(connection)
        return await is_closed(connection)

    await until(20, closed)


async def at_noon(connection: Connection) -> datetime:
    """Stop the clock at a full minute, with everything before it closed."""
    noon = await birthday(connection)
    await stop_clock(connection, noon)
    await catch_up(connection)
    return noon


async def end_some(connection: Connection, jobs_done: int = 1) -> None:
    """Let `jobs_done` jobs succeed, one fail, and one be cancelled."""
    queues = ("default", "letters")
    await submit(connection, *(ticket(queue=queues[n % 2]) for n in range(jobs_done + 1)))
    claimed = await claim(connection, jobs_done + 1, queues=queues)
    await end(connection, claimed[1:])
    await end(connection, claimed[:1], FAILED)
    (waiting,) = await submit_many(connection, 1)
    await acts.cancel(connection, waiting, actor="test", reason=None)


async def test_after_a_drain_every_minute_is_what_a_direct_count_says(connect: Connect) -> None:
    connection = await connect()
    noon = await at_noon(connection)
    for minute in range(4):
        for second in (0, 20, 59.999):
            await stop_clock(connection, noon + minute * MINUTE + second * SECOND)
            await end_some(connection, minute + 1)
            await roll_up(connection)
            assert await told(connection) == await direct(connection)
    await stop_clock(connection, noon + 5 * MINUTE)
    await roll_up(connection)
    there = await direct(connection)
    assert there[noon + 3 * MINUTE, "SUCCEEDED"] == 12
    assert len(there) == 12
    assert await kept(connection) == await told(connection) == there


async def test_the_running_minute_is_counted_before_anybody_rolled_it_up(connect: Connect) -> None:
    connection = await connect()
    noon = await at_noon(connection)
    await stop_clock(connection, noon + 70 * SECOND)
    await end_some(connection, 2)
    assert await kept(connection) == {}
    assert await told(connection) == await direct(connection)
    assert await told(connection, minutes=1) == await direct(connection)


async def test_a_transaction_that_commits_in_the_next_minute_is_counted_in_its_own(connect: Connect) -> None:
    late, worker = await connect(), await connect()
    noon = await at_noon(worker)
    await stop_clock(worker, noon + 59 * SECOND)
    await submit_many(worker, 2)
    first, second = await claim(worker, 2)
    transaction = late.transaction()
    await transaction.start()
    await end(late, [first])
    await end(worker, [second])
    await stop_clock(worker, noon + 61 * SECOND)
    await roll_up(worker)
    assert await is_closed(worker)
    assert await told(worker) == {(noon, "SUCCEEDED"): 1}
    await transaction.commit()
    await stop_clock(worker, noon + 121 * SECOND)
    await roll_up(worker)
    assert await told(worker) == await direct(worker) == {(noon, "SUCCEEDED"): 2}


async def test_several_that_keep_house_at_once_count_nothing_twice(connect: Connect) -> None:
    connections = [await connect() for _ in range(4)]
    noon = await at_noon(connections[0])
    for minute in range(1, 6):
        await end_some(connections[0], 20)
        await stop_clock(connections[0], noon + minute * MINUTE)
        await asyncio.gather(*(run_due([Chore("throughput", roll_up, 0.0)], each, unheard) for each in connections))
        await until(5, lambda: is_closed(connections[0]))
    assert await kept(connections[0]) == await told(connections[0]) == await direct(connections[0])


async def test_of_two_counts_of_a_minute_the_one_who_saw_more_wins(connect: Connect) -> None:
    connection = await connect()
    noon = await at_noon(connection)
    await end_some(connection, 3)
    await stop_clock(connection, noon + MINUTE)
    await roll_up(connection)
    await connection.execute("update easyflow.throughput set count = count - 1 where count > 1")
    await stop_clock(connection, noon + 2 * MINUTE)
    await roll_up(connection)
    assert await kept(connection) == await direct(connection)
    await connection.execute("update easyflow.throughput set count = count + 1")
    more = await kept(connection)
    await stop_clock(connection, noon + 3 * MINUTE)
    await roll_up(connection)
    assert await kept(connection) == more


async def test_a_job_that_failed_stays_counted_when_it_is_replayed(connect: Connect) -> None:
    connection = await connect()
    noon = await at_noon(connection)
    job_id = await run_through(connection, FAILED)
    await stop_clock(connection, noon + MINUTE)
    await roll_up(connection)
    await acts.replay(connection, job_id, seen_version=1, payload=None, actor="test", reason="mended")
    await end(connection, await claim(connection))
    await stop_clock(connection, noon + 2 * MINUTE)
    await roll_up(connection)
    assert await told(connection) == {(noon, "FAILED"): 1, (noon + MINUTE, "SUCCEEDED"): 1}


async def test_the_running_minute_is_counted_again_only_after_some_seconds(connect: Connect) -> None:
    connection = await connect()
    noon = await at_noon(connection)
    for second, counted in ((1, 0), (12, 0), (20, 9), (30, 9), (40, 15)):
        await end_some(connection)
        await stop_clock(connection, noon + second * SECOND)
        await roll_up(connection)
        assert sum((await kept(connection)).values()) == counted, second


async def test_of_a_minute_with_more_jobs_than_are_counted_now_the_roll_up_tells(connect: Connect) -> None:
    connection = await connect()
    noon = await at_noon(connection)
    await end_some(connection, 8)
    assert sum((await told(connection, most=4)).values()) == 4
    await stop_clock(connection, noon + 20 * SECOND)
    await roll_up(connection)
    assert await told(connection, most=4) == await direct(connection)


async def test_what_ended_while_nobody_kept_house_is_caught_up(connect: Connect) -> None:
    connection = await connect()
    noon = await at_noon(connection)
    for minute in (5, 200, 201):
        await stop_clock(connection, noon + minute * MINUTE)
        await end_some(connection)
    await stop_clock(connection, noon + 300 * MINUTE)
    assert await told(connection, minutes=400) == await direct(connection)
    await catch_up(connection)
    assert await kept(connection) == await told(connection, minutes=400) == await direct(connection)


async def test_who_finds_another_counting_does_not_wait_for_long(connect: Connect) -> None:
    holder, other = await connect(), await connect()
    noon = await at_noon(holder)
    await stop_clock(holder, noon + MINUTE)
    chore = Chore("throughput", roll_up, 10.0)
    async with holder.transaction():
        await holder.execute("select from easyflow.rollups for update")
        began = time.monotonic()
        with pytest.raises(asyncpg.LockNotAvailableError):
            await roll_up(other)
        await run_due([chore], other, unheard)
        assert time.monotonic() - began < 5
    assert chore.due_at < time.monotonic() + 2
    assert not await is_closed(other)


async def test_counts_of_long_ago_are_removed_some_at_a_time(connect: Connect) -> None:
    connection = await connect()
    noon = await at_noon(connection)
    for days in (29, 31, 32, 33):
        await connection.execute(
            "insert into easyflow.throughput values ($1, 'q', 't', 'SUCCEEDED', 1)", noon - timedelta(days=days)
        )
    await statement("remove_old_throughput").fetch(connection, days=30, max_rows=2)
    assert sorted(minute for minute, _ in await kept(connection)) == [
        noon - timedelta(days=31),
        noon - timedelta(days=29),
    ]
    await roll_up(connection)
    assert sorted(minute for minute, _ in await kept(connection)) == [noon - timedelta(days=29)]
