"""Backfilling: runs for slots that passed without one, once, however often it is asked for."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from easyflow.domain.due import CatchUp, Overlap
from easyflow.domain.timing import Every
from easyflow.errors import Invalid, Missing
from easyflow.storage import schedules
from tests.conftest import Connect
from tests.support.factories import stop_clock
from tests.support.schedules import (
    ANN,
    NAME,
    NOON,
    Starter,
    end_runs,
    fill,
    make_schedule,
    outcomes,
    run_slots,
    tick,
    tick_at,
)

HOUR = timedelta(hours=1)


def hours(*numbers: int) -> list[datetime]:
    return [NOON + n * HOUR for n in numbers]


async def test_a_backfill_starts_what_has_no_run_and_the_same_again_adds_nothing(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW, catch_up=CatchUp.NONE)
    await tick_at(connection, NOON + 2 * HOUR)
    await tick_at(connection, NOON + 4.5 * HOUR)
    filled = await fill(connection, NOON - 2 * HOUR, NOON + 4 * HOUR)
    assert (len(filled.started), filled.waiting, filled.more) == (6, 0, False)
    before = await connection.fetch("select * from easyflow.schedule_slots order by id")
    again = await fill(connection, NOON - 2 * HOUR, NOON + 4 * HOUR)
    assert (again.started, again.waiting, again.more) == ([], 0, False)
    assert await connection.fetch("select * from easyflow.schedule_slots order by id") == before
    assert await run_slots(connection) == hours(-2, -1, 0, 1, 2, 3, 4)
    assert [pair for pair in await outcomes(connection) if pair[0] != "missed"] == [
        *(("backfilled", slot) for slot in hours(-2, -1, 0, 1)),
        ("started", NOON + 2 * HOUR),
        *(("backfilled", slot) for slot in hours(3, 4)),
    ]


async def test_a_backfill_takes_the_oldest_up_to_its_limit_and_goes_on_when_asked_again(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW)
    first = await fill(connection, NOON - 4 * HOUR, NOON, limit=3)
    assert (len(first.started), first.more) == (3, True)
    assert await run_slots(connection) == hours(-4, -3, -2)
    second = await fill(connection, NOON - 4 * HOUR, NOON, limit=3)
    assert (len(second.started), second.more) == (2, False)


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE, Overlap.CANCEL])
async def test_where_runs_may_not_overlap_a_backfill_waits_its_turn(connect: Connect, overlap: Overlap) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=overlap)
    filled = await fill(connection, NOON - 2 * HOUR, NOON)
    assert (filled.started, filled.waiting) == ([], 3)
    for done in ([-2], [-2, -1], [-2, -1, 0]):
        await tick(connection)
        await tick(connection)
        assert await run_slots(connection) == hours(*done)
        await end_runs(connection)
    assert await outcomes(connection) == [("backfilled", slot) for slot in hours(-2, -1, 0)]
    assert (await fill(connection, NOON - 2 * HOUR, NOON)).waiting == 0


async def test_a_backfill_takes_what_was_skipped_or_refused(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    starter = Starter()
    await tick_at(connection, NOON + HOUR, starter)
    await tick_at(connection, NOON + 2 * HOUR, starter)
    await end_runs(connection)
    starter.refusal = Missing("there is no workflow report")
    await tick_at(connection, NOON + 3 * HOUR, starter)
    assert (await fill(connection, NOON, NOON + 3 * HOUR)).waiting == 3
    for _ in range(3):
        await tick(connection)
        await end_runs(connection)
    assert await run_slots(connection) == hours(0, 1, 2, 3)


async def test_what_is_still_to_come_is_left_to_the_schedule(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW)
    await stop_clock(connection, NOON + 2 * HOUR)
    await fill(connection, NOON, NOON + 99 * HOUR)
    assert await run_slots(connection) == hours(0)
    await tick(connection)
    assert await run_slots(connection) == hours(0, 2)
    assert await outcomes(connection) == [
        ("backfilled", NOON),
        ("missed", NOON + HOUR),
        ("started", NOON + 2 * HOUR),
    ]


async def test_a_schedule_made_anew_does_not_repeat_the_runs_of_the_one_before(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW)
    await fill(connection, NOON - 2 * HOUR, NOON - HOUR)
    await schedules.delete(connection, NAME, ANN)
    await make_schedule(connection, overlap=Overlap.ALLOW)
    assert len((await fill(connection, NOON - 2 * HOUR, NOON)).started) == 1
    assert await run_slots(connection) == hours(-2, -1, 0)


async def test_a_backfill_that_cannot_start_a_run_leaves_nothing(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW, workflow="ghost")
    with pytest.raises(Missing, match="there is no workflow ghost"):
        await fill(connection, NOON - 2 * HOUR, NOON)
    assert await outcomes(connection) == []
    assert await connection.fetchval("select count(*) from easyflow.audit") == 1


@pytest.mark.parametrize(
    ("first", "last", "limit", "at", "message"),
    [
        (NOON, NOON - HOUR, 10, "until", "the range ends before it begins"),
        (NOON - 10_001 * HOUR, NOON, 10, "until", "the range has more than 10000 slots; backfill it in parts"),
        (NOON - HOUR, NOON, 0, "limit", "give a number from 1 to 1000"),
        (NOON - HOUR, NOON, 1001, "limit", "give a number from 1 to 1000"),
    ],
)
async def test_a_backfill_that_makes_no_sense_is_refused(
    connect: Connect, first: datetime, last: datetime, limit: int, at: str, message: str
) -> None:
    connection = await connect()
    await make_schedule(connection)
    with pytest.raises(Invalid) as refused:
        await fill(connection, first, last, limit=limit)
    assert refused.value.problems == [{"at": at, "message": message}]


async def test_a_backfill_is_audited_with_its_range_and_what_it_did(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW)
    await fill(connection, NOON - 2 * HOUR, NOON)
    row = await connection.fetchrow("select act, object_id, after from easyflow.audit order by id desc limit 1")
    assert row is not None
    assert (row["act"], row["object_id"]) == ("backfill schedule", NAME)
    assert json.loads(row["after"]) == {
        "from": "2030-01-01T10:00:00+00:00", "until": "2030-01-01T12:00:00+00:00", "started": 3, "waiting": 0,
    }  # fmt: skip


RANGES = st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 30)), min_size=1, max_size=4)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RANGES, st.integers(0, 40))
async def test_whatever_ranges_are_backfilled_around_ticks_no_slot_has_two_runs(
    connect: Connect, ranges: list[tuple[int, int]], moved: int
) -> None:
    connection = await connect()
    await connection.execute("delete from easyflow.schedules")
    await connection.execute("delete from easyflow.runs")
    quarter = timedelta(minutes=15)
    every = Every(900, NOON - 100 * quarter)
    await make_schedule(connection, every, overlap=Overlap.ALLOW, catch_up=CatchUp.ALL, catch_up_limit=1000)
    filled = set()
    for begin, length in ranges:
        await fill(connection, NOON + begin * quarter, NOON + (begin + length) * quarter)
        filled |= set(range(begin, min(begin + length, 0) + 1))
    await tick_at(connection, NOON + moved * quarter)
    assert await run_slots(connection) == [NOON + n * quarter for n in sorted(filled | set(range(1, moved + 1)))]
