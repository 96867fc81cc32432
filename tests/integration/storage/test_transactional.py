"""A transactional task's writes and the completion of its job commit together, behind the fence, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from easyflow.errors import LostClaim, Misconfigured
from easyflow.storage import workers
from easyflow.storage.admission import admit
from easyflow.storage.database import open_engine
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection
from easyflow.storage.transactional import complete, open_session
from tests.conftest import Connect
from tests.support.factories import (
    claim,
    concurrent,
    ending,
    key,
    outcomes,
    place,
    start_executor,
    submit,
    ticket,
)

WRITE = text("insert into public.ledger values (1)")


@pytest.fixture
async def engine(database_url: str, connect: Connect) -> AsyncIterator[AsyncEngine]:
    """The engine of `ctx.session`, on a database that has a ledger."""
    await (await connect()).execute("create table public.ledger (amount integer)")
    opened = open_engine(database_url, 2, 30.0)
    yield opened
    await opened.dispose()


async def started(connection: Connection) -> tuple[UUID, asyncpg.Record]:
    """A claimed job and the executor that holds it."""
    executor_id = await start_executor(connection)
    await submit(connection, ticket())
    (row,) = await claim(connection, executor_id=executor_id)
    return executor_id, row


async def written(connection: Connection) -> int:
    counted: int = await connection.fetchval("select count(*) from public.ledger")
    return counted


async def test_the_writes_of_a_handler_commit_with_its_completion(connect: Connect, engine: AsyncEngine) -> None:
    connection = await connect()
    executor_id, row = await started(connection)
    async with open_session(engine) as session:
        await session.execute(WRITE)
        assert (await written(connection), await place(connection, row["job_id"])) == (0, "RUNNING")
        assert await complete(session, executor_id, ending(row)) == set()
        assert (await written(connection), await place(connection, row["job_id"])) == (1, "SUCCEEDED")
    assert await outcomes(connection, row["job_id"]) == ["succeeded"]


async def test_a_handler_that_wrote_nothing_completes_all_the_same(connect: Connect, engine: AsyncEngine) -> None:
    connection = await connect()
    executor_id, row = await started(connection)
    async with open_session(engine) as session:
        await complete(session, executor_id, ending(row))
    assert await place(connection, row["job_id"]) == "SUCCEEDED"


async def test_the_writes_of_a_stale_claim_are_rolled_back(connect: Connect, engine: AsyncEngine) -> None:
    connection = await connect()
    executor_id, row = await started(connection)

    async def handler() -> None:
        async with open_session(engine) as session:
            await session.execute(WRITE)
            await workers.retire(connection, executor_id)
            await rescue(connection, [executor_id], lambda token: "unstarted", Limits(3, 10))
            await complete(session, executor_id, ending(row))

    with pytest.raises(LostClaim):
        await handler()
    assert (await written(connection), await place(connection, row["job_id"])) == (0, "READY")


async def test_the_writes_of_a_handler_that_fails_are_rolled_back(connect: Connect, engine: AsyncEngine) -> None:
    connection = await connect()
    _, row = await started(connection)

    async def handler() -> None:
        async with open_session(engine) as session:
            await session.execute(WRITE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await handler()
    assert (await written(connection), await place(connection, row["job_id"])) == (0, "RUNNING")


async def test_a_handler_cannot_commit_past_the_fence(connect: Connect, engine: AsyncEngine) -> None:
    connection = await connect()
    await started(connection)

    async def handler() -> None:
        async with open_session(engine) as session:
            await session.execute(WRITE)
            await session.commit()

    with pytest.raises(Misconfigured, match="EasyFlow commits it"):
        await handler()
    assert await written(connection) == 0


async def test_a_completion_tells_which_keys_may_go_on(connect: Connect, engine: AsyncEngine) -> None:
    connection = await connect()
    await submit(connection, concurrent())
    await admit(connection, [key()])
    (row,) = await claim(connection)
    async with open_session(engine) as session:
        assert await complete(session, uuid4(), ending(row)) == {key()}
