"""Locks that hold submits up, so that a test decides when a commit goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.conftest import Connect
from tests.support.api import Api
from tests.support.waiting import until


@asynccontextmanager
async def inserts_held(connect: Connect) -> AsyncIterator[None]:
    """Nobody can store a job while this lasts."""
    holder = await connect()
    async with holder.transaction():
        await holder.execute("lock table easyflow.jobs in share row exclusive mode")
        yield


async def held_up(api: Api) -> list[int]:
    """The server processes that stand behind a lock."""
    rows = await api.connection.fetch(
        "select pid from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0"
    )
    return [row["pid"] for row in rows]


async def one_held_up_and_others_waiting(api: Api, others: int) -> None:
    """Return once one commit stands behind a lock and so many submits wait for the next."""

    async def so() -> bool:
        return len(await held_up(api)) == 1 and api.backend.group.waiting == others

    await until(10, so, lambda: f"{api.backend.group.waiting} wait")


@asynccontextmanager
async def keys_held(connect: Connect, count: int) -> AsyncIterator[list[str]]:
    """Idempotency keys that an open transaction holds while this lasts."""
    holder = await connect()
    held = holder.transaction()
    await held.start()
    await holder.execute(
        "insert into easyflow.idempotency_keys"
        " select 'job', 'held ' || n, '', array[gen_random_uuid()], now() from generate_series(1, $1) n",
        count,
    )
    yield [f"held {n}" for n in range(1, count + 1)]
    await held.rollback()


@asynccontextmanager
async def key_held(connect: Connect, kind: str = "act", key: str = "k1") -> AsyncIterator[None]:
    """A key that another transaction holds while this lasts, and then gives back."""
    holder = await connect()
    held = holder.transaction()
    await held.start()
    await holder.execute("insert into easyflow.idempotency_keys values ($1, $2, '', '{}', now())", kind, key)
    yield
    await held.rollback()
