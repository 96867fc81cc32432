"""Schedules as they are kept: created, changed, paused, removed, and every act audited."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from easyflow.domain.due import CatchUp, Overlap
from easyflow.domain.timing import Cron, Every, Once
from easyflow.errors import Conflict, EasyFlowError, Invalid, Missing, Stale
from easyflow.storage import schedules
from easyflow.storage.database import committed
from easyflow.storage.runs.acts import Caller
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import stop_clock
from tests.support.schedules import (
    ANN,
    HOURLY,
    NAME,
    NOON,
    Starter,
    make_schedule,
    outcomes,
    plan,
    run_slots,
    tick,
    tick_at,
)

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


async def test_a_schedule_says_what_it_was_given_and_when_it_is_due_next(connect: Connect) -> None:
    connection = await connect()
    row = await make_schedule(
        connection,
        Cron("@daily", "Europe/Berlin"),
        input='{"day": 1}',
        tags=("a", "b"),
        overlap=Overlap.QUEUE,
        catch_up=CatchUp.ALL,
        catch_up_limit=7,
    )
    said = {name: row[name] for name in ("workflow", "tags", "cron", "zone", "overlap", "catch_up", "catch_up_limit")}
    assert said == {
        "workflow": "report", "tags": ["a", "b"], "cron": "@daily", "zone": "Europe/Berlin", "overlap": "queue",
        "catch_up": "all", "catch_up_limit": 7,
    }  # fmt: skip
    assert json.loads(row["input"]) == {"day": 1}
    assert (row["version"], row["paused"], row["waiting"], row["last_slot"]) == (1, False, 0, None)
    assert row["next_slot"] == NOON + 11 * HOUR


@pytest.mark.parametrize("timing", [Cron("5 * * * *", "Asia/Tokyo"), Every(90, NOON - HOUR), Once(NOON + HOUR)])
async def test_every_kind_of_times_is_read_back_as_it_was(connect: Connect, timing: Any) -> None:
    row = await make_schedule(await connect(), timing)
    assert schedules.timing_of(row) == timing


async def test_schedules_are_listed_by_name_with_what_last_became_of_a_slot(connect: Connect) -> None:
    connection = await connect()
    for name in ("c", "a", "b"):
        await make_schedule(connection, name=name)
    await stop_clock(connection, NOON + HOUR)
    await tick(connection, name="b")
    first, second = await schedules.list_all(connection, limit=2)
    (third,) = await schedules.list_all(connection, after="b")
    assert [each["name"] for each in (first, second, third)] == ["a", "b", "c"]
    assert [each["latest_outcome"] for each in (first, second, third)] == [None, "started", None]


async def test_slots_are_listed_page_by_page_last_first(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, overlap=Overlap.ALLOW)
    for hours in (1, 2, 3):
        await tick_at(connection, NOON + hours * HOUR)
    page = await schedules.list_slots(connection, NAME, limit=2)
    rest = await schedules.list_slots(connection, NAME, before=page[-1]["id"])
    assert [row["slot"] for row in (*page, *rest)] == [NOON + hours * HOUR for hours in (3, 2, 1)]


@pytest.mark.parametrize(
    ("name", "said", "at", "message"),
    [
        ("a b", {}, "name", "a name has up to 200 letters, digits, dots, dashes and underscores"),
        ("", {}, "name", "a name has up to 200 letters"),
        ("x" * 201, {}, "name", "a name has up to 200 letters"),
        (NAME, {"catch_up_limit": 0}, "catch_up_limit", "give a number from 1 to 1000"),
        (NAME, {"catch_up_limit": 1001}, "catch_up_limit", "give a number from 1 to 1000"),
        (NAME, {"timing": Once(NOON)}, "at", "this time has passed; give a later one"),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_place(
    connect: Connect, name: str, said: dict[str, Any], at: str, message: str
) -> None:
    connection = await connect()
    with pytest.raises(Invalid) as refused:
        await make_schedule(connection, name=name, **said)
    assert [each["at"] for each in refused.value.problems] == [at]
    assert message in refused.value.problems[0]["message"]


async def test_a_name_that_is_taken_is_refused(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    with pytest.raises(Conflict, match="a schedule of this name already"):
        await make_schedule(connection)


async def test_acts_on_a_schedule_that_is_not_there_say_so(connect: Connect) -> None:
    connection = await connect()
    for act in (schedules.pause, schedules.resume, schedules.delete):
        with pytest.raises(Missing, match="there is no schedule ghost"):
            await act(connection, "ghost", ANN)
    with pytest.raises(Missing, match="there is no schedule ghost"):
        await schedules.read(connection, "ghost")


async def test_a_change_of_what_it_starts_keeps_the_slot_that_is_due(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await stop_clock(connection, NOON + HOUR)
    row = await change(connection, 1, input='{"new": true}', tags=("t",))
    assert (row["version"], row["next_slot"]) == (2, NOON + HOUR)
    starter = Starter()
    await tick(connection, starter)
    assert starter.inputs == [{"new": True}]


async def test_a_change_of_its_times_writes_down_what_was_due_and_goes_on_from_now(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await stop_clock(connection, NOON + 2 * HOUR)
    row = await change(connection, 1, timing=Cron("30 * * * *"))
    assert (row["next_slot"], row["last_slot"]) == (NOON + 2.5 * HOUR, NOON + 2 * HOUR)
    (missed,) = await schedules.list_slots(connection, NAME)
    assert (missed["outcome"], missed["slot"], missed["last_slot"], missed["slots"]) == (
        "missed", NOON + HOUR, NOON + 2 * HOUR, 2,
    )  # fmt: skip
    assert missed["detail"] == "the schedule got other times before it was started"
    await tick(connection)
    assert await run_slots(connection) == []


async def test_a_change_is_refused_when_someone_else_made_one_or_no_time_is_left(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await change(connection, 1)
    with pytest.raises(Stale, match="at version 2 now, not 1") as refused:
        await change(connection, 1)
    assert refused.value.facts == {"version": 2}
    with pytest.raises(Invalid, match="this time has passed"):
        await change(connection, 2, timing=Once(NOON - HOUR))
    assert (await schedules.read(connection, NAME))["version"] == 2


async def test_a_pause_starts_nothing_and_says_afterwards_what_became_of_its_slots(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, catch_up=CatchUp.ALL)
    row = await act(connection, schedules.pause, Caller("bob", "the bank is closed"))
    assert (row["paused"], row["paused_reason"], row["version"]) == (True, "the bank is closed", 2)
    assert (await tick_at(connection, NOON + 3 * HOUR)).started == []
    assert await outcomes(connection) == []
    row = await act(connection, schedules.resume)
    assert (row["paused"], row["paused_reason"], row["next_slot"]) == (False, None, NOON + 4 * HOUR)
    (missed,) = await schedules.list_slots(connection, NAME)
    assert (missed["outcome"], missed["slot"], missed["last_slot"], missed["slots"], missed["detail"]) == (
        "missed", NOON + HOUR, NOON + 3 * HOUR, 3, "the schedule was paused: the bank is closed",
    )  # fmt: skip
    assert (await tick(connection)).started == []
    assert len((await tick_at(connection, NOON + 4 * HOUR)).started) == 1


async def test_a_pause_in_which_nothing_was_due_leaves_no_trace(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await act(connection, schedules.pause)
    await stop_clock(connection, NOON + HOUR - SECOND)
    row = await act(connection, schedules.resume)
    assert row["next_slot"] == NOON + HOUR
    assert await outcomes(connection) == []


async def test_a_single_time_that_passed_during_a_pause_is_missed_for_good(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection, Once(NOON + HOUR))
    await act(connection, schedules.pause)
    await stop_clock(connection, NOON + 2 * HOUR)
    row = await act(connection, schedules.resume)
    assert row["next_slot"] is None
    assert await outcomes(connection) == [("missed", NOON + HOUR)]


async def test_pausing_twice_and_resuming_what_runs_is_refused(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    with pytest.raises(Conflict, match="not paused"):
        await act(connection, schedules.resume)
    await act(connection, schedules.pause)
    with pytest.raises(Conflict, match="paused already"):
        await act(connection, schedules.pause)


async def test_a_resume_after_the_clock_was_set_back_brings_no_slot_back(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await tick_at(connection, NOON + 5 * HOUR)
    await act(connection, schedules.pause)
    await stop_clock(connection, NOON)
    row = await act(connection, schedules.resume)
    assert row["next_slot"] == NOON + 6 * HOUR


async def test_a_schedule_that_is_removed_takes_its_slots_along_and_leaves_its_runs(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await tick_at(connection, NOON + HOUR)
    async with committed(connection):
        await schedules.delete(connection, NAME, ANN)
    assert await schedules.list_all(connection) == []
    assert await outcomes(connection) == []
    assert await run_slots(connection) == [NOON + HOUR]


async def test_every_act_is_audited_with_before_and_after(connect: Connect) -> None:
    connection = await connect()
    await make_schedule(connection)
    await change(connection, 1, timing=Cron("30 * * * *"), input="[1]")
    await act(connection, schedules.pause)
    await act(connection, schedules.resume)
    async with committed(connection):
        await schedules.delete(connection, NAME, ANN)
    rows = await connection.fetch(
        "select act, actor, object_kind, object_id, reason, before, after from easyflow.audit order by id"
    )
    assert [row["act"] for row in rows] == [
        f"{word} schedule" for word in ("create", "change", "pause", "resume", "delete")
    ]
    assert {tuple(row)[1:5] for row in rows} == {("ann", "schedule", NAME, "because")}
    before, after = json.loads(rows[1]["before"]), json.loads(rows[1]["after"])
    assert (before["cron"], after["cron"]) == ("0 * * * *", "30 * * * *")
    assert (before["version"], after["version"], after["input_changed"]) == (1, 2, True)
    assert rows[4]["after"] is None


async def change(connection: Connection, seen_version: int, **said: Any) -> Any:
    async with committed(connection):
        wanted = plan(said.pop("timing", HOURLY), **said)
        return await schedules.change(connection, NAME, wanted, ANN, seen_version=seen_version)


async def act(connection: Connection, doing: Any, caller: Caller = ANN) -> Any:
    async with committed(connection):
        return await doing(connection, NAME, caller)


def test_what_schedules_refuse_is_an_error_of_easyflow() -> None:
    assert issubclass(Stale, EasyFlowError)
