"""Schedules for tests: plans, and a stand-in for what starts runs, which stores a row for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from easyflow.domain.due import CatchUp, Overlap
from easyflow.domain.timing import Cron, Timing
from easyflow.errors import Missing
from easyflow.storage import schedules, slots
from easyflow.storage.backfill import Backfilled, backfill
from easyflow.storage.database import committed
from easyflow.storage.runs.acts import Caller
from easyflow.storage.schedules import Plan
from easyflow.storage.slots import Ticked
from easyflow.storage.sql import Connection
from tests.support.factories import stop_clock

ANN = Caller("ann", "because")
NAME = "nightly"
WORKFLOW = "report"
HOURLY = Cron("0 * * * *")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

Pause = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Go on at once."""


class Starter:
    """Starts a run by storing its row, after `before_storing`; `refusal` is raised instead. Cancelling ends runs."""

    def __init__(self, before_storing: Pause = nothing) -> None:
        self.refusal: Exception | None = None
        self.inputs: list[Any] = []
        self.told: list[UUID] = []
        self.ends_at_once = True
        self._before_storing = before_storing
        self._started: list[UUID] = []

    async def start(
        self,
        connection: Connection,
        workflow: str,
        input: Any,
        /,
        *,
        tags: Sequence[str],
        schedule: str,
        slot: datetime,
    ) -> UUID:
        """Store a run; it is RUNNING until somebody ends it."""
        if self.refusal is not None:
            raise self.refusal
        if workflow != WORKFLOW:
            raise Missing(f"there is no workflow {workflow}")
        await self._before_storing()
        run_id = UUID(int=uuid7().int)
        await connection.execute(
            """
            insert into easyflow.runs (id, created_at, started_at, version, digest, state, workflow, input, schedule,
                                       slot)
            values ($1, easyflow.clock(), easyflow.clock(), 1, '', 'RUNNING', $2, 'null', $3, $4)
            """,
            run_id,
            workflow,
            schedule,
            slot,
        )
        self.inputs.append(input)
        self._started.append(run_id)
        return run_id

    async def cancel(self, connection: Connection, run_id: UUID, /, *, reason: str) -> None:
        """End a run, unless its end is to come later."""
        if self.ends_at_once:
            await end_run(connection, run_id, "CANCELLED", reason)

    async def committed(self, connection: Connection) -> list[dict[str, str]]:
        """Take down what was told behind the commit."""
        assert not connection.is_in_transaction()
        self.told += self._started
        self._started = []
        return []


async def end_run(connection: Connection, run_id: UUID, state: str = "SUCCEEDED", reason: str | None = None) -> None:
    """Let a run be over."""
    await connection.execute(
        "update easyflow.runs set state = $2, reason = $3, finished_at = easyflow.clock() where id = $1",
        run_id,
        state,
        reason,
    )


async def end_runs(connection: Connection) -> None:
    """Let every run be over that is not."""
    for row in await connection.fetch("select id from easyflow.runs where finished_at is null order by id"):
        await end_run(connection, row["id"])


async def make_workflow(connection: Connection) -> None:
    """Store the workflow that schedules of tests start."""
    await connection.execute(
        """
        insert into easyflow.workflows (name, version, digest, definition, created_at, created_by)
        values ($1, 1, '', '{}', easyflow.clock(), 'test')
        """,
        WORKFLOW,
    )


async def make_schedule(
    connection: Connection, timing: Timing = HOURLY, *, name: str = NAME, at: datetime = NOON, **said: Any
) -> asyncpg.Record:
    """Store a schedule, and the workflow it starts, while the clock stands at `at`."""
    await stop_clock(connection, at)
    if not await connection.fetchval("select exists (select from easyflow.workflows)"):
        await make_workflow(connection)
    async with committed(connection):
        return await schedules.create(connection, name, plan(timing, **said), ANN)


def plan(timing: Timing = HOURLY, **said: Any) -> Plan:
    """What a schedule of a test says."""
    usual: dict[str, Any] = {"workflow": WORKFLOW, "overlap": Overlap.SKIP, "catch_up": CatchUp.LAST}
    return Plan(timing=timing, **{**usual, **said})


async def tick(connection: Connection, starter: Starter | None = None, name: str = NAME) -> Ticked:
    """Tick one schedule in a transaction of its own."""
    by = starter or Starter()
    async with committed(connection):
        return await slots.tick(connection, name, by.start, by.cancel)


async def tick_at(connection: Connection, at: datetime, starter: Starter | None = None) -> Ticked:
    """Tick while the clock stands at `at`."""
    await stop_clock(connection, at)
    return await tick(connection, starter)


async def fill(connection: Connection, first: datetime, last: datetime, **said: Any) -> Backfilled:
    """Backfill in a transaction of its own."""
    async with committed(connection):
        return await backfill(connection, NAME, first, last, said.pop("start", Starter().start), ANN, **said)


async def outcomes(connection: Connection, name: str = NAME) -> list[tuple[str, datetime]]:
    """What became of each slot, by slot: outcome and slot; a missed stretch by its first."""
    rows = await connection.fetch(
        "select outcome, slot from easyflow.schedule_slots where schedule = $1 order by slot, id", name
    )
    return [(row["outcome"], row["slot"]) for row in rows]


async def details(connection: Connection, name: str = NAME) -> list[str | None]:
    """The details of what became of each slot, by slot."""
    rows = await connection.fetch(
        "select detail from easyflow.schedule_slots where schedule = $1 order by slot, id", name
    )
    return [row["detail"] for row in rows]


async def run_slots(connection: Connection) -> list[datetime]:
    """The slots of all runs, oldest first."""
    rows = await connection.fetch("select slot from easyflow.runs order by slot")
    return [row["slot"] for row in rows]
