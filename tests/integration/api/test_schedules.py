"""Schedules over HTTP: made, changed, paused, removed, each once, and what became of their slots."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from easyflow.api import schedule_schemas, schemas
from tests.support.api import Api, places, problem, shaped
from tests.support.asked_runs import know
from tests.support.asked_schedules import (
    NIGHTLY,
    change,
    changed,
    know_report,
    look,
    made,
    slots_of,
    turn,
)
from tests.support.command_line import running_worker
from tests.support.factories import stop_clock
from tests.support.runs import step, workflow
from tests.support.schedules import NOON
from tests.support.waiting import until

HOUR = timedelta(hours=1)
REPLAYED = "idempotency-replayed"


async def test_a_schedule_is_made_listed_and_shown_with_its_next_slot(api: Api) -> None:
    first = await made(api, cron="30 14 * * *", zone="Europe/Berlin", tags=["red", "blue", "red"])
    assert (first.cron, first.zone, first.every_seconds, first.start, first.at) == (
        "30 14 * * *", "Europe/Berlin", None, None, None,
    )  # fmt: skip
    assert (first.next_slot, first.last_slot, first.latest) == (NOON + 1.5 * HOUR, None, None)
    assert (first.version, first.tags, first.overlap, first.catch_up) == (1, ["blue", "red"], "skip", "last")
    second = await made(api, name="once", at="2030-01-02T03:00:00+01:00")
    assert (second.at, second.next_slot) == (NOON + 14 * HOUR, NOON + 14 * HOUR)
    third = await made(api, name="beat", every_seconds=90)
    assert (third.start, third.next_slot) == (NOON, NOON + timedelta(seconds=90))
    page = shaped(await api.get("/schedules", limit=2), schemas.Listing[schedule_schemas.Schedule])
    assert ([each.name for each in page.items], page.total.value) == (["beat", "nightly"], 3)
    rest = await api.get("/schedules", cursor=page.next_cursor)
    assert [each["name"] for each in rest.json()["items"]] == ["once"]
    assert rest.json()["next_cursor"] is None
    assert (await look(api)).model_dump() == {**first.model_dump(), "input": {"day": 1}, "waiting": 0}


async def test_an_input_is_kept_with_every_digit(api: Api) -> None:
    await know_report(api)
    text = '{"name": "n", "workflow": "report", "input": {"day": 12345678901234567890, "n": 1.10}, "cron": "@daily"}'
    assert (await api.send("/schedules", text)).status_code == 201
    shown = (await api.get("/schedules/n")).text
    assert '"day": 12345678901234567890' in shown
    assert '"n": 1.10' in shown


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no times": ({"cron": None}, ["cron"]),
    "two kinds of times": ({"every_seconds": 5}, ["cron"]),
    "a field too few": ({"cron": "* * * *"}, ["cron"]),
    "an unknown zone": ({"zone": "Mars/Base"}, ["zone"]),
    "a wrong cron in a wrong zone": ({"cron": "61 * * * *", "zone": "Mars/Base"}, ["cron", "zone"]),
    "a zone of an interval": ({"cron": None, "every_seconds": 5, "zone": "UTC"}, ["zone"]),
    "a start of a cron": ({"start": "2030-01-01T00:00:00Z"}, ["start"]),
    "an interval of no time": ({"cron": None, "every_seconds": 0}, ["every_seconds"]),
    "a time without offset": ({"cron": None, "at": "2030-01-01T00:00:00"}, ["at"]),
    "a time that has passed": ({"cron": None, "at": "2029-01-01T00:00:00Z"}, ["at"]),
    "a time behind the calendar": ({"cron": None, "at": "9999-12-31T23:59:59-14:00"}, ["at"]),
    "an unknown workflow": ({"workflow": "reprot"}, ["workflow"]),
    "an input that does not fit": ({"input": {"day": "x"}}, ["input.day"]),
    "an unknown overlap": ({"overlap": "both"}, ["overlap"]),
    "a limit of nothing": ({"catch_up_limit": 0}, ["catch_up_limit"]),
    "a name of other letters": ({"name": "née"}, ["name"]),
    "an unknown field": ({"crno": "@daily"}, ["crno"]),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_schedule_that_does_not_fit_is_refused_with_its_places(api: Api, case: str) -> None:
    await know_report(api)
    said, at = WRONG[case]
    assert places(problem(await api.post("/schedules", {**NIGHTLY, **said}), 422, "invalid")) == at
    assert (await api.count("schedules"), await api.count("idempotency_keys")) == (0, 0)


async def test_the_same_key_makes_one_schedule_and_another_of_its_name_is_refused(api: Api) -> None:
    await know_report(api)
    first, again = [await api.post("/schedules", NIGHTLY, idempotency_key="k1") for _ in range(2)]
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    problem(await api.post("/schedules", {**NIGHTLY, "cron": "@daily"}, idempotency_key="k1"), 422)
    problem(await api.post("/schedules", NIGHTLY), 409, "conflict")
    assert await api.connection.fetchval("select count(*) from easyflow.audit where act = 'create schedule'") == 1


async def test_a_change_changes_what_it_names_and_nothing_else(api: Api) -> None:
    first = await made(api, zone="Europe/Berlin", tags=["red"], overlap="queue", catch_up="all", catch_up_limit=7)
    later = await changed(api, cron="0 3 * * *", input={"day": 2}, reason="the bank is closed")
    assert (later.cron, later.zone, later.next_slot, later.version) == (
        "0 3 * * *", "Europe/Berlin", NOON + 14 * HOUR, 2,
    )  # fmt: skip
    kept = ("workflow", "tags", "overlap", "catch_up", "catch_up_limit", "paused", "created_at")
    assert [getattr(later, name) for name in kept] == [getattr(first, name) for name in kept]
    assert (await look(api)).input == {"day": 2}
    told = problem(await change(api, {"seen_version": 1, "cron": "@never"}), 409, "stale_version")
    assert told["version"] == 2
    assert (await changed(api, tags=[], overlap="allow")).tags == []
    (row, _) = await api.connection.fetch("select * from easyflow.audit where act = 'change schedule' order by id")
    assert (row["actor"], row["object_id"], row["reason"]) == ("api", "nightly", "the bank is closed")


async def test_a_change_of_times_keeps_what_goes_with_their_kind(api: Api) -> None:
    await made(api, every_seconds=60, start="2030-01-01T11:59:30Z")
    slower = await changed(api, every_seconds=3600)
    assert (slower.start, slower.next_slot) == (NOON - timedelta(seconds=30), NOON + timedelta(minutes=59.5))
    cron = await changed(api, cron="@daily")
    assert (cron.cron, cron.zone, cron.every_seconds, cron.start) == ("@daily", "UTC", None, None)
    berlin = await changed(api, zone="Europe/Berlin")
    assert (berlin.cron, berlin.zone, berlin.next_slot) == ("@daily", "Europe/Berlin", NOON + 11 * HOUR)
    beat = await changed(api, every_seconds=10)
    assert (beat.cron, beat.zone, beat.start) == (None, None, NOON)


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({}, ["body"]),
        ({"reason": "why not"}, ["body"]),
        ({"input": {"day": None}}, ["input.day"]),
        ({"workflow": "reprot"}, ["workflow"]),
        ({"start": "2030-01-01T00:00:00Z"}, ["start"]),
        ({"at": "2029-01-01T00:00:00Z"}, ["at"]),
        ({"cron": "@daily", "every_seconds": 1}, ["cron"]),
        ({"name": "other"}, ["name"]),
    ],
)
async def test_a_change_that_does_not_fit_changes_nothing(api: Api, said: dict[str, Any], at: list[str]) -> None:
    before = await made(api)
    assert places(problem(await change(api, {"seen_version": 1, **said}), 422, "invalid")) == at
    assert (await look(api)).model_dump(exclude={"input", "waiting"}) == before.model_dump()


async def test_a_paused_schedule_starts_nothing_and_goes_on_from_its_next_slot(api: Api) -> None:
    await made(api)
    paused = shaped(
        await api.post("/schedules/nightly/pause", {"reason": "the bank is closed"}), schedule_schemas.Schedule
    )
    assert (paused.paused, paused.paused_reason, paused.next_slot) == (True, "the bank is closed", None)
    problem(await api.post("/schedules/nightly/pause"), 409, "conflict")
    await stop_clock(api.connection, NOON + 2.5 * HOUR)
    await turn(api)
    assert await api.count("runs") == 0
    first, again = [await api.post("/schedules/nightly/resume", idempotency_key="k1") for _ in range(2)]
    assert (first.json(), again.headers[REPLAYED]) == (again.json(), "true")
    resumed = shaped(first, schedule_schemas.Schedule)
    assert (resumed.paused, resumed.paused_reason, resumed.next_slot) == (False, None, NOON + 3 * HOUR)
    assert resumed.latest is not None
    assert (resumed.latest.outcome, resumed.latest.detail) == (
        "missed",
        "the schedule was paused: the bank is closed",
    )
    (missed,) = (await slots_of(api)).items
    assert (missed.slot, missed.last_slot, missed.slots) == (NOON + HOUR, NOON + 2 * HOUR, 2)


async def test_a_schedule_may_be_made_paused(api: Api) -> None:
    held = await made(api, paused=True, reason="not yet")
    assert (held.paused, held.paused_reason, held.next_slot) == (True, "not yet", None)


async def test_a_removed_schedule_is_gone_with_its_slots_and_its_runs_stay(api: Api) -> None:
    await made(api)
    await stop_clock(api.connection, NOON + HOUR)
    await turn(api)
    gone = await api.client.request(
        "DELETE", "/api/v1/schedules/nightly", params={"reason": "not needed"}, headers={"idempotency-key": "k1"}
    )
    shaped(gone, schedule_schemas.RemovedSchedule)
    again = await api.client.delete("/api/v1/schedules/nightly", headers={"idempotency-key": "k2"})
    problem(again, 404, "not_found")
    assert (await api.count("schedules"), await api.count("schedule_slots"), await api.count("runs")) == (0, 0, 1)
    assert await api.connection.fetchval("select reason from easyflow.audit where act = 'delete schedule'") == (
        "not needed"
    )


async def test_what_became_of_each_slot_is_listed_page_by_page(api: Api) -> None:
    await made(api)
    for hour in (1, 2, 3):
        await stop_clock(api.connection, NOON + hour * HOUR)
        await turn(api)
    page = await slots_of(api, limit=2)
    assert [(each.slot, each.outcome, each.detail) for each in page.items] == [
        (NOON + 3 * HOUR, "skipped", "a run of this schedule was still live"),
        (NOON + 2 * HOUR, "skipped", "a run of this schedule was still live"),
    ]
    assert (page.total.value, page.total.kind) == (3, "exact")
    rest = await slots_of(api, limit=2, cursor=page.next_cursor)
    (started,) = rest.items
    assert (started.slot, started.outcome, started.run_state, rest.next_cursor) == (
        NOON + HOUR, "started", "RUNNING", None,
    )  # fmt: skip
    run = (await api.get(f"/runs/{started.run_id}")).json()
    assert (run["schedule"], run["input"]) == ("nightly", {"day": 1})
    listed = (await api.get("/schedules")).json()["items"][0]
    assert (listed["latest"]["outcome"], listed["last_slot"]) == ("skipped", "2030-01-01T15:00:00Z")


async def test_a_schedule_that_does_not_exist_is_not_found(api: Api) -> None:
    await know(api)
    for path in ("", "/slots", "/preview"):
        problem(await api.get(f"/schedules/gone{path}"), 404, "not_found")
    for act in ("pause", "resume"):
        problem(await api.post(f"/schedules/gone/{act}"), 404, "not_found")
    stretch = {"from": "2030-01-01T00:00:00Z", "until": "2030-01-02T00:00:00Z"}
    problem(await api.post("/schedules/gone/backfill", stretch), 404, "not_found")
    problem(await change(api, {"seen_version": 1, "tags": []}, "gone"), 404, "not_found")


async def test_an_interval_of_a_second_runs_with_a_real_worker_and_is_paused_and_resumed(
    api: Api, database_url: str
) -> None:
    chain = workflow(step("say", task="demo.echo", input={"message": "${input.word}"}), name="report")
    wanted = {"name": "nightly", "workflow": "report", "input": {"word": "hello"}, "every_seconds": 1}

    async def succeeded() -> int:
        return int((await api.get("/runs", workflow="report", state="SUCCEEDED")).json()["total"]["value"])

    async with running_worker(database_url):

        async def registered() -> bool:
            return (await api.post("/workflows", chain)).status_code in (200, 201)

        await until(30, registered)
        assert (await api.post("/schedules", wanted)).status_code == 201

        async def three() -> bool:
            return await succeeded() >= 3

        await until(30, three)
        assert (await api.post("/schedules/nightly/pause", {"reason": "enough"})).status_code == 200
        paused_at, before = await clock(api), await api.count("runs")

        async def two_slots_later() -> bool:
            return await clock(api) > paused_at + timedelta(seconds=2.2)

        await until(10, two_slots_later)
        assert await api.count("runs") == before
        assert (await api.post("/schedules/nightly/resume")).status_code == 200

        async def more() -> bool:
            return await succeeded() > before

        await until(30, more)
        await api.post("/schedules/nightly/pause")
    slots = [each.slot for each in (await slots_of(api, limit=500)).items if each.outcome == "started"]
    assert len(slots) == len(set(slots)) == await api.count("runs")


async def clock(api: Api) -> datetime:
    now: datetime = await api.connection.fetchval("select easyflow.clock()")
    return now
