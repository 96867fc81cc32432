"""Schedules over HTTP: a workflow for them to start, schedules of it, and what became of their slots."""

from __future__ import annotations

from typing import Any

import httpx

from easyflow.api import schedule_schemas, schemas
from easyflow.engine.scheduler import Scheduler
from easyflow.submission.scheduled_runs import ScheduledRuns
from tests.support.api import Api, shaped
from tests.support.asked_runs import know
from tests.support.factories import stop_clock
from tests.support.runs import step, workflow
from tests.support.schedules import NOON

INPUT = {"type": "object", "required": ["day"], "properties": {"day": {"type": "integer"}}}
REPORT = workflow(step("a"), name="report", input_schema=INPUT)
NIGHTLY = {"name": "nightly", "workflow": "report", "input": {"day": 1}, "cron": "0 * * * *"}


async def know_report(api: Api) -> None:
    """Register the workflow, and let the clock stand at noon."""
    await know(api)
    assert (await api.post("/workflows", REPORT)).status_code in (200, 201)
    await stop_clock(api.connection, NOON)


async def made(api: Api, **said: Any) -> schedule_schemas.Schedule:
    """Make a schedule of it, hourly unless other times are given."""
    await know_report(api)
    times = {"cron": None} if {"every_seconds", "at"} & said.keys() else {}
    return shaped(await api.post("/schedules", {**NIGHTLY, **times, **said}), schedule_schemas.Schedule, 201)


async def change(api: Api, said: dict[str, Any], name: str = "nightly") -> httpx.Response:
    """Ask for a change."""
    return await api.client.patch(f"/api/v1/schedules/{name}", json=said)


async def changed(api: Api, **said: Any) -> schedule_schemas.Schedule:
    """Change the schedule as it is now."""
    seen = await look(api)
    reply = await change(api, {"seen_version": seen.version, **said})
    return shaped(reply, schedule_schemas.Schedule)


async def look(api: Api, name: str = "nightly") -> schedule_schemas.ScheduleDetail:
    """The schedule as the API shows it."""
    return shaped(await api.get(f"/schedules/{name}"), schedule_schemas.ScheduleDetail)


async def slots_of(api: Api, **query: Any) -> schemas.Listing[schedule_schemas.ScheduleSlot]:
    """What became of its slots."""
    reply = await api.get("/schedules/nightly/slots", **query)
    return shaped(reply, schemas.Listing[schedule_schemas.ScheduleSlot])


async def turn(api: Api) -> None:
    """Do what workers do for schedules that are due."""
    await Scheduler(ScheduledRuns, 0.25).run_once(api.connection)
