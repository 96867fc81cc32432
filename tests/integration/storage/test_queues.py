"""Queues: what is set for them, and a global limit that is never passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from easyflow.storage import claims, queues
from easyflow.storage.sql import Connection
from easyflow.storage.streams import Streams
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import QUEUE, TASK, claim, end, submit, submit_many, ticket
from tests.support.interleave import Stage

Claim = Callable[[Connection], Coroutine[Any, Any, list[asyncpg.Record]]]

LOCK_AND_COUNT = """
with q as (select concurrency from easyflow.queues where name = 'default' for update)
select q.concurrency - (select count(*) from easyflow.leases where queue = 'default') from q
"""


async def limited(connection: Connection, max_jobs: int = 10) -> list[asyncpg.Record]:
    return await claims.claim_limited(
        connection,
        executor_id=uuid4(),
        claim_id=uuid4(),
        tasks=[TASK],
        max_jobs=max_jobs,
        queue=QUEUE,
        intervals=Streams().intervals([QUEUE]),
    )


async def counted_with_the_lock(connection: Connection) -> list[asyncpg.Record]:
    """A limited claim as it must not be: the count has a snapshot from before the lock was had."""
    async with connection.transaction():
        return await claim(connection, await connection.fetchval(LOCK_AND_COUNT))


async def limit(connection: Connection, concurrency: int) -> None:
    await acts.change_queue(connection, QUEUE, actor="ann", concurrency=concurrency)


@pytest.mark.parametrize(("claiming", "running"), [(limited, 10), (counted_with_the_lock, 20)])
async def test_a_limited_claim_counts_what_was_claimed_while_it_waited(
    connect: Connect, claiming: Claim, running: int
) -> None:
    first, second = await Stage(connect).actors("first", "second")
    await limit(first.connection, 10)
    await submit_many(first.connection, 50)
    held = first.connection.transaction()
    await held.start()
    assert len(await limited(first.connection)) == 10
    step = await second.start(claiming(second.connection))
    assert step.blocked
    await held.commit()
    await step.result()
    assert await first.connection.fetchval("select count(*) from easyflow.leases") == running


async def test_six_claimers_never_pass_a_limit_of_ten_and_run_everything(connect: Connect) -> None:
    connections = [await connect() for _ in range(6)]
    await limit(connections[0], 10)
    left, running, most = [200], [0], [0]
    await submit_many(connections[0], left[0])

    async def work(connection: Connection) -> None:
        while left[0]:
            claimed = await limited(connection, 4)
            running[0] += len(claimed)
            most[0] = max(most[0], running[0])
            await asyncio.sleep(0)
            running[0] -= len(claimed)
            ended = await end(connection, claimed)
            left[0] -= len(ended)

    async with asyncio.timeout(20):
        await asyncio.gather(*(work(each) for each in connections))
    assert 0 < most[0] <= 10


async def test_a_claim_for_a_queue_with_room_takes_what_was_asked(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 5)
    assert await limited(connection) == []  # a queue without settings has no limit, and is not claimed this way
    await limit(connection, 100)
    assert len(await limited(connection, 3)) == 3


async def test_a_limit_that_was_lowered_below_what_runs_lets_nothing_more_run(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 9)
    await limit(connection, 6)
    assert len(await limited(connection)) == 6
    await limit(connection, 2)
    assert await limited(connection) == []


async def test_a_queue_that_was_paused_or_freed_just_now_is_claimed_accordingly(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 9)
    await limit(connection, 1)
    await acts.change_queue(connection, QUEUE, actor="ann", paused=True)
    assert await limited(connection) == []
    await acts.change_queue(connection, QUEUE, actor="ann", paused=False, concurrency=0)
    assert len(await limited(connection)) == 9


async def test_a_claimer_is_told_which_queues_are_open_and_which_have_a_limit(connect: Connect) -> None:
    connection = await connect()
    await acts.change_queue(connection, "paused", actor="ann", paused=True, concurrency=3)
    await acts.change_queue(connection, "limited", actor="ann", concurrency=3)
    await acts.change_queue(connection, "set", actor="ann", concurrency_per_key=3)
    read = await queues.read_settings(connection, ["new", "paused", "limited", "set"])
    assert (read.open, read.limited) == (("new", "set"), ("limited",))


async def test_a_change_leaves_what_it_does_not_name_and_is_audited(connect: Connect) -> None:
    connection = await connect()
    await acts.change_queue(connection, "q", actor="ann", concurrency=5, concurrency_per_key=2)
    row = await acts.change_queue(connection, "q", actor="bob", paused=True, reason="the bank is closed")
    assert tuple(row) == ("q", True, 5, 2, 2)
    row = await acts.change_queue(connection, "q", actor="bob", concurrency=0)
    assert tuple(row) == ("q", True, None, 2, 3)
    audit = await connection.fetch("select actor, act, object_id, reason, after from easyflow.audit order by id")
    assert tuple(audit[1]) == ("bob", "set queue", "q", "the bank is closed", '{"paused": true}')
    assert len(audit) == 3


async def test_queues_are_listed_with_what_waits_and_runs_in_them(connect: Connect) -> None:
    connection = await connect()
    await queues.ensure(connection, ["b", "a", "b"])
    await queues.ensure(connection, ["a"])
    await submit(connection, *(ticket(queue="b") for _ in range(3)), ticket(queue="c", delay_seconds=60.0))
    await claim(connection, 1, queues="b")
    listed = [
        tuple(row[name] for name in ("name", "ready", "running", "parked", "concurrency_per_key"))
        for row in await queues.list_all(connection)
    ]
    assert listed == [("a", 0, 0, 0, 1), ("b", 2, 1, 0, 1), ("c", 0, 0, 1, 1)]
