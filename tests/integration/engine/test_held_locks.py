"""Someone holds a lock for long, or stands still with it: only what he holds waits, and nobody waits with it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest

from easyflow.engine import connection as engine_connection
from easyflow.engine.connection import LOST, HeldConnection
from easyflow.engine.finisher import Finisher
from easyflow.engine.marks import Marks
from easyflow.storage import admission, queues
from easyflow.storage.queues import QueueSettings
from tests.conftest import Connect
from tests.support.factories import claim, concurrent, ending, key, outcomes, place, start_executor, submit, submit_many
from tests.support.hands import Hands, claiming
from tests.support.site import Site, job
from tests.support.waiting import until
from tests.support.worker import running_worker

LOCK_SECONDS = engine_connection.LOCK_SECONDS
Finish = Callable[..., Awaitable[None]]


@pytest.fixture
async def connection(connect: Connect) -> asyncpg.Connection:
    """What looks on."""
    return await connect()


@pytest.fixture
async def holder(connect: Connect) -> asyncpg.Connection:
    """What holds locks, in a window somebody forgot."""
    return await connect()


@pytest.fixture
async def marks() -> Marks:
    """The marks of the finisher's executor."""
    return Marks.create(64)


@pytest.fixture
async def finisher(connection: asyncpg.Connection, database_url: str, marks: Marks) -> AsyncIterator[Finisher]:
    """A finisher of this process."""
    held = HeldConnection(database_url, "finish")
    made = Finisher(held, await start_executor(connection), marks, *[lambda: None] * 3)
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await held.close()


async def until_state(connection: asyncpg.Connection, state: str, ids: list[UUID], seconds: float) -> None:
    """Wait until all these jobs are there."""

    async def there() -> bool:
        return [await place(connection, job_id) for job_id in ids] == [state] * len(ids)

    await until(seconds, there, lambda: f"not all {len(ids)} are {state}")


async def test_an_ending_whose_lease_someone_holds_waits_alone(
    connection: asyncpg.Connection, holder: asyncpg.Connection, finisher: Finisher, marks: Marks
) -> None:
    ids = await submit_many(connection, 6)
    rows = {row["job_id"]: row for row in await claim(connection, 6)}
    async with holder.transaction():
        await holder.execute("select from easyflow.leases where job_id = $1 for update", ids[0])
        for job_id in ids[:4]:
            finisher.add(ending(rows[job_id]), marks.begin(rows[job_id]["claim_token"].bytes, 1e9))
        # The first time it costs the lock timeout to know who is in the way; from then on it is known.
        await until_state(connection, "SUCCEEDED", ids[1:4], LOCK_SECONDS + 2)
        began = time.monotonic()
        for job_id in ids[4:]:
            finisher.add(ending(rows[job_id]), marks.begin(rows[job_id]["claim_token"].bytes, 1e9))
        await until_state(connection, "SUCCEEDED", ids[4:], 5)
        assert time.monotonic() - began < LOCK_SECONDS
        assert [mark.token for mark in marks.started()] == [rows[ids[0]]["claim_token"].bytes]
        assert (await place(connection, ids[0]), finisher.tokens()) == ("RUNNING", {rows[ids[0]]["claim_token"]})
    async with asyncio.timeout(5):
        await finisher.drained()
    assert await outcomes(connection, ids[0]) == ["succeeded"]
    assert list(marks.started()) == []


async def test_a_key_whose_row_someone_holds_keeps_no_other_key_waiting(
    connection: asyncpg.Connection, holder: asyncpg.Connection, finisher: Finisher
) -> None:
    await queues.change(connection, "default", actor="test", concurrency_per_key=2)
    names = [f"k{n}" for n in range(5)]
    ids = await submit(connection, *(concurrent(name) for name in names * 4))
    await admission.admit(connection, [key(name) for name in names])
    rows = {row["job_id"]: row for row in await claim(connection, 10)}
    async with holder.transaction():
        await holder.execute("select from easyflow.keys where key = 'k0' for update")
        # The first time it costs the lock timeout to know which key is held; from then on it is known.
        for ended, seconds in ((0, LOCK_SECONDS + 3), (5, LOCK_SECONDS)):
            for job_id in ids[ended : ended + 5]:
                finisher.add(ending(rows[job_id]), None)
            await until_state(connection, "READY", ids[ended + 11 : ended + 15], seconds)
        assert [await place(connection, ids[n]) for n in (10, 15)] == ["BLOCKED"] * 2
        began = time.monotonic()
        await admission.sweep(connection, admission.FIRST_KEY)
        assert time.monotonic() - began < LOCK_SECONDS
    await admission.sweep(connection, admission.FIRST_KEY)
    assert [await place(connection, ids[n]) for n in (10, 15)] == ["READY"] * 2


async def test_a_limited_queue_whose_row_someone_holds_keeps_no_other_queue_waiting(
    connection: asyncpg.Connection, holder: asyncpg.Connection, database_url: str
) -> None:
    await queues.change(connection, "narrow", actor="test", concurrency=5)
    held_up = await submit_many(connection, 5, queue="narrow")
    hands = Hands(database_url, await start_executor(connection), QueueSettings(("default",), ("narrow",)), room=200)
    async with claiming(hands):
        await until_state(connection, "RUNNING", held_up, 5)
        hands.accepted.clear()
        async with holder.transaction():
            await holder.execute("select from easyflow.queues where name = 'narrow' for update")
            waits: list[float] = []
            for _ in range(8):
                began = time.monotonic()
                ids = await submit_many(connection, 3)
                await until_state(connection, "RUNNING", ids, LOCK_SECONDS + 3)
                waits.append(time.monotonic() - began)
        # One turn may be the one that waits for the row; the others only look.
        assert sorted(waits)[-2] < LOCK_SECONDS / 2


async def test_a_frozen_backend_stops_nothing_but_what_it_holds(own_site: Site) -> None:
    frozen = await asyncpg.connect(own_site.url)
    with running_worker(own_site.url, own_site.trace, executors=2, concurrency=4) as worker:
        slow = await own_site.submit_all(job("test.slow_once", {"seconds": 60}) for _ in range(4))
        for job_id in slow:
            await own_site.until_traced("start", job_id)
        await frozen.execute("begin")
        await frozen.execute("select from easyflow.leases where job_id = $1 for update", slow[0])
        backend = frozen.get_server_pid()
        os.kill(backend, signal.SIGSTOP)
        try:
            ids = await own_site.submit_all(job("test.pure") for _ in range(50))
            assert set(await own_site.until_ended(*ids, seconds=10)) == {"SUCCEEDED"}
            killed = {each["pid"] for each in own_site.trace.events("start") if each["job"] in map(str, slow)}
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            assert set(await own_site.until_ended(*slow[1:], seconds=10)) == {"SUCCEEDED"}
            assert (await own_site.states(slow[:1]))[slow[0]] == "RUNNING"
        finally:
            os.kill(backend, signal.SIGCONT)
        await frozen.execute("rollback")
        assert await own_site.until_ended(slow[0]) == ["SUCCEEDED"]
        assert await own_site.outcomes(slow[0]) == ["lost", "succeeded"]
        complained_of_the_held = [each for each in worker.said("loop.failed") if each.get("loop") == "rescue"]
        assert complained_of_the_held == []
    await frozen.close()
    await own_site.assert_conserved()


async def test_a_client_that_stands_still_in_a_transaction_holds_its_rows_no_longer_than_the_server_bears(
    connection: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job_id,) = await submit_many(connection, 1)
    await claim(connection)
    monkeypatch.setattr(engine_connection, "IDLE_TRANSACTION_SECONDS", 0.3)
    held = HeldConnection(database_url, "still")

    async def stand_still() -> None:
        async with held.lent() as still, still.transaction():
            await still.execute("select from easyflow.leases where job_id = $1 for update", job_id)
            async with asyncio.timeout(5):
                await connection.execute("select from easyflow.leases where job_id = $1 for update", job_id)

    with pytest.raises(LOST):
        await stand_still()
    async with held.lent() as again:
        assert await again.fetchval("select 1") == 1
    await held.close()


async def test_the_server_bounds_what_a_held_connection_can_hold_up(database_url: str) -> None:
    held = HeldConnection(database_url, "bounds", 15.0)
    async with held.lent() as bounded:
        shown = {
            name: await bounded.fetchval(f"select current_setting('{name}')")
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout")
        }
    await held.close()
    assert shown == {
        "lock_timeout": "1s",
        "statement_timeout": "13500ms",
        "idle_in_transaction_session_timeout": "10s",
        "tcp_user_timeout": "10000",
    }


async def test_a_call_that_is_cut_off_anywhere_leaves_no_trace_on_the_next(database_url: str) -> None:
    held = HeldConnection(database_url, "cut off")

    async def talk() -> None:
        async with held.lent() as lent, lent.transaction():
            await lent.fetch("select pg_sleep(0.01)")
            await lent.fetch("select 1")

    for steps in range(60):
        talking = asyncio.create_task(talk())
        for _ in range(steps):
            await asyncio.sleep(0.0005)
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        async with held.lent() as clean:
            assert not clean.is_in_transaction()
            assert await clean.fetchval("select 1") == 1
    await held.close()
