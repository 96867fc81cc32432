"""Several schedulers, and people, at one schedule: one run for each slot, whoever comes first."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from easyflow.domain.due import CatchUp, Overlap
from easyflow.storage import schedules
from easyflow.storage.database import committed
from easyflow.storage.slots import Ticked
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support.factories import stop_clock
from tests.support.interleave import Stage
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
TAKEN = [NOON + HOUR, NOON + 2 * HOUR]


@pytest.mark.parametrize("overlap", [Overlap.ALLOW, Overlap.QUEUE, Overlap.CANCEL])
async def test_eight_ticks_at_once_start_one_run_for_each_slot(connect: Connect, overlap: Overlap) -> None:
    connections = [await connect() for _ in range(8)]
    await make_schedule(connections[0], overlap=overlap, catch_up=CatchUp.ALL)
    starter = Starter()
    for hours in range(1, 13):
        await stop_clock(connections[0], NOON + hours * HOUR)
        ticked = await asyncio.gather(*(tick(each, starter) for each in connections))
        assert sum(len(each.started) for each in ticked) == 1
        await end_runs(connections[0])
    assert await run_slots(connections[0]) == [NOON + hours * HOUR for hours in range(1, 13)]
    assert {outcome for outcome, _ in await outcomes(connections[0])} == {"started"}


async def test_a_tick_passes_by_a_schedule_that_another_one_has(connect: Connect) -> None:
    first, second = await Stage(connect).actors("first", "second")
    locked, gate = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        locked.set()
        await gate.wait()

    await make_schedule(first.connection)
    await stop_clock(first.connection, NOON + HOUR)
    starting = asyncio.create_task(tick(first.connection, Starter(wait)))
    await asyncio.wait_for(locked.wait(), 10)
    step = await second.start(tick(second.connection))
    assert not step.blocked
    assert await step.result() == Ticked()
    gate.set()
    assert len((await starting).started) == 1


@pytest.mark.parametrize(("keeps", "free"), [(True, []), (False, TAKEN)])
async def test_who_comes_second_to_a_slot_waits_for_the_first_and_takes_what_is_left(
    connect: Connect, keeps: bool, free: list[datetime]
) -> None:
    first, second = await Stage(connect).actors("first", "second")
    await make_schedule(first.connection)
    held = first.connection.transaction()
    await held.start()
    assert sorted(await take(first.connection)) == TAKEN
    step = await second.start(take(second.connection))
    assert step.blocked
    await (held.commit() if keeps else held.rollback())
    assert sorted(await step.result()) == free


async def take(connection: Connection) -> list[datetime]:
    rows = await statement("take_slots").fetch(
        connection, schedule=NAME, slots=TAKEN[::-1], details=[None, None], backfill=False
    )
    return [row["slot"] for row in rows]


async def test_four_backfills_of_one_range_at_once_start_one_run_for_each_slot(connect: Connect) -> None:
    connections = [await connect() for _ in range(4)]
    await make_schedule(connections[0], overlap=Overlap.ALLOW)
    filled = await asyncio.gather(*(fill(each, NOON - 12 * HOUR, NOON - HOUR) for each in connections))
    assert sorted(len(each.started) for each in filled) == [0, 0, 0, 12]
    assert await run_slots(connections[0]) == [NOON - hours * HOUR for hours in range(12, 0, -1)]


async def test_a_backfill_and_ticks_at_once_start_one_run_for_each_slot(connect: Connect) -> None:
    connections = [await connect() for _ in range(6)]
    await make_schedule(connections[0], overlap=Overlap.ALLOW, catch_up=CatchUp.ALL)
    await stop_clock(connections[0], NOON + 6 * HOUR)
    last = NOON + 6 * HOUR
    await asyncio.gather(
        *(tick(each) for each in connections[:3]), *(fill(each, NOON - 6 * HOUR, last) for each in connections[3:])
    )
    await tick(connections[0])
    assert await run_slots(connections[0]) == [NOON + hours * HOUR for hours in range(-6, 7)]


async def test_a_resume_beside_ticks_either_misses_a_slot_or_leaves_it_to_the_next_tick(connect: Connect) -> None:
    connections = [await connect() for _ in range(4)]
    await make_schedule(connections[0])
    for hours in range(1, 9):
        await pause(connections[0])
        await stop_clock(connections[0], NOON + hours * HOUR)
        await asyncio.gather(resume(connections[0]), *(tick(each) for each in connections[1:]))
        await tick(connections[0])
        await end_runs(connections[0])
    assert await outcomes(connections[0]) == [("missed", NOON + hours * HOUR) for hours in range(1, 9)]
    await tick_at(connections[0], NOON + 9 * HOUR)
    assert await run_slots(connections[0]) == [NOON + 9 * HOUR]


async def pause(connection: Connection) -> None:
    async with committed(connection):
        await schedules.pause(connection, NAME, ANN)


async def resume(connection: Connection) -> None:
    async with committed(connection):
        await schedules.resume(connection, NAME, ANN)
