"""Transactions that are cancelled or lose the database: none is cut in half, and nobody inherits their connection."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from easyflow.errors import CommitUnknown, Conflict
from easyflow.storage.database import Pool, acquired, afterwards, committed, open_pool, self_committing
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.marks import gate_shut, make_marks, mark, states_of_others, write, written
from tests.support.proxy import running_proxy
from tests.support.unheard import COMMIT
from tests.support.waiting import until

SIZE = 3


@pytest.fixture
async def looker(connect: Connect) -> Connection:
    """A connection beside the pool, which has made the table the tests write."""
    connection = await connect()
    await make_marks(connection)
    return connection


@pytest.fixture
async def pool(database_url: str, looker: Connection) -> AsyncIterator[Pool]:
    """A small pool to the test's database."""
    opened = await open_pool(database_url, size=SIZE)
    yield opened
    opened.terminate()


async def refuse(connection: Connection) -> None:
    async with committed(connection):
        await mark(connection, "refused")
        raise Conflict


async def test_a_block_that_raises_leaves_nothing_behind_and_its_connection_is_lent_again(
    pool: Pool, looker: Connection
) -> None:
    async with acquired(pool) as connection:
        before = connection.get_server_pid()
        with pytest.raises(Conflict):
            await refuse(connection)
        with pytest.raises(asyncpg.NotNullViolationError):
            async with committed(connection):
                await connection.execute("insert into marks (writer, part) values ('refused', null)")
        assert not connection.is_in_transaction()
        await mark(connection, "next")
    async with acquired(pool) as connection:
        assert connection.get_server_pid() == before
    assert await written(looker) == {"next": 2}


async def test_a_task_that_is_cancelled_while_it_commits_hears_of_it_when_the_commit_is_through(
    pool: Pool, looker: Connection, connect: Connect
) -> None:
    async with gate_shut(connect, looker) as standing:
        task = asyncio.create_task(write(pool, "cancelled"))
        await standing(1)
        for _ in range(3):
            task.cancel()
            await asyncio.wait([task], timeout=0.02)
        assert not task.done()
        assert await written(looker) == {}
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await written(looker) == {"cancelled": 2}


async def test_a_deadline_that_passes_during_the_commit_is_told_after_it(
    pool: Pool, looker: Connection, connect: Connect
) -> None:
    async def hurry() -> None:
        async with asyncio.timeout(0.1):
            await write(pool, "late")

    async with gate_shut(connect, looker) as standing:
        task = asyncio.create_task(hurry())
        await standing(1)
        await asyncio.wait([task], timeout=0.2)
        assert not task.done()
    with pytest.raises(TimeoutError):
        await task
    assert await written(looker) == {"late": 2}


async def test_a_task_that_is_cancelled_in_a_statement_leaves_no_transaction_and_its_connection_is_not_lent_again(
    pool: Pool, looker: Connection, connect: Connect
) -> None:
    pids: list[int] = []

    async def held_up() -> None:
        async with acquired(pool) as connection, committed(connection):
            pids.append(connection.get_server_pid())
            await mark(connection, "cancelled")
            await connection.execute("lock table marks in access exclusive mode")

    holder = await connect()
    async with holder.transaction():
        await holder.execute("lock table marks in row exclusive mode")
        task = asyncio.create_task(held_up())

        async def blocked() -> bool:
            return bool(pids and await looker.fetchval("select cardinality(pg_blocking_pids($1))", pids[0]))

        await until(10, blocked)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        async def gone() -> bool:
            return not await looker.fetchval("select count(*) from pg_stat_activity where pid = $1", pids[0])

        await until(5, gone)  # although the lock it waited for is still held
        async with acquired(pool) as connection:
            assert connection.get_server_pid() not in pids
    assert await written(looker) == {}


async def test_a_connection_that_is_cancelled_outside_of_any_transaction_is_not_lent_again(
    pool: Pool, looker: Connection
) -> None:
    pids: list[int] = []

    async def sleep() -> None:
        async with acquired(pool) as connection:
            pids.append(connection.get_server_pid())
            await connection.execute("select pg_sleep(60)")

    task = asyncio.create_task(sleep())

    async def begun() -> bool:
        return "active" in await states_of_others(looker)

    await until(10, begun)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def gone() -> bool:
        return not await states_of_others(looker)

    await until(5, gone)
    async with acquired(pool) as connection:
        assert connection.get_server_pid() not in pids


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_tasks_cancelled_at_random_awaits_write_into_no_strangers_transaction_and_leave_none_open(
    pool: Pool, looker: Connection, seed: int
) -> None:
    dice = random.Random(seed)
    strangers: list[asyncio.Task[None]] = []
    finished = 0
    for n in range(120):
        strangers.append(asyncio.create_task(write(pool, f"stranger {n}")))
        task = asyncio.create_task(write(pool, f"cancelled {n}"))
        for _ in range(dice.randrange(25)):
            await asyncio.sleep(0)
        if dice.random() < 0.5:
            await asyncio.sleep(dice.random() * 0.004)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        finished += outcome is None
    await asyncio.gather(*strangers)
    assert finished < 120, "nothing was cancelled in time"
    parts = await written(looker)
    assert set(parts.values()) == {2}, "a transaction was cut in half"
    assert {f"stranger {n}" for n in range(120)} <= parts.keys()
    mixed = await looker.fetchval(
        "select count(*) from (select 1 from marks group by transaction having count(distinct writer) > 1) as found"
    )
    assert mixed == 0
    assert "idle in transaction" not in " ".join(map(str, await states_of_others(looker)))
    assert len(await states_of_others(looker)) <= SIZE
    await asyncio.gather(*(write(pool, f"after {n}") for n in range(2 * SIZE)))


async def test_a_commit_whose_answer_is_lost_is_told_from_one_that_was_refused(
    database_url: str, looker: Connection
) -> None:
    await looker.execute("alter table marks add unique (writer, part) deferrable initially deferred")
    async with running_proxy(database_url) as proxy:
        pool = await open_pool(proxy.url, size=1)
        proxy.swallow(COMMIT)
        with pytest.raises(CommitUnknown):
            await write(pool, "heard by nobody")
        with pytest.raises(asyncpg.UniqueViolationError):
            await write(pool, "heard by nobody")
        async with acquired(pool) as connection:
            assert not connection.is_in_transaction()
        pool.terminate()
    assert await written(looker) == {"heard by nobody": 2}


async def test_a_statement_that_commits_itself_is_in_doubt_when_its_answer_is_lost(
    database_url: str, looker: Connection
) -> None:
    statement = "-- mark\ninsert into marks (writer, part) values ('alone', 0)"
    async with running_proxy(database_url) as proxy:
        pool = await open_pool(proxy.url, size=1)
        proxy.swallow("mark")
        with pytest.raises(CommitUnknown):
            async with acquired(pool) as connection, self_committing(connection):
                await connection.fetch(statement)
        pool.terminate()
    assert await written(looker) == {"alone": 1}


async def test_what_follows_a_commit_may_fail_and_its_connection_is_not_lent_again(pool: Pool) -> None:
    async with acquired(pool) as connection:
        before = connection.get_server_pid()
        async with afterwards(connection):
            await connection.execute("select 1 / 0")
    async with acquired(pool) as connection:
        assert connection.get_server_pid() != before
