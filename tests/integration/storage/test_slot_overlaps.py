"""Slots that come while a run of their schedule is live: skipped, queued, started all the same, or in its place."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from easyflow.domain.due import Overlap
from easyflow.errors import Conflict
from easyflow.storage import schedules, slots
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import stop_clock
from tests.support.schedules import (
    ANN,
    NAME,
    NOON,
    Starter,
    details,
    end_run,
    end_runs,
    make_schedule,
    outcomes,
    run_slots,
    tick,
    tick_at,
)

HOUR = timedelta(hours=1)


async def test_a_slot_is_skipped_while_a_run_of_its_schedule_is_live(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.SKIP)
    (run_id,) = (await tick_at(connection, NOON + HOUR)).started
    await tick_at(connection, NOON + 2 * HOUR)
    await end_run(connection, run_id)
    await tick_at(connection, NOON + 3 * HOUR)
    assert [outcome for outcome, _ in await outcomes(connection)] == ["started", "skipped", "started"]
    assert (await details(connection))[1] == "a run of this schedule was still live"


async def test_runs_that_may_overlap_start_all_the_same(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW)
    for hours in (1, 2):
        await tick_at(connection, NOON + hours * HOUR)
    assert await connection.fetchval("select count(*) from easyflow.runs where state = 'RUNNING'") == 2


async def test_a_run_of_another_schedule_is_no_hindrance(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await make_schedule(connection, name="other")
    await stop_clock(connection, NOON + HOUR)
    assert len((await tick(connection)).started) == len((await tick(connection, name="other")).started) == 1


async def test_slots_that_queue_start_in_order_as_runs_end(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.QUEUE)
    for hours in (1, 2, 3):
        await tick_at(connection, NOON + hours * HOUR)
    assert [outcome for outcome, _ in await outcomes(connection)] == ["started", "queued", "queued"]
    assert (await schedules.read(connection, NAME))["waiting"] == 2
    assert await slots.find_due(connection) == []
    for hours in (1, 2, 3):
        assert await run_slots(connection) == [NOON + n * HOUR for n in range(1, hours + 1)]
        await end_runs(connection)
        assert await slots.find_due(connection) == ([NAME] if hours < 3 else [])
        await tick(connection)
    assert [outcome for outcome, _ in await outcomes(connection)] == ["started"] * 3


async def test_a_pause_keeps_slots_waiting_that_queue(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.QUEUE)
    for hours in (1, 2):
        await tick_at(connection, NOON + hours * HOUR)
    await schedules.pause(connection, NAME, ANN)
    await end_runs(connection)
    assert await slots.find_due(connection) == []
    assert (await tick(connection)).started == []
    await schedules.resume(connection, NAME, ANN)
    assert len((await tick(connection)).started) == 1


async def test_a_slot_replaces_the_run_that_is_live(connect: Connect) -> None:
    connection = await connect()
    starter = Starter()
    await make_schedule(connection, overlap=Overlap.CANCEL)
    (first,) = (await tick_at(connection, NOON + HOUR, starter)).started
    (second,) = (await tick_at(connection, NOON + 2 * HOUR, starter)).started
    rows = await connection.fetch("select id, state, reason from easyflow.runs order by slot")
    assert [(row["id"], row["state"]) for row in rows] == [(first, "CANCELLED"), (second, "RUNNING")]
    assert rows[0]["reason"] == "replaced by the run of nightly for 2030-01-01T14:00:00+00:00"


async def test_a_slot_waits_for_the_end_of_the_run_it_replaces_and_a_newer_one_overtakes_it(connect: Connect) -> None:
    connection = await connect()
    starter = Starter()
    starter.ends_at_once = False
    await make_schedule(connection, overlap=Overlap.CANCEL)
    for hours in (1, 2, 3):
        await tick_at(connection, NOON + hours * HOUR, starter)
    assert [outcome for outcome, _ in await outcomes(connection)] == ["started", "skipped", "queued"]
    assert (await details(connection))[1] == "the slot 2030-01-01 15:00:00 UTC came before it could start"
    await end_runs(connection)
    await tick(connection, starter)
    assert await run_slots(connection) == [NOON + HOUR, NOON + 3 * HOUR]


async def test_a_run_that_ends_before_it_can_be_replaced_is_no_hindrance(connect: Connect) -> None:
    connection, other = await connect(), await connect()

    class TooLate(Starter):
        async def cancel(self, connection: Connection, run_id: UUID, /, *, reason: str) -> None:
            await end_run(other, run_id)
            raise Conflict("the run is SUCCEEDED already")

    await make_schedule(connection, overlap=Overlap.CANCEL)
    for hours in (1, 2):
        await tick_at(connection, NOON + hours * HOUR, TooLate())
    assert [outcome for outcome, _ in await outcomes(connection)] == ["started", "started"]
