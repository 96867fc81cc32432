"""Whom a release sets aside, where jobs are ready and where they wait: each rule has a neighbour whom it spares."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from easyflow.domain.states import Effects
from easyflow.storage import in_doubt, timeline
from easyflow.storage.admission import admit
from easyflow.storage.database import committed
from easyflow.storage.sql import Connection, statement
from easyflow.storage.tasks import register
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import DOUBT, FIRST_ID, RETRY_LATER, claim, end, key, place, stop_clock, submit, ticket
from tests.support.lost_time import release, task_row, tripped, watched, window

# Where a job waits: its ticket's table, and what its submit says.
WAITS: dict[str, dict[str, Any]] = {"ready": {}, "parked": {"delay_seconds": 60.0}}


@pytest.fixture
async def connection(connect: Connect) -> Connection:
    """A database that was found changed; tasks are named by their class."""
    return await watched(await connect())


async def released(connection: Connection, **lost: float) -> int:
    """Trip the guard and say which hours were lost; the version of the release."""
    kept = await tripped(connection)
    return await release(connection, kept.version, await window(connection, **lost))


async def settle(connection: Connection, job_id: UUID, version: int) -> None:
    async with committed(connection):
        await in_doubt.settle(
            connection, job_id, outcome="did_not_happen", seen_version=version, reason="the bank says so", actor="ann"
        )


@pytest.mark.parametrize("waits", WAITS)
async def test_a_window_concerns_nobody_but_tasks_with_keys(connection: Connection, waits: str) -> None:
    await register(connection, [task_row("odd", Effects.QUERYABLE, 60.0)])
    odd, keyed = await submit(connection, *(ticket(task=name, **WAITS[waits]) for name in ("odd", "window")))
    await released(connection, hours=2.0)
    assert await timeline.review(connection) == "watching"
    assert (await place(connection, odd), await place(connection, keyed)) == (
        "READY" if waits == "ready" else "SCHEDULED",
        "IN_DOUBT",
    )


@pytest.mark.parametrize("waits", WAITS)
async def test_what_came_after_the_lost_time_stays_where_it_waits(connection: Connection, waits: str) -> None:
    kept = await tripped(connection)
    lost = await window(connection)
    await stop_clock(connection, lost[1])
    (later,) = await submit(connection, ticket(task="unsafe", **WAITS[waits]))
    await release(connection, kept.version, lost)
    assert await timeline.review(connection) == "watching"
    assert await place(connection, later) == ("READY" if waits == "ready" else "SCHEDULED")


@pytest.mark.parametrize("waits", WAITS)
async def test_a_ticket_that_somebody_holds_is_waited_for_by_nobody_and_set_aside_when_it_is_free(
    connection: Connection, connect: Connect, waits: str
) -> None:
    (job_id,) = await submit(connection, ticket(task="unsafe", **WAITS[waits]))
    await released(connection)
    holder = await connect()
    async with holder.transaction():
        await holder.execute(f"select from easyflow.{waits} for update")
        async with asyncio.timeout(10):
            assert await timeline.review(connection) == "releasing"
    assert await timeline.review(connection) == "watching"
    assert await place(connection, job_id) == "IN_DOUBT"


@pytest.mark.parametrize("waits", WAITS)
async def test_a_chunk_is_what_follows_the_last_one(connection: Connection, waits: str) -> None:
    first, second, third = sorted(await submit(connection, *(ticket(task="unsafe", **WAITS[waits]) for _ in range(3))))
    version = await released(connection)
    lost_from, lost_until = await window(connection)
    said = {"release": version, "lost_from": lost_from, "lost_until": lost_until, "actor": "ann", "reason": "it burned"}
    chunk = statement(f"review_{waits}_jobs")
    moved = await chunk.fetch(connection, after=first, max_jobs=1, **said)
    assert [row["job_id"] for row in moved] == [second]
    assert {row["job_id"] for row in await chunk.fetch(connection, after=FIRST_ID, max_jobs=9, **said)} == {
        first,
        third,
    }


@pytest.mark.parametrize("waits", WAITS)
async def test_what_was_in_doubt_before_and_is_settled_is_set_aside_by_the_next_release(
    connection: Connection, waits: str
) -> None:
    (job_id,) = await submit(connection, ticket(task="unsafe"))
    await released(connection)
    assert await timeline.review(connection) == "watching"
    await settle(connection, job_id, 0)
    if waits == "ready":
        await acts.run_now(connection, job_id, actor="ann", reason=None)
    await released(connection)
    assert await timeline.review(connection) == "watching"
    assert await place(connection, job_id) == "IN_DOUBT"
    assert await connection.fetchval("select count(*) from easyflow.job_events where kind = 'in doubt'") == 2


async def test_what_was_settled_under_this_release_may_run_before_it_is_done(connection: Connection) -> None:
    settled, running = await submit(connection, ticket(task="unsafe"), ticket(task="unsafe", priority=-1))
    assert [row["job_id"] for row in await claim(connection, tasks=["unsafe"])] == [running]
    await released(connection)
    assert await timeline.review(connection) == "releasing"
    await settle(connection, settled, 0)
    await acts.run_now(connection, settled, actor="ann", reason=None)
    assert await timeline.review(connection) == "releasing"
    assert await place(connection, settled) == "READY"


async def test_what_is_in_doubt_already_keeps_its_own_reason(connection: Connection) -> None:
    (job_id,) = await submit(connection, ticket(task="unsafe"))
    await end(connection, await claim(connection, tasks=["unsafe"]), DOUBT)
    await released(connection)
    assert await timeline.review(connection) == "watching"
    assert await place(connection, job_id) == "IN_DOUBT"
    (event,) = await connection.fetch("select reason from easyflow.job_events")
    assert event["reason"] == DOUBT.reason
    assert (await timeline.describe(connection))["parked"] == 0


async def test_what_waited_behind_the_head_of_its_order_does_not_hold_the_key_when_set_aside(
    connection: Connection,
) -> None:
    (behind,) = await submit(connection, ticket(task="unsafe", key="k", ordered=True))
    kept = await tripped(connection)
    lost = await window(connection)
    await stop_clock(connection, lost[1])
    (later,) = await submit(connection, ticket(task="pure", key="k", ordered=True))
    await release(connection, kept.version, lost)
    assert await timeline.review(connection) == "watching"
    await admit(connection, [key(in_order=True)])
    assert (await place(connection, behind), await place(connection, later)) == ("IN_DOUBT", "READY")


async def test_the_head_of_an_order_that_waits_for_a_retry_keeps_its_key_when_set_aside(connection: Connection) -> None:
    (head,) = await submit(connection, ticket(task="unsafe", key="k", ordered=True))
    await admit(connection, [key(in_order=True)])
    await end(connection, await claim(connection, tasks=["unsafe"]), RETRY_LATER)
    kept = await tripped(connection)
    lost = await window(connection)
    await stop_clock(connection, lost[1])
    (later,) = await submit(connection, ticket(task="pure", key="k", ordered=True))
    await release(connection, kept.version, lost)
    assert await timeline.review(connection) == "watching"
    await admit(connection, [key(in_order=True)])
    assert (await place(connection, head), await place(connection, later)) == ("IN_DOUBT", "BLOCKED")
