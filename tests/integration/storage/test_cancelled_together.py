"""Jobs that are cancelled together, and jobs that are stored together: those that were named, each as it is its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from easyflow.domain.states import Effects
from easyflow.storage.sql import Connection, statement
from easyflow.storage.tasks import TaskRow, register
from tests.conftest import Connect
from tests.support.factories import (
    DOUBT,
    assert_conserved,
    claim,
    concurrent,
    end,
    place,
    ready,
    running,
    scheduled,
    submit,
)

Stand = Callable[[Connection], Awaitable[UUID]]


async def blocked(connection: Connection) -> UUID:
    (job_id,) = await submit(connection, concurrent())
    return job_id


async def in_doubt(connection: Connection) -> UUID:
    job_id = await ready(connection)
    await end(connection, await claim(connection), DOUBT)
    return job_id


async def waiting(connection: Connection) -> UUID:
    """In a state that the table knows and no statement reaches."""
    job_id = await scheduled(connection)
    await connection.execute("update easyflow.parked set state = 'WAITING' where job_id = $1", job_id)
    return job_id


STANDS: dict[str, tuple[Stand, str]] = {
    "READY": (ready, "CANCELLED"),
    "SCHEDULED": (scheduled, "CANCELLED"),
    "BLOCKED": (blocked, "CANCELLED"),
    "RUNNING": (running, "RUNNING"),
    "IN_DOUBT": (in_doubt, "IN_DOUBT"),
    "WAITING": (waiting, "WAITING"),
}


async def asked_to_stop(connection: Connection) -> set[UUID]:
    rows = await connection.fetch("select job_id from easyflow.leases where cancel_requested")
    return {row["job_id"] for row in rows}


@pytest.mark.parametrize("state", STANDS)
async def test_of_jobs_that_stand_alike_the_named_one_alone_is_cancelled(connect: Connect, state: str) -> None:
    connection = await connect()
    stand, becomes = STANDS[state]
    older, named, younger = [await stand(connection) for _ in range(3)]
    moved = await statement("cancel_run_jobs").fetch(connection, job_ids=[named])
    assert [row["job_id"] for row in moved] == ([named] if becomes == "CANCELLED" else [])
    assert [await place(connection, each) for each in (older, named, younger)] == [state, becomes, state]
    assert await asked_to_stop(connection) == ({named} if state == "RUNNING" else set())
    await assert_conserved(connection, 3)


async def test_who_was_asked_to_stop_is_not_written_again(connect: Connect) -> None:
    connection = await connect()
    job_id = await running(connection)
    rows = []
    for _ in range(2):
        await statement("cancel_run_jobs").fetch(connection, job_ids=[job_id])
        rows.append(await connection.fetchval("select xmin::text from easyflow.leases where job_id = $1", job_id))
    assert rows[0] == rows[1]


async def test_a_job_in_a_state_of_no_transition_is_not_cancelled(connect: Connect) -> None:
    connection = await connect()
    job_id = await waiting(connection)
    assert await statement("cancel_waiting_job").fetch(connection, job_id=job_id) == []
    assert await place(connection, job_id) == "WAITING"


async def test_jobs_of_steps_without_a_queue_go_to_that_of_their_task(connect: Connect) -> None:
    connection = await connect()
    queues = {"letters.print": "printer", "letters.send": "post"}
    await register(
        connection,
        [TaskRow(name, Effects.PURE, queue, 5, 60.0, "shared", "d", "", "{}", None) for name, queue in queues.items()],
    )
    tasks, own = ["letters.send", "letters.print", "letters.send", "nobody.knows"], [None, None, "urgent", None]
    same: dict[str, Any] = {"priorities": 0, "payloads": "{}", "max_attempts": 3, "timeouts": 60.0, "items": None}
    await statement("enqueue_step_jobs").fetch(
        connection,
        ids=[uuid7() for _ in tasks],
        run_ids=[None] * 4,
        step_nos=[None] * 4,
        parts=[None] * 4,
        tasks=tasks,
        queues=own,
        **{name: [value] * 4 for name, value in same.items()},
    )
    stored = await connection.fetch("select queue from easyflow.ready order by ready_seq")
    assert [row["queue"] for row in stored] == ["post", "printer", "urgent", "default"]
