"""Idempotency keys: one key makes one job, whoever comes at the same time."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from easyflow.errors import Busy, KeyReused
from easyflow.storage import enqueue
from easyflow.storage.enqueue import NewTicket, Stored
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import ticket
from tests.support.interleave import Stage
from tests.support.mutations import mutated


def keyed(key: str = "order-1", digest: bytes = b"same") -> NewTicket:
    return ticket(idempotency_key=key, digest=digest)


async def store(connection: Connection, *tickets: NewTicket, lock_timeout: str = "5s") -> Stored:
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{lock_timeout}'")
        return await enqueue.store(connection, list(tickets))


async def jobs(connection: Connection) -> set[UUID]:
    return {row["id"] for row in await connection.fetch("select id from easyflow.jobs")}


async def test_a_key_that_was_used_before_gives_the_earlier_job(connect: Connect) -> None:
    connection = await connect()
    first = await store(connection, keyed())
    second = await store(connection, keyed())
    assert (first.existing, second.existing) == (0, 1)
    assert second.ids == first.ids
    assert second.fresh == []
    assert await jobs(connection) == set(first.ids)


async def test_fifty_submits_with_one_key_at_once_make_one_job(connect: Connect) -> None:
    connections = [await connect() for _ in range(50)]
    async with asyncio.timeout(20):
        stored = await asyncio.gather(*(store(each, keyed()) for each in connections))
    assert len({each.ids[0] for each in stored}) == 1
    assert sum(each.existing for each in stored) == 49
    assert await jobs(connections[0]) == {stored[0].ids[0]}


async def test_the_same_key_for_another_request_is_refused_and_makes_nothing(connect: Connect) -> None:
    connection = await connect()
    first = await store(connection, keyed())
    with pytest.raises(KeyReused):
        await store(connection, keyed("other"), keyed(digest=b"another"))
    assert await jobs(connection) == set(first.ids)
    assert await connection.fetchval("select count(*) from easyflow.idempotency_keys") == 1


async def test_a_batch_may_hold_the_same_request_twice_but_not_one_key_for_two(connect: Connect) -> None:
    connection = await connect()
    stored = await store(connection, keyed("a"), ticket(), keyed("a"))
    assert stored.ids[0] == stored.ids[2]
    assert len(await jobs(connection)) == 2
    with pytest.raises(KeyReused):
        await store(connection, keyed("b"), keyed("b", b"another"))
    again = await store(connection, keyed("a"), keyed("a"), keyed("c"))
    assert again.ids[:2] == [stored.ids[0]] * 2
    assert (again.existing, len(again.fresh)) == (2, 1)


async def test_when_the_first_holder_of_a_key_rolls_back_the_one_that_waits_makes_the_job(connect: Connect) -> None:
    first, second = await Stage(connect).actors("first", "second")
    held = first.connection.transaction()
    await held.start()
    await enqueue.store(first.connection, [keyed()])
    step = await second.start(store(second.connection, mine := keyed()))
    assert step.blocked
    await held.rollback()
    assert (await step.result()).ids == [mine.id]
    assert await jobs(first.connection) == {mine.id}


async def test_when_the_first_holder_of_a_key_commits_the_one_that_waits_gets_its_job(connect: Connect) -> None:
    first, second = await Stage(connect).actors("first", "second")
    held = first.connection.transaction()
    await held.start()
    stored = await enqueue.store(first.connection, [keyed()])
    step = await second.start(store(second.connection, keyed()))
    assert step.blocked
    await held.commit()
    assert (await step.result()).ids == stored.ids


async def test_a_submit_waits_no_longer_than_its_lock_timeout_for_a_key(connect: Connect) -> None:
    first, second = await connect(), await connect()
    async with first.transaction():
        await enqueue.store(first, [keyed()])
        with pytest.raises(Busy):
            await store(second, ticket(), keyed(), lock_timeout="30ms")
    assert len(await jobs(second)) == 1


async def test_requests_that_know_nothing_of_each_other_are_each_answered_alone(connect: Connect) -> None:
    connection = await connect()
    (before,) = (await store(connection, keyed("old"))).ids
    given = [
        keyed("new"),
        keyed("old", b"another"),
        keyed("new"),
        ticket(),
        keyed("old"),
        keyed("new", b"another"),
        keyed("last"),
    ]
    async with connection.transaction():
        answers = await enqueue.store_each(connection, given)
    refused = [n for n, answer in enumerate(answers) if isinstance(answer, KeyReused)]
    told = [(answer.ids, answer.existing) for answer in answers if isinstance(answer, Stored)]
    assert refused == [1, 5]
    assert told == [
        ([given[0].id], 0),
        ([given[0].id], 1),
        ([given[3].id], 0),
        ([before], 1),
        ([given[6].id], 0),
    ]
    assert [row["id"] for answer in answers if isinstance(answer, Stored) for row in answer.fresh] == [
        given[n].id for n in (0, 3, 6)
    ]
    assert await jobs(connection) == {before, given[0].id, given[3].id, given[6].id}


async def test_a_request_refused_for_its_own_two_members_leaves_nothing_in_the_callers_transaction(
    connect: Connect,
) -> None:
    connection = await connect()
    async with connection.transaction():
        with pytest.raises(KeyReused):
            await enqueue.store(connection, [keyed("a"), keyed("b"), keyed("b", b"another")])
    assert await connection.fetchval("select count(*) from easyflow.idempotency_keys") == 0


NAMES = ("a", "m", "z")


@pytest.mark.parametrize("broken", [False, True])
async def test_batches_with_the_same_keys_in_opposite_order_do_not_deadlock(connect: Connect, broken: bool) -> None:
    holder, up, down = await Stage(connect).actors("holder", "up", "down")
    holding = holder.connection.transaction()
    await holding.start()
    await enqueue.store(holder.connection, [keyed("m")])
    rising = await up.start(store(up.connection, *(keyed(name) for name in NAMES)))
    with mutated("take_keys", *([("order by u.key", "order by u.key desc")] if broken else [])):
        falling = await down.start(store(down.connection, *(keyed(name) for name in NAMES[::-1])))
    assert rising.blocked
    assert falling.blocked
    await holding.commit()
    ends = await asyncio.gather(rising.result(), falling.result(), return_exceptions=True)
    failed = [type(each) for each in ends if isinstance(each, BaseException)]
    assert failed == ([asyncpg.DeadlockDetectedError] if broken else [])
    assert len(await jobs(holder.connection)) == 3


async def test_a_batch_is_taken_under_its_own_key_once(connect: Connect) -> None:
    connection = await connect()
    ids = [uuid4(), uuid4()]
    assert await enqueue.take_batch_key(connection, "batch-1", b"same", ids) is None
    assert await enqueue.take_batch_key(connection, "batch-1", b"same", [uuid4()]) == ids
    with pytest.raises(KeyReused):
        await enqueue.take_batch_key(connection, "batch-1", b"another", [uuid4()])


async def test_the_key_of_a_batch_is_not_that_of_a_job(connect: Connect) -> None:
    connection = await connect()
    stored = await store(connection, keyed("x"))
    assert await enqueue.take_batch_key(connection, "x", b"same", stored.ids) is None
