"""What happened to one job, over HTTP; and how far it says it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.api import schemas
from easyflow.engine.housekeeping import Promoter
from easyflow.storage.sql import Connection, statement
from tests.support.api import Api, problem, shaped
from tests.support.factories import BACK, DONE, FAILED, RETRY, birthday, claim, end, stop_clock

Events = schemas.Listing[schemas.JobEvent]


async def events(api: Api, job_id: UUID) -> list[schemas.JobEvent]:
    return shaped(await api.get(f"/jobs/{job_id}/events"), Events).items


async def step(connection: Connection, seconds: int) -> None:
    """Move the clock on, so that nothing happens at the same instant."""
    await stop_clock(connection, await birthday(connection) + timedelta(seconds=seconds))


async def report(connection: Connection, claimed: Any, *, done: int, total: int | None, note: str | None) -> None:
    """Say how far an attempt is, as its executor does."""
    await statement("record_progress").fetch(
        connection,
        job_ids=[claimed["job_id"]],
        claim_tokens=[claimed["claim_token"]],
        done=[done],
        totals=[total],
        notes=[note],
    )


async def test_a_life_is_told_from_submit_to_end(api: Api) -> None:
    await step(api.connection, 0)
    job_id = await api.submit()
    executor_id = uuid4()
    for second, outcome in ((1, RETRY), (3, FAILED)):
        await step(api.connection, second)
        await Promoter().run_once(api.connection)
        claimed = await claim(api.connection, executor_id=executor_id)
        await step(api.connection, second + 1)
        await end(api.connection, claimed, outcome, executor_id)
    await step(api.connection, 5)
    reply = await api.post(f"/dead-letters/{job_id}/replay", {"reason": "the bank is back", "seen_version": 1})
    assert reply.status_code == 200
    await step(api.connection, 6)
    await claim(api.connection, executor_id=executor_id)
    told = await events(api, job_id)
    assert [(each.kind, each.actor, each.reason) for each in told] == [
        ("submitted", None, None),
        ("claimed", None, None),
        ("retried", None, None),
        ("claimed", None, None),
        ("failed", None, None),
        ("replayed", "api", "the bank is back"),
        ("claimed", None, None),
    ]
    start = await birthday(api.connection)
    assert [(each.at - start).total_seconds() for each in told] == [0, 1, 2, 3, 4, 5, 6]
    assert told[1].detail == {"lease_no": 1, "executor_id": str(executor_id)}
    assert told[2].detail == {
        "lease_no": 1,
        "error_type": "ValueError",
        "error_message": "the amount is negative",
        "error_code": "negative",
    }
    assert told[6].detail == {"lease_no": 3, "executor_id": str(executor_id)}


async def test_what_happens_in_one_instant_is_told_in_its_order(api: Api) -> None:
    await step(api.connection, 0)
    job_id = await api.submit()
    await end(api.connection, await claim(api.connection), RETRY)
    await Promoter().run_once(api.connection)
    await end(api.connection, await claim(api.connection), DONE)
    told = [each.kind for each in await events(api, job_id)]
    assert told == ["submitted", "claimed", "retried", "claimed", "succeeded"]


async def test_the_acts_of_operators_are_told_with_their_reasons(api: Api) -> None:
    job_id = await api.submit(delay_seconds=3600)
    await api.post(f"/jobs/{job_id}/run-now", {"reason": "it is urgent"})
    await api.post(f"/jobs/{job_id}/cancel", {"reason": "it is not"})
    told = [(each.kind, each.actor, each.reason) for each in await events(api, job_id)]
    assert told == [("submitted", None, None), ("run now", "api", "it is urgent"), ("cancelled", "api", "it is not")]


async def test_of_a_long_life_the_latest_events_are_told(api: Api) -> None:
    job_id = await api.submit()
    await api.connection.execute(
        "insert into easyflow.job_events (job_id, at, kind, actor)"
        " select $1, easyflow.clock() + n * interval '1 second', 'n' || n, 'test' from generate_series(1, 600) as n",
        job_id,
    )
    listing = shaped(await api.get(f"/jobs/{job_id}/events"), Events)
    assert (listing.total.value, listing.total.kind, listing.next_cursor) == (500, "capped", None)
    assert (listing.items[0].kind, listing.items[-1].kind) == ("n101", "n600")


@pytest.mark.parametrize("job_id", ["8a524c38-e8fe-4216-b706-40fe8a2631cd", "nonsense"])
async def test_of_a_job_that_does_not_exist_nothing_is_told(api: Api, job_id: str) -> None:
    problem(await api.get(f"/jobs/{job_id}/events"), 404, "not_found")


async def test_a_job_says_how_far_its_latest_attempt_is(api: Api) -> None:
    job_id = await api.submit()
    assert shaped(await api.get(f"/jobs/{job_id}"), schemas.JobDetail).progress is None
    (claimed,) = await claim(api.connection)
    await report(api.connection, claimed, done=3, total=10, note="posting")
    progress = shaped(await api.get(f"/jobs/{job_id}"), schemas.JobDetail).progress
    assert progress is not None
    assert (progress.done, progress.total, progress.note) == (3, 10, "posting")
    await end(api.connection, [claimed], BACK)
    assert shaped(await api.get(f"/jobs/{job_id}"), schemas.JobDetail).progress == progress
    (again,) = await claim(api.connection)
    assert shaped(await api.get(f"/jobs/{job_id}"), schemas.JobDetail).progress is None
    await report(api.connection, again, done=1, total=None, note=None)
    progress = shaped(await api.get(f"/jobs/{job_id}"), schemas.JobDetail).progress
    assert progress is not None
    assert (progress.done, progress.total, progress.note) == (1, None, None)
