"""When a supervisor may take jobs from others, and what becomes of those of its own that died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from easyflow.engine.crew import Plan
from easyflow.engine.housekeeping import Rescuer
from easyflow.engine.supervisor import RETURN_SECONDS, Supervisor
from easyflow.settings import Settings
from easyflow.storage.rescue import Limits
from tests.conftest import Connect
from tests.support.api import register_tasks, task_row
from tests.support.factories import claim, place, start_executor, submit_many, ticket_of
from tests.support.waiting import until

LIMITS = Limits(3, 10)


@pytest.fixture
async def supervisor(database_url: str) -> AsyncIterator[Supervisor]:
    """One that was never started."""
    known = Settings(database_url=database_url, lease_seconds=15.0, renew_seconds=5.0)
    supervisor = Supervisor(known, Plan(["default"], [], 1, 1))
    yield supervisor
    supervisor._fork_server.close()
    await supervisor._notices.close()  # what a turn of it rings is told by a task, which would outlive the database


@pytest.fixture
async def connection(connect: Connect) -> asyncpg.Connection:
    """A connection to a database that knows the task of the jobs below, which is pure."""
    opened = await connect()
    await register_tasks(opened, task_row())
    return opened


async def executor_state(connection: asyncpg.Connection, executor_id: UUID) -> str:
    state: str = await connection.fetchval("select state from easyflow.executors where id = $1", executor_id)
    return state


async def test_after_an_outage_others_get_time_to_renew_before_they_are_taken_for_dead(
    connection: asyncpg.Connection, supervisor: Supervisor
) -> None:
    other = await start_executor(connection, lease_seconds=-1.0)
    assert await supervisor._rescue(connection) == []
    await supervisor._renew(connection)
    assert await supervisor._rescue(connection) == []
    assert await executor_state(connection, other) == "live"
    supervisor._steady_since -= RETURN_SECONDS
    await supervisor._rescue(connection)
    assert await executor_state(connection, other) == "dead"


async def test_a_supervisor_that_lost_touch_itself_rescues_from_nobody(
    connection: asyncpg.Connection, supervisor: Supervisor
) -> None:
    other = await start_executor(connection, lease_seconds=-1.0)
    await supervisor._renew(connection)
    supervisor._steady_since -= 100.0
    supervisor._renewed_at -= 11.0
    assert await supervisor._rescue(connection) == []
    assert await executor_state(connection, other) == "live"
    await supervisor._renew(connection)
    assert await supervisor._rescue(connection) == []
    assert await executor_state(connection, other) == "live"


async def test_what_a_dying_statement_still_held_is_taken_back_by_the_next_turn_and_judged_by_its_mark(
    connection: asyncpg.Connection, connect: Connect
) -> None:
    dying = await connect()
    executor_id = await start_executor(connection)
    ids = await submit_many(connection, 3)
    rows = {row["job_id"]: row for row in await claim(connection, 3, executor_id=executor_id)}
    begun, waited, held = ids
    fates = {rows[begun]["claim_token"].bytes: "started", rows[held]["claim_token"].bytes: "started"}
    rescuer = Rescuer(LIMITS)
    async with dying.transaction():
        await dying.execute("select from easyflow.leases where job_id = $1 for update", held)
        await rescuer.take_back(connection, executor_id, fates)  # type: ignore[arg-type]
        assert [await place(connection, job_id) for job_id in ids] == ["READY", "READY", "RUNNING"]
        assert await rescuer.run_once(connection) == []
    (moved,) = await rescuer.run_once(connection)
    assert moved["job_id"] == held
    charged = [await ticket_of(connection, job_id) for job_id in ids]
    assert [(row["losses"], row["unstarted"]) for row in charged] == [(1, 0), (0, 1), (1, 0)]
    assert await ticket_of(connection, waited) == charged[1]


async def test_what_another_workers_dead_executor_held_is_charged_as_never_begun(
    connection: asyncpg.Connection,
) -> None:
    executor_id = await start_executor(connection, lease_seconds=-1.0)
    ids = await submit_many(connection, 2)
    await claim(connection, 2, executor_id=executor_id)
    assert len(await Rescuer(LIMITS).run_once(connection)) == 2
    for job_id in ids:
        row = await ticket_of(connection, job_id)
        assert (row["losses"], row["unstarted"], row["state"]) == (0, 1, "READY")


async def test_a_claim_that_commits_just_after_its_executor_died_is_taken_back_with_the_rest(
    connection: asyncpg.Connection, connect: Connect
) -> None:
    dying = await connect()
    executor_id = await start_executor(connection)
    ids = await submit_many(connection, 3)
    claiming = dying.transaction()
    await claiming.start()
    await claim(dying, 3, executor_id=executor_id)
    rescuing = asyncio.create_task(Rescuer(LIMITS).take_back(await connect(), executor_id, {}))

    async def retired() -> bool:
        return await executor_state(connection, executor_id) == "dead"

    await until(5, retired)
    await claiming.commit()
    await rescuing
    assert [await place(connection, job_id) for job_id in ids] == ["READY"] * 3
