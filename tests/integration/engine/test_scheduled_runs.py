"""Schedules and real workflows: the newest version at the slot, inputs that do not fit, runs that are replaced."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from easyflow.domain.due import Overlap
from easyflow.domain.workflow.reading import read
from easyflow.engine.runs import RunKeeper
from easyflow.engine.scheduler import Scheduler
from easyflow.storage.sql import Connection
from easyflow.storage.workflows import register
from easyflow.submission.scheduled_runs import ScheduledRuns
from tests.conftest import Connect
from tests.support.factories import stop_clock
from tests.support.runs import claim_all, step, workflow
from tests.support.schedules import NAME, NOON, details, make_schedule, outcomes

HOUR = timedelta(hours=1)
DAY = {"type": "object", "properties": {"day": {"type": "integer"}}, "required": ["day"]}


async def known(connection: Connection, *steps: dict[str, Any], **facts: Any) -> None:
    await register(connection, read(workflow(*steps, name="report", **facts)), actor="test")


async def turn_at(connection: Connection, hours: int) -> list[dict[str, str]]:
    await stop_clock(connection, NOON + hours * HOUR)
    return await Scheduler(ScheduledRuns, 0.25).run_once(connection)


async def test_a_slot_starts_the_newest_version_with_its_input_and_tags(connect: Connect) -> None:
    connection = await connect()
    await known(connection, step("a", input={"n": "${input.day}"}), input_schema=DAY)
    await make_schedule(connection, overlap=Overlap.ALLOW, input='{"day": 7}', tags=("nightly",))
    assert await turn_at(connection, 1) == [{"queue": "default"}]
    await known(connection, step("a"), step("b"))
    await turn_at(connection, 2)
    runs = await connection.fetch("select id, version, schedule, slot, input from easyflow.runs order by slot")
    assert [tuple(run)[1:4] for run in runs] == [(1, NAME, NOON + HOUR), (2, NAME, NOON + 2 * HOUR)]
    assert [json.loads(run["input"]) for run in runs] == [{"day": 7}] * 2
    assert await connection.fetchval("select count(*) from easyflow.run_tags where tag = 'nightly'") == 2
    payloads = [json.loads(job["payload"]) for job in await claim_all(connection)]
    assert payloads == [{"n": 7}, {"day": 7}, {"day": 7}]


async def test_an_input_that_does_not_fit_is_refused_with_the_place(connect: Connect) -> None:
    connection = await connect()
    await known(connection, step("a"), input_schema=DAY)
    await make_schedule(connection, input='{"day": "Monday"}')
    await turn_at(connection, 1)
    assert await outcomes(connection) == [("refused", NOON + HOUR)]
    (said,) = await details(connection)
    assert said is not None
    assert said.startswith("the input does not fit the workflow; input.day: ")
    assert "Monday" not in said


async def test_a_workflow_that_does_not_exist_is_refused_by_name(connect: Connect) -> None:
    connection = await connect()
    await known(connection, step("a"))
    await make_schedule(connection, workflow="ghost")
    await turn_at(connection, 1)
    assert await details(connection) == ["there is no workflow ghost"]


async def test_a_run_that_is_replaced_stops_before_the_next_begins(connect: Connect) -> None:
    connection = await connect()
    await known(connection, step("a"))
    await make_schedule(connection, overlap=Overlap.CANCEL)
    await turn_at(connection, 1)
    await turn_at(connection, 2)
    assert [outcome for outcome, _ in await outcomes(connection)] == ["started", "queued"]
    await RunKeeper().run_once(connection)
    await turn_at(connection, 2)
    rows = await connection.fetch("select state, reason from easyflow.runs order by slot")
    assert [row["state"] for row in rows] == ["CANCELLED", "RUNNING"]
    assert rows[0]["reason"] == "replaced by the run of nightly for 2030-01-01T14:00:00+00:00"


async def test_a_run_whose_key_replaces_another_cancels_that_one(connect: Connect) -> None:
    connection = await connect()
    await known(connection, step("a"), key="${input.k}", key_policy="replace")
    await make_schedule(connection, overlap=Overlap.ALLOW, input='{"k": "x"}')
    for hours in (1, 2):
        await turn_at(connection, hours)
    stopping = await connection.fetch("select stopping from easyflow.runs order by slot")
    assert [row["stopping"] for row in stopping] == ["CANCELLED", None]
