"""Slots: a run is started once for each, whatever happens, and what gets none says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from easyflow.domain.due import CatchUp, Overlap
from easyflow.domain.timing import Cron, Every, Once
from easyflow.errors import Busy, Conflict, Invalid, StorageUnavailable
from easyflow.storage import schedules, slots
from easyflow.storage.database import committed
from easyflow.storage.slots import Ticked
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import stop_clock
from tests.support.schedules import (
    ANN,
    NAME,
    NOON,
    Starter,
    details,
    make_schedule,
    outcomes,
    run_slots,
    tick,
    tick_at,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
# The clock after three days without any scheduler: 72 slots were due, the last half an hour ago.
AFTER_THREE_DAYS = NOON + timedelta(days=3, minutes=30)


async def test_a_run_starts_at_its_slot_and_not_before(connect: Connect) -> None:
    connection = await connect()
    starter = Starter()
    await make_schedule(connection, input='{"n": 1.50}', tags=("t",))
    assert (await tick_at(connection, NOON + HOUR - SECOND, starter)).started == []
    (run_id,) = (await tick_at(connection, NOON + HOUR, starter)).started
    assert (await tick(connection, starter)).started == []
    run = await connection.fetchrow("select id, schedule, slot from easyflow.runs")
    assert run is not None
    assert tuple(run) == (run_id, NAME, NOON + HOUR)
    assert [str(each["n"]) for each in starter.inputs] == ["1.50"]
    (slot,) = await schedules.list_slots(connection, NAME)
    assert (slot["outcome"], slot["run_id"], slot["detail"]) == ("started", run_id, None)
    row = await schedules.read(connection, NAME)
    assert (row["last_slot"], row["next_slot"]) == (NOON + HOUR, NOON + 2 * HOUR)


async def test_a_single_time_starts_once_and_nothing_comes_after_it(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, Once(NOON + 90 * SECOND))
    assert len((await tick_at(connection, NOON + 2 * MINUTE)).started) == 1
    assert (await tick_at(connection, NOON + timedelta(days=9))).started == []
    assert (await schedules.read(connection, NAME))["next_slot"] is None


async def test_a_slot_keeps_what_the_change_of_the_clock_did_to_it(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, Cron("30 2 * * *", "Europe/Berlin"), at=datetime(2030, 3, 30, 12, tzinfo=UTC))
    await tick_at(connection, datetime(2030, 3, 31, 1, tzinfo=UTC))
    assert await details(connection) == ["2030-03-31 02:30 in Europe/Berlin does not exist; it runs at 03:00"]


@pytest.mark.parametrize(
    ("catch_up", "limit", "started", "missed"),
    [
        (CatchUp.NONE, 100, [], (1, 72, 72)),
        (CatchUp.LAST, 100, [72], (1, 71, 71)),
        (CatchUp.ALL, 100, list(range(1, 73)), None),
        (CatchUp.ALL, 5, [68, 69, 70, 71, 72], (1, 67, 67)),
    ],
)
async def test_three_days_without_a_scheduler_are_made_up_for_as_the_schedule_says(
    connect: Connect, catch_up: CatchUp, limit: int, started: list[int], missed: tuple[int, int, int] | None
) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW, catch_up=catch_up, catch_up_limit=limit)
    assert len((await tick_at(connection, AFTER_THREE_DAYS)).started) == len(started)
    assert await run_slots(connection) == [NOON + n * HOUR for n in started]
    rows = await connection.fetch("select slot, last_slot, slots from easyflow.schedule_slots where outcome = 'missed'")
    expected = [] if missed is None else [(NOON + missed[0] * HOUR, NOON + missed[1] * HOUR, missed[2])]
    assert [tuple(row) for row in rows] == expected
    row = await schedules.read(connection, NAME)
    assert (row["last_slot"], row["next_slot"]) == (NOON + 72 * HOUR, NOON + 73 * HOUR)


@pytest.mark.parametrize("catch_up", CatchUp)
async def test_three_days_of_every_second_are_one_row_and_soon_done(connect: Connect, catch_up: CatchUp) -> None:
    connection = await connect()
    await make_schedule(connection, Every(1, NOON), overlap=Overlap.ALLOW, catch_up=catch_up, catch_up_limit=10)
    ticked = await tick_at(connection, NOON + timedelta(days=3))
    (missed,) = ticked.missed
    assert missed.count is not None
    assert missed.count + len(ticked.started) == 3 * 86_400
    assert len(ticked.started) == {CatchUp.NONE: 61, CatchUp.LAST: 1, CatchUp.ALL: 71}[catch_up]


async def test_a_clock_that_steps_back_makes_no_slot_twice(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW, catch_up=CatchUp.ALL)
    for hours in (1, 3, 2, 0, 1, 3, 4, 2, 4):
        await tick_at(connection, NOON + hours * HOUR)
    assert await run_slots(connection) == [NOON + hours * HOUR for hours in (1, 2, 3, 4)]


async def test_a_slot_that_was_taken_is_not_taken_again_even_if_the_schedule_forgot(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW)
    await tick_at(connection, NOON + HOUR)
    await connection.execute("update easyflow.schedules set next_slot = $1, last_slot = null", NOON + HOUR)
    assert (await tick(connection)).started == []
    # Not even when it was removed and made anew, which takes along what was written down of its slots.
    async with committed(connection):
        await schedules.delete(connection, NAME, ANN)
    await make_schedule(connection, overlap=Overlap.ALLOW)
    assert await tick_at(connection, NOON + HOUR) == Ticked()
    assert await outcomes(connection) == []
    assert await run_slots(connection) == [NOON + HOUR]


async def test_the_unique_index_alone_lets_nobody_take_a_slot_twice(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    taking = """
        insert into easyflow.schedule_slots (schedule, slot, at, outcome, run_id)
        values ($1, $2, $2, $3, case when $3 <> 'queued' then gen_random_uuid() end)
    """
    await connection.execute(taking, NAME, NOON, "started")
    for outcome in ("queued", "started", "backfilled"):
        with pytest.raises(asyncpg.UniqueViolationError, match="schedule_slots_one_run"):
            await connection.execute(taking, NAME, NOON, outcome)


async def test_a_slot_of_a_workflow_that_is_not_there_is_refused_and_the_schedule_goes_on(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, workflow="ghost")
    (refused,) = (await tick_at(connection, NOON + HOUR)).refused
    assert (refused.slot, refused.why) == (NOON + HOUR, "there is no workflow ghost")
    assert await outcomes(connection) == [("refused", NOON + HOUR)]
    assert await details(connection) == ["there is no workflow ghost"]
    assert (await schedules.read(connection, NAME))["next_slot"] == NOON + 2 * HOUR


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            Invalid("the input does not fit", [{"at": "input.day", "message": "a whole number"}]),
            "the input does not fit; input.day: a whole number",
        ),
        (Conflict("another run has this key"), "another run has this key"),
        (asyncpg.DataError("out of range"), "out of range"),
    ],
)
async def test_what_cannot_be_started_is_refused_with_every_reason(
    connect: Connect, refusal: Exception, said: str
) -> None:
    connection = await connect()
    starter = Starter()
    starter.refusal = refusal
    await make_schedule(connection)
    await tick_at(connection, NOON + HOUR, starter)
    assert await details(connection) == [said]


async def test_a_start_that_the_database_refuses_half_way_leaves_nothing_but_the_reason(connect: Connect) -> None:
    connection = await connect()

    class Clumsy(Starter):
        async def start(self, connection: Connection, *said: object, **more: object) -> None:  # type: ignore[override]
            await connection.execute("create table easyflow.left_behind ()")
            await connection.execute("insert into easyflow.run_tags values (null, null)")

    await make_schedule(connection)
    await tick_at(connection, NOON + HOUR, Clumsy())
    (said,) = await details(connection)
    assert said is not None
    assert "null value" in said
    assert await connection.fetchval("select to_regclass('easyflow.left_behind')") is None


@pytest.mark.parametrize(
    "refusal",
    [
        StorageUnavailable(),
        Busy(),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.UniqueViolationError("another run got the key at this very moment"),
    ],
)
async def test_what_may_go_away_by_itself_is_tried_again(connect: Connect, refusal: Exception) -> None:
    connection = await connect()
    starter = Starter()
    starter.refusal = refusal
    await make_schedule(connection)
    with pytest.raises(type(refusal)):
        await tick_at(connection, NOON + HOUR, starter)
    assert await outcomes(connection) == []
    starter.refusal = None
    assert len((await tick(connection, starter)).started) == 1


async def test_the_next_slot_of_all_schedules_is_told_in_seconds(connect: Connect) -> None:
    connection = await connect()
    assert await slots.seconds_until_next(connection) is None
    await make_schedule(connection, name="later", timing=Once(NOON + 5 * HOUR))
    await make_schedule(connection)
    assert await slots.seconds_until_next(connection) == 3600.0
    await schedules.pause(connection, NAME, ANN)
    assert await slots.seconds_until_next(connection) == 5 * 3600.0


async def test_schedules_that_are_due_are_found_by_name_and_page_by_page(connect: Connect) -> None:
    connection = await connect()
    for name in ("c", "a", "b", "paused"):
        await make_schedule(connection, name=name)
    await schedules.pause(connection, "paused", ANN)
    assert await slots.find_due(connection) == []
    await stop_clock(connection, NOON + HOUR)
    assert await slots.find_due(connection, limit=2) == ["a", "b"]
    assert await slots.find_due(connection, after="b") == ["c"]
