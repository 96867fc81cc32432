"""The loop of schedules: on time, past whatever fails, and any number of them beside each other."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
import structlog

from easyflow.domain.due import CatchUp, Overlap
from easyflow.domain.timing import Every
from easyflow.engine import scheduler
from easyflow.engine.scheduler import Scheduler
from easyflow.errors import StorageUnavailable
from easyflow.storage import schedules
from easyflow.storage.database import committed
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import stop_clock
from tests.support.schedules import (
    ANN,
    NOON,
    Starter,
    make_schedule,
    make_workflow,
    outcomes,
    plan,
    run_slots,
)
from tests.support.waiting import until

HOUR = timedelta(hours=1)


async def test_a_turn_starts_what_is_due_and_tells_of_it_behind_the_commit(connect: Connect) -> None:
    connection = await connect()
    for name in ("a", "b", "c"):
        await make_schedule(connection, name=name)
    await stop_clock(connection, NOON + HOUR)
    starter = Starter()
    await Scheduler(lambda: starter, 0.25).run_once(connection)
    rows = await connection.fetch("select id, schedule from easyflow.runs order by schedule")
    assert [row["schedule"] for row in rows] == ["a", "b", "c"]
    assert starter.told == [row["id"] for row in rows]


class Told(Starter):
    """Has jobs in a queue once its runs are committed."""

    async def committed(self, connection: Connection) -> list[dict[str, str]]:
        """Say which queue."""
        await super().committed(connection)
        return [{"queue": "reports"}]


async def test_a_turn_returns_the_queues_that_got_jobs(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await stop_clock(connection, NOON + HOUR)
    assert await Scheduler(Told, 0.25).run_once(connection) == [{"queue": "reports"}]


class Broken(Starter):
    """Cannot start what the schedule `b` asks for."""

    async def start(self, connection: Connection, *said: object, **more: object) -> UUID:
        """Fail for one schedule, in a way nobody foresaw."""
        if more["schedule"] == "b":
            raise RuntimeError("a defect")
        return await super().start(connection, *said, **more)  # type: ignore[arg-type]


async def test_a_schedule_that_fails_does_not_stop_the_others_and_is_tried_again(connect: Connect) -> None:
    connection = await connect()
    for name in ("a", "b", "c"):
        await make_schedule(connection, name=name)
    await stop_clock(connection, NOON + HOUR)
    broken = Scheduler(Broken, 0.001)
    with structlog.testing.capture_logs() as said:
        await broken.run_once(connection)
    assert [(each["event"], each["loop"]) for each in said] == [("loop.failed", "schedule b")]
    started = await connection.fetch("select schedule from easyflow.runs order by schedule")
    assert [row["schedule"] for row in started] == ["a", "c"]
    assert await outcomes(connection, "b") == []
    await Scheduler(Starter, 0.25).run_once(connection)
    assert await outcomes(connection, "b") == [("started", NOON + HOUR)]


async def test_what_was_refused_or_missed_is_said(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, workflow="ghost")
    await stop_clock(connection, NOON + 3 * HOUR)
    with structlog.testing.capture_logs() as said:
        await Scheduler(Starter, 0.25).run_once(connection)
    assert [(each["event"], each["why"]) for each in said] == [
        ("slot.refused", "there is no workflow ghost"),
        ("slots.missed", "nothing could start it in time, and only the last missed slot is made up for"),
    ]
    assert (said[1]["slots"], said[1]["first"], said[1]["last"]) == (
        2, "2030-01-01T13:00:00+00:00", "2030-01-01T14:00:00+00:00",
    )  # fmt: skip


async def test_a_lost_database_is_the_callers(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await stop_clock(connection, NOON + HOUR)
    starter = Starter()
    starter.refusal = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await Scheduler(lambda: starter, 0.25).run_once(connection)


async def test_a_run_that_somebody_holds_leaves_its_schedule_to_the_next_turn(connect: Connect) -> None:
    connection, other = await connect(), await connect()
    await make_schedule(connection, overlap=Overlap.CANCEL)
    starter = Starter()
    loop = Scheduler(lambda: starter, 0.001)
    await stop_clock(connection, NOON + HOUR)
    await loop.run_once(connection)
    await stop_clock(connection, NOON + 2 * HOUR)
    await connection.execute("set lock_timeout = '10ms'")
    with structlog.testing.capture_logs() as said:
        async with other.transaction():
            await other.execute("select from easyflow.runs for no key update")
            await loop.run_once(connection)
        assert [outcome for outcome, _ in await outcomes(connection)] == ["started"]

        async def replaced() -> bool:
            await loop.run_once(connection)
            return [outcome for outcome, _ in await outcomes(connection)] == ["started", "started"]

        await until(10, replaced)
    assert said == []


async def test_a_turn_that_takes_long_goes_on_behind_the_last_name_next_time(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "TURN_SECONDS", 0.0)
    connection = await connect()
    for name in ("a", "b", "c"):
        await make_schedule(connection, name=name)
    await stop_clock(connection, NOON + HOUR)
    loop = Scheduler(Broken, 0.001)
    for done in (["a"], ["a"], ["a", "c"]):
        await loop.run_once(connection)
        rows = await connection.fetch("select schedule from easyflow.runs order by schedule")
        assert [row["schedule"] for row in rows] == done


async def test_a_loop_rests_until_the_next_slot_and_not_for_its_whole_poll_interval(connect: Connect) -> None:
    connection = await connect()
    await make_workflow(connection)
    loop = Scheduler(Starter, 60.0)
    now = await connection.fetchval("select easyflow.clock()")
    async with committed(connection):
        await schedules.create(connection, "often", plan(Every(1, now), overlap=Overlap.ALLOW), ANN)
    began = time.monotonic()

    async def started() -> bool:
        await loop.run_once(connection)
        return len(await run_slots(connection)) == 2

    await until(10, started)
    assert 1.5 < time.monotonic() - began < 5


async def test_a_loop_does_not_ask_the_database_while_it_rests(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    loop = Scheduler(Starter, 60.0)
    await loop.run_once(connection)
    await connection.close()
    await loop.run_once(connection)
    loop.begin_again()
    with pytest.raises(asyncpg.InterfaceError):
        await loop.run_once(connection)


async def test_three_loops_beside_each_other_start_one_run_for_each_slot(connect: Connect) -> None:
    connections = [await connect() for _ in range(3)]
    names = [f"s{n}" for n in range(12)]
    for name in names:
        await make_schedule(connections[0], name=name, overlap=Overlap.ALLOW, catch_up=CatchUp.ALL)
    loops = [(Scheduler(Starter, 0.001), each) for each in connections]
    await stop_clock(connections[0], NOON + 3 * HOUR)

    async def finished() -> bool:
        await asyncio.gather(*(loop.run_once(each) for loop, each in loops))
        return len(await run_slots(connections[0])) >= 36

    await until(20, finished)
    for name in names:
        assert await outcomes(connections[0], name) == [("started", NOON + hours * HOUR) for hours in (1, 2, 3)]
