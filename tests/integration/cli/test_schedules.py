"""`easyflow schedules`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from easyflow.cli.connection import actor
from easyflow.domain.workflow.reading import read
from easyflow.engine.scheduler import Scheduler
from easyflow.storage import workflows
from easyflow.storage.sql import Connection
from easyflow.storage.tasks import register
from easyflow.submission.scheduled_runs import ScheduledRuns
from tests.integration.cli.conftest import Easyflow
from tests.support.api import running_api, task_row
from tests.support.asked_schedules import REPORT
from tests.support.command_line import Called, running_worker
from tests.support.factories import stop_clock
from tests.support.runs import TASK, step, work, workflow
from tests.support.schedules import NOON
from tests.support.waiting import until

HOUR = timedelta(hours=1)
MADE = ("nightly", "report", '{"day": 1}')
HOURLY = ("--cron", "0 * * * *")
RANGE = ("--from", "2030-01-01T13:00:00Z", "--until", "2030-01-01T16:00:00Z")


@pytest.fixture(autouse=True)
async def known(database: Connection) -> None:
    """The workflow is registered, and the clock stands at noon."""
    await register(database, [task_row(TASK)])
    await workflows.register(database, read(REPORT), actor="test")
    await stop_clock(database, NOON)


async def done(easyflow: Easyflow, *words: str) -> Called:
    """Call it, which must do what it was told."""
    called = await easyflow("schedules", *words)
    assert called.code == 0, called.err
    return called


async def turn_at(database: Connection, hours: float) -> None:
    await stop_clock(database, NOON + hours * HOUR)
    await Scheduler(ScheduledRuns, 0.25).run_once(database)


async def shown(easyflow: Easyflow) -> dict[str, Any]:
    found: dict[str, Any] = (await done(easyflow, "show", "nightly", "--json")).json
    return found


async def test_a_schedule_is_made_and_shown_as_the_api_shows_it(
    easyflow: Easyflow, database: Connection, database_url: str
) -> None:
    words = ("--tag", "red", "--overlap", "queue", "--catch-up", "ALL", "--catch-up-limit", "3")
    made = await done(easyflow, "create", *MADE, "--cron", "30 14 * * *", "--zone", "Europe/Berlin", *words)
    assert made.out == "nightly, version 1: its next slot is 2030-01-01T13:30:00Z\n"
    async with running_api(database_url) as client:
        assert await shown(easyflow) == (await client.get("/api/v1/schedules/nightly")).json()
        listed = (await done(easyflow, "list", "--json")).json
        assert listed == (await client.get("/api/v1/schedules")).json()
    text = (await done(easyflow, "show", "nightly")).out
    assert ["due", "30", "14", "*", "*", "*", "Europe/Berlin"] in [line.split() for line in text.splitlines()]
    assert '"day": 1' in text
    (told,) = await database.fetch("select actor, object_id from easyflow.audit where act = 'create schedule'")
    assert tuple(told) == (actor(), "nightly")


async def test_the_list_tells_what_became_of_the_last_slot(easyflow: Easyflow, database: Connection) -> None:
    assert (await done(easyflow, "list")).out.startswith("There are no schedules yet")
    await done(easyflow, "create", *MADE, *HOURLY)
    await done(easyflow, "create", "beat", *MADE[1:], "--every", "1d", "--paused")
    await turn_at(database, 1)
    lines = (await done(easyflow, "list")).out.splitlines()
    assert lines[1].split() == ["beat", "report", "every", "86400", "s", "-", "yes", "-", "-"]
    assert lines[2].endswith("no      2030-01-01T13:00:00Z  started, RUNNING")
    assert lines[3] == "2 schedules"
    first = (await done(easyflow, "list", "--limit", "1")).out.splitlines()
    assert first[-1] == "2 schedules; go on with --after beat"
    assert "nightly" in (await done(easyflow, "list", "--after", "beat")).out


async def test_what_became_of_slots_is_listed(easyflow: Easyflow, database: Connection) -> None:
    await done(easyflow, "create", *MADE, *HOURLY)
    assert (await done(easyflow, "slots", "nightly")).out == "No slot has come yet.\n"
    await turn_at(database, 1)
    await turn_at(database, 2)
    await done(easyflow, "pause", "nightly", "--reason", "the bank is closed")
    await turn_at(database, 4.5)
    await done(easyflow, "resume", "nightly")
    lines = (await done(easyflow, "slots", "nightly")).out.splitlines()
    assert "2 missed, up to 2030-01-01T16:00:00Z" in lines[1]
    assert lines[1].endswith("the schedule was paused: the bank is closed")
    assert "skipped" in lines[2]
    assert "started, RUNNING" in lines[3]
    page = (await done(easyflow, "slots", "nightly", "--limit", "2", "--json")).json
    rest = (await done(easyflow, "slots", "nightly", "--after", page["next_cursor"], "--json")).json
    assert [each["outcome"] for each in page["items"] + rest["items"]] == ["missed", "skipped", "started"]
    assert (page["total"], rest["next_cursor"]) == ({"value": 3, "kind": "exact"}, None)


async def test_a_change_changes_what_it_names(easyflow: Easyflow) -> None:
    await done(easyflow, "create", *MADE, *HOURLY, "--zone", "Europe/Berlin", "--tag", "red")
    before = await shown(easyflow)
    changed = await done(easyflow, "change", "nightly", "--cron", "@daily", "--input", '{"day": 2}', "--reason", "why")
    assert changed.out == "nightly, version 2: its next slot is 2030-01-01T23:00:00Z\n"
    after = await shown(easyflow)
    differs = {name for name in after if after[name] != before[name]}
    assert differs - {"updated_at"} == {"cron", "input", "version", "next_slot"}
    late = await easyflow("schedules", "change", "nightly", "--tag", "blue", "--seen-version", "1")
    assert (late.code, "version 2 now, not 1" in late.sentence) == (1, True)
    every = await done(easyflow, "change", "nightly", "--every", "90s", "--json")
    assert (every.json["every_seconds"], every.json["cron"], every.json["tags"]) == (90, None, ["red"])


async def test_a_schedule_is_paused_resumed_and_removed(easyflow: Easyflow, database: Connection) -> None:
    await done(easyflow, "create", *MADE, *HOURLY)
    paused = await done(easyflow, "pause", "nightly", "--reason", "the bank is closed")
    assert paused.out == "nightly, version 2: it is paused\n"
    again = await easyflow("schedules", "pause", "nightly")
    assert (again.code, again.sentence) == (1, "EasyFlow: the schedule is paused already")
    assert (await shown(easyflow))["paused_reason"] == "the bank is closed"
    assert (await done(easyflow, "resume", "nightly", "--json")).json["paused"] is False
    kept = await easyflow("schedules", "remove", "nightly", answer="n\n")
    assert (kept.code, kept.err.splitlines()[-1][-20:]) == (1, "Nothing was changed.")
    assert (await done(easyflow, "remove", "nightly", "--yes")).out == "nightly is removed\n"
    gone = await easyflow("schedules", "show", "nightly")
    assert (gone.code, gone.sentence) == (1, "EasyFlow: there is no schedule nightly")
    acts = await database.fetch("select act from easyflow.audit where object_kind = 'schedule' order by id")
    assert [row["act"] for row in acts] == [f"{word} schedule" for word in ("create", "pause", "resume", "delete")]


async def test_a_backfill_is_told_before_it_is_done_and_starts_runs_once(
    easyflow: Easyflow, database: Connection
) -> None:
    await done(easyflow, "create", *MADE, *HOURLY, "--overlap", "allow", "--paused")
    await turn_at(database, 4.5)
    await done(easyflow, "resume", "nightly")
    dry = await done(easyflow, "backfill", "nightly", *RANGE, "--dry-run")
    assert dry.out.splitlines() == [
        "4 slots would start, from 2030-01-01T13:00:00Z to 2030-01-01T16:00:00Z",
        *(f"  2030-01-01T{hour}:00:00Z" for hour in (13, 14, 15, 16)),
    ]
    some = await done(easyflow, "backfill", "nightly", *RANGE, "--limit", "1", "--reason", "as asked")
    assert some.out.splitlines() == [
        "1 slot started, from 2030-01-01T13:00:00Z to 2030-01-01T13:00:00Z",
        "There are more: the same command again goes on.",
    ]
    rest = (await done(easyflow, "backfill", "nightly", *RANGE, "--json")).json
    assert (len(rest["slots"]), len(rest["runs"]), rest["waiting"], rest["more"]) == (3, 3, 0, False)
    assert (await done(easyflow, "backfill", "nightly", *RANGE)).out == "No slot of this range is without a run.\n"
    assert await work(database) == ["a"] * 4


async def test_a_preview_shows_the_gap_in_spring_and_the_overlap_in_autumn(
    easyflow: Easyflow, database: Connection
) -> None:
    await stop_clock(database, datetime(2030, 3, 30, 12, tzinfo=UTC))
    night = ("--cron", "30 2 * * *", "--zone", "Europe/Berlin")
    lines = (await done(easyflow, "preview", *night)).out.splitlines()
    assert len(lines) == 11
    assert [part.strip() for part in lines[0].split("  ") if part] == ["in Europe/Berlin", "in UTC", "clock", "about"]
    assert lines[1].startswith("Sun 2030-03-31 03:00:00 CEST  2030-03-31T01:00:00Z  gap")
    assert lines[1].endswith("2030-03-31 02:30 in Europe/Berlin does not exist; it runs at 03:00")
    assert lines[2].split()[-2:] == ["-", "-"]
    await done(easyflow, "create", *MADE, *night)
    await stop_clock(database, datetime(2030, 10, 26, 12, tzinfo=UTC))
    (twice,) = (await done(easyflow, "preview", "nightly", "--count", "1", "--json")).json["slots"]
    assert (twice["slot"], twice["change"]) == ("2030-10-27T00:30:00Z", "overlap")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["create", *MADE], "say exactly one of cron, every_seconds and at"),
        (["create", *MADE, "--cron", "* * * *"], "it has 4 fields and needs five"),
        (["create", *MADE, *HOURLY, "--zone", "Mars/Base"], "there is no such time zone"),
        (["create", *MADE, "--every", "1.5s"], "whole seconds"),
        (["create", *MADE, "--at", "tomorrow"], "at: must be a time as RFC 3339 writes it"),
        (["create", *MADE, "--at", "2029-01-01T00:00:00Z"], "this time has passed"),
        (["create", "nightly", "reprot", *HOURLY], "there is no workflow reprot"),
        (["create", "nightly", "report", '{"day": "x"}', *HOURLY], "input.day"),
        (["create", "née", "report", *HOURLY], "is no name of a schedule"),
        (["change", "gone", "--tag", "red"], "there is no schedule gone"),
        (["change", "gone"], "there is no schedule gone"),
        (["backfill", "gone", *RANGE], "there is no schedule gone"),
        (["backfill", "gone", "--from", "2030", "--until", "2031"], "from: must be a time"),
        (["preview"], "name a schedule, or say times"),
        (["preview", "gone"], "there is no schedule gone"),
        (["preview", "gone", *HOURLY], "name a schedule, or say times"),
        (["slots", "gone"], "there is no schedule gone"),
    ],
)
async def test_what_cannot_be_is_refused_in_one_sentence(easyflow: Easyflow, words: list[str], told: str) -> None:
    refused = await easyflow("schedules", *words)
    assert refused.code in (1, 2)
    assert told in refused.sentence


async def test_a_schedule_made_by_command_is_run_by_a_real_worker(
    easyflow: Easyflow, database: Connection, database_url: str
) -> None:
    await database.execute("delete from easyflow.clock_override")
    hello = workflow(step("say", task="demo.echo", input={"message": "${input.word}"}), name="hello")
    await workflows.register(database, read(hello), actor="test")
    await done(easyflow, "create", "beat", "hello", '{"word": "hello"}', "--every", "1s")

    async def twice() -> bool:
        page = (await easyflow("runs", "list", "--workflow", "hello", "--state", "succeeded", "--json")).json
        return bool(page["total"]["value"] >= 2)

    async with running_worker(database_url):
        await until(30, twice)
    inputs = await database.fetch("select input from easyflow.runs where schedule = 'beat'")
    assert {row["input"] for row in inputs} == {json.dumps({"word": "hello"})}
