"""Slots of schedules over HTTP: those to come, across changes of the clock, and those that are made up for."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from easyflow.api import schedule_schemas
from easyflow.domain import document
from tests.support.api import Api, places, problem, shaped
from tests.support.asked_schedules import REPORT, look, made, slots_of, turn
from tests.support.factories import stop_clock
from tests.support.runs import work
from tests.support.schedules import NOON
from tests.support.unheard import COMMIT, FAULTS, Fault, api_behind, strike, struck

HOUR = timedelta(hours=1)
NIGHT = {"cron": "30 2 * * *", "zone": "Europe/Berlin"}
MORNING = {"from": "2030-01-01T13:00:00Z", "until": "2030-01-01T16:00:00Z"}


async def backfilled(api: Api, said: dict[str, Any], **headers: str) -> schedule_schemas.Backfilled:
    return shaped(await api.post("/schedules/nightly/backfill", said, **headers), schedule_schemas.Backfilled)


async def behind(api: Api, **said: Any) -> None:
    """Make an hourly schedule that is paused while four slots go by."""
    await made(api, paused=True, **said)
    await stop_clock(api.connection, NOON + 4.5 * HOUR)
    assert (await api.post("/schedules/nightly/resume")).status_code == 200


async def test_a_preview_shows_the_next_slots_with_the_gap_in_spring_and_the_overlap_in_autumn(api: Api) -> None:
    await stop_clock(api.connection, datetime(2030, 3, 29, 12, tzinfo=UTC))
    spring = shaped(await api.post("/schedules/preview", {**NIGHT, "count": 3}), schedule_schemas.Preview)
    assert (spring.zone, [each.local for each in spring.slots]) == (
        "Europe/Berlin",
        ["Sat 2030-03-30 02:30:00 CET", "Sun 2030-03-31 03:00:00 CEST", "Mon 2030-04-01 02:30:00 CEST"],
    )
    assert [each.change for each in spring.slots] == [None, "gap", None]
    assert spring.slots[1].note == "2030-03-31 02:30 in Europe/Berlin does not exist; it runs at 03:00"
    await stop_clock(api.connection, datetime(2030, 10, 26, 12, tzinfo=UTC))
    autumn = shaped(await api.post("/schedules/preview", {**NIGHT, "count": 1}), schedule_schemas.Preview)
    (twice,) = autumn.slots
    assert (twice.slot, twice.change) == (datetime(2030, 10, 27, 0, 30, tzinfo=UTC), "overlap")


async def test_a_schedule_is_previewed_also_while_it_is_paused(api: Api) -> None:
    await made(api, paused=True)
    ten = shaped(await api.get("/schedules/nightly/preview"), schedule_schemas.Preview)
    assert [each.slot for each in ten.slots] == [NOON + hour * HOUR for hour in range(1, 11)]
    two = shaped(await api.get("/schedules/nightly/preview", count=2), schedule_schemas.Preview)
    assert two.slots == ten.slots[:2]
    problem(await api.get("/schedules/nightly/preview", count=101), 422)


async def test_a_preview_of_one_time_ends_with_it(api: Api) -> None:
    once = await api.post("/schedules/preview", {"at": "2100-01-01T00:00:00Z"})
    assert len(shaped(once, schedule_schemas.Preview).slots) == 1
    passed = await api.post("/schedules/preview", {"at": "1999-01-01T00:00:00Z"})
    assert shaped(passed, schedule_schemas.Preview).slots == []


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({}, ["cron"]),
        ({"cron": "0 0 31 2 *"}, ["cron"]),
        ({"cron": "@daily", "count": 101}, ["count"]),
        ({"cron": "@daily", "at": "2100-01-01T00:00:00Z"}, ["cron"]),
        ({"every_seconds": 1, "start": "9999-01-01T00:00:00Z"}, ["start"]),
    ],
)
async def test_a_preview_of_times_that_do_not_fit_says_where(api: Api, said: dict[str, Any], at: list[str]) -> None:
    assert places(problem(await api.post("/schedules/preview", said), 422, "invalid")) == at


async def test_a_dry_run_tells_the_slots_and_a_backfill_starts_their_runs_once(api: Api) -> None:
    await behind(api, overlap="allow")
    slots = [NOON + hour * HOUR for hour in (1, 2, 3, 4)]
    dry = await backfilled(api, {**MORNING, "dry_run": True})
    assert (dry.dry_run, dry.slots, dry.runs, dry.waiting, dry.more) == (True, slots, [], 0, False)
    assert await api.count("runs") == 0
    some = await backfilled(api, {**MORNING, "limit": 3, "reason": "as asked"}, idempotency_key="k1")
    assert (some.slots, len(some.runs), some.more) == (slots[:3], 3, True)
    assert await backfilled(api, {**MORNING, "limit": 3, "reason": "as asked"}, idempotency_key="k1") == some
    rest = await backfilled(api, MORNING)
    assert (rest.slots, len(rest.runs), rest.more) == (slots[3:], 1, False)
    assert (await backfilled(api, MORNING)).slots == []
    assert await work(api.connection) == ["a"] * 4
    listed = [each for each in (await slots_of(api)).items if each.outcome == "backfilled"]
    assert {(each.slot, each.run_id, each.run_state) for each in listed} == {
        (slot, run, "SUCCEEDED") for slot, run in zip(slots, some.runs + rest.runs, strict=True)
    }
    told = await api.connection.fetchval("select after from easyflow.audit where act = 'backfill schedule' limit 1")
    assert json.loads(told)["started"] == 3


async def test_of_eight_identical_backfills_at_once_one_starts_runs_and_all_get_its_answer(api: Api) -> None:
    await behind(api, overlap="allow")
    answers = await asyncio.gather(*(backfilled(api, MORNING, idempotency_key="k1") for _ in range(8)))
    assert len(answers[0].runs) == 4
    assert answers == [answers[0]] * 8
    assert await api.count("runs") == 4


@pytest.mark.parametrize("key", ["k1", None], ids=["keyed", "keyless"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_backfill_whose_commit_goes_unheard_is_done_once_and_answered_truthfully(
    api: Api, database_url: str, fault: Fault, key: str | None
) -> None:
    await behind(api, overlap="allow")
    headers = {"idempotency_key": key} if key else {}
    async with api_behind(database_url, api.connection) as (unheard, proxy):
        strike(proxy, COMMIT, fault)
        done = await backfilled(unheard, MORNING, **headers)
        assert struck(proxy, COMMIT) == 1
    rows = await api.connection.fetch("select id from easyflow.runs")
    assert (len(done.runs), set(done.runs)) == (4, {str(row["id"]) for row in rows})


async def test_where_runs_may_not_overlap_backfilled_slots_wait_for_each_other(api: Api) -> None:
    await behind(api, overlap="skip")
    done = await backfilled(api, MORNING)
    assert (len(done.slots), done.runs, done.waiting) == (4, [], 4)
    assert (await look(api)).waiting == 4
    for _ in range(4):
        await turn(api)
        assert await work(api.connection) == ["a"]
    assert (await look(api)).waiting == 0


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"until": MORNING["until"]}, ["from"]),
        ({**MORNING, "from": "2030-01-02T00:00:00Z"}, ["until"]),
        ({**MORNING, "limit": 0}, ["limit"]),
        ({**MORNING, "from": "0001-01-01T00:00:00+14:00"}, ["from"]),
        ({"first": MORNING["from"], "until": MORNING["until"]}, ["from", "first"]),
    ],
)
async def test_a_range_that_does_not_fit_is_refused(api: Api, said: dict[str, Any], at: list[str]) -> None:
    await behind(api)
    assert places(problem(await api.post("/schedules/nightly/backfill", said), 422, "invalid")) == at


async def test_a_range_of_too_many_slots_is_refused(api: Api) -> None:
    await made(api, every_seconds=1, start="2029-01-01T00:00:00Z")
    told = problem(await api.post("/schedules/nightly/backfill", {**MORNING, "from": "2029-01-01T00:00:00Z"}), 422)
    assert places(told) == ["until"]


async def test_a_backfill_of_what_cannot_be_started_any_more_stores_nothing_and_says_why(api: Api) -> None:
    await behind(api, overlap="allow")
    stricter = document.dumps({**REPORT, "input_schema": {"required": ["month"]}})
    assert (await api.send("/workflows", stricter)).status_code == 201
    told = problem(await api.post("/schedules/nightly/backfill", MORNING), 422)
    assert places(told) == ["input"]
    await api.connection.execute("delete from easyflow.workflows")
    told = problem(await api.post("/schedules/nightly/backfill", MORNING), 409, "conflict")
    assert told["detail"] == "there is no workflow report, so nothing can be started; register it first"
    assert await api.count("runs") == 0
    assert {each.outcome for each in (await slots_of(api)).items} == {"missed"}
