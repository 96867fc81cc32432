"""What a claim took is never forgotten, even when its reply does not come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from easyflow.engine import claimer as claiming
from easyflow.engine.claimer import Claimer, Room
from easyflow.engine.connection import HeldConnection
from easyflow.storage import claims
from easyflow.storage.queues import QueueSettings
from tests.conftest import Connect
from tests.support.factories import TASK, start_executor, submit_many, ticket_of
from tests.support.site import Site, job
from tests.support.waiting import until
from tests.support.worker import running_worker


async def every_task(connection: asyncpg.Connection) -> list[str]:
    """What a guard without objections says."""
    return [TASK]


Start = Callable[[], Coroutine[Any, Any, list[asyncpg.Record]]]


@pytest.fixture
async def start(database_url: str, connect: Connect) -> AsyncIterator[Start]:
    """Call it to start a claimer in this process; the list it returns grows by what is claimed."""
    tasks: list[tuple[Claimer, asyncio.Task[None]]] = []

    async def begin() -> list[asyncpg.Record]:
        accepted: list[asyncpg.Record] = []
        made = Claimer(
            HeldConnection(database_url, "claim"),
            await start_executor(await connect()),
            every_task,
            lambda: Room(20, len(accepted)),
            accepted.extend,
            0.05,
            1,
            QueueSettings(("default",), ()),
        )
        tasks.append((made, asyncio.create_task(made.run())))
        return accepted

    yield begin
    for made, task in tasks:
        made.stop()
        await task
        await made.connection.close()


async def until_held(connection: asyncpg.Connection, accepted: list[asyncpg.Record], ids: list[UUID]) -> None:
    """Wait until the claimer knows every job it holds, and fail if it holds one it does not know."""

    async def all_known() -> bool:
        return {row["job_id"] for row in accepted} == set(ids)

    await until(10, all_known, lambda: f"{len(accepted)} of {len(ids)}")
    held = await connection.fetch("select claim_token from easyflow.leases")
    assert {row["claim_token"] for row in held} == {row["claim_token"] for row in accepted}
    for job_id in ids:
        row = await ticket_of(connection, job_id)
        assert [row[name] for name in ("retry_count", "losses", "unstarted")] == [0, 0, 0]


async def test_what_a_claim_took_whose_reply_was_lost_is_handed_back_and_claimed_again(
    connect: Connect, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await connect()
    lost = 0

    async def claim_unheard(connection: asyncpg.Connection, **asked: Any) -> list[asyncpg.Record]:
        nonlocal lost
        rows = await claims.claim(connection, **asked)
        if rows and not lost:
            lost = len(rows)
            raise asyncpg.ConnectionDoesNotExistError("the reply was lost")
        return rows

    monkeypatch.setattr(claiming, "claim", claim_unheard)
    ids = await submit_many(connection, 12)
    await until_held(connection, await start(), ids)
    assert lost == 12


async def test_a_claim_that_commits_after_its_connection_was_given_up_is_found(
    connect: Connect, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, slow = await connect(), await connect()
    looked = asyncio.Event()
    late: list[asyncio.Task[list[asyncpg.Record]]] = []

    async def claim_late(connection: asyncpg.Connection, **asked: Any) -> list[asyncpg.Record]:
        async def commit_when_nobody_looks_any_more() -> list[asyncpg.Record]:
            await looked.wait()
            return await claims.claim(slow, **asked)

        if not late:
            late.append(asyncio.create_task(commit_when_nobody_looks_any_more()))
            raise asyncpg.ConnectionDoesNotExistError("cut off while the server still works")
        return await claims.claim(connection, **asked) if late[0].done() else []

    async def look(*asked: Any) -> int:
        found = await claims.hand_back_claims(*asked)
        looked.set()
        return found

    monkeypatch.setattr(claiming, "claim", claim_late)
    monkeypatch.setattr(claiming, "hand_back_claims", look)
    ids = await submit_many(connection, 5)
    await until_held(connection, await start(), ids)
    assert len(late[0].result()) == 5


async def test_a_call_that_comes_while_a_claim_is_under_way_is_not_lost(
    connect: Connect, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await connect()
    executor_id = await start_executor(connection)
    accepted: list[asyncpg.Record] = []
    made = Claimer(
        HeldConnection(database_url, "claim"),
        executor_id,
        every_task,
        lambda: Room(20, len(accepted)),
        accepted.extend,
        30.0,  # nothing is found by polling here
        1,
        QueueSettings(("default",), ()),
    )
    called = False

    async def claim_too_early(connection: asyncpg.Connection, **asked: Any) -> list[asyncpg.Record]:
        nonlocal called
        rows = await claims.claim(connection, **asked)
        if not called:
            called = True
            await submit_many(await connect(), 1)
            made.arrived.set()
            return []
        return rows

    monkeypatch.setattr(claiming, "claim", claim_too_early)
    running = asyncio.create_task(made.run())

    async def claimed() -> bool:
        return len(accepted) == 1

    await until(5, claimed)
    made.stop()
    await running
    await made.connection.close()


async def test_what_was_claimed_ahead_of_slow_jobs_is_begun_by_whoever_has_room(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, executors=1, concurrency=4):
        # Short jobs first: at their pace the executor claims ahead, and so holds some of those behind the slow ones.
        await own_site.until_ended(*await own_site.submit_all(job("test.pure") for _ in range(300)))
        ids = await own_site.submit_all(
            [*(job("test.slow_once", {"seconds": 60}) for _ in range(4)), *(job("test.pure") for _ in range(20))]
        )
        slow, short = ids[:4], ids[4:]
        for job_id in slow:
            await own_site.until_traced("start", job_id)
        with running_worker(own_site.url, own_site.trace, executors=1, concurrency=4):
            assert set(await own_site.until_ended(*short)) == {"SUCCEEDED"}
        assert set((await own_site.states(slow)).values()) == {"RUNNING"}
        charged = "select coalesce(sum(retry_count + losses + unstarted), 0) from easyflow.job_states"
        assert await own_site.connection.fetchval(charged) == 0
        for job_id in slow:
            await own_site.cancel(job_id)
        assert set(await own_site.until_ended(*slow)) == {"CANCELLED"}
    await own_site.assert_conserved()
