"""What is shown over HTTP of effects, and of jobs in doubt."""

from __future__ import annotations

import json
from uuid import UUID

from easyflow.api import schemas
from tests.support.api import Api, moment, shaped
from tests.support.doubts import WHY, doubt, in_doubt
from tests.support.factories import FAILED, claim, end

Jobs = schemas.Listing[schemas.Job]
SAID = {"outcome": "did_not_happen", "reason": "asked the bank", "seen_version": 2}


async def detail(api: Api, job_id: UUID) -> schemas.JobDetail:
    return shaped(await api.get(f"/jobs/{job_id}"), schemas.JobDetail)


async def test_a_job_in_doubt_says_why_and_shows_its_effects(api: Api) -> None:
    job_id = await in_doubt(api.connection, ["reserve", "charge"])
    shown = await detail(api, job_id)
    assert (shown.state, shown.version, shown.effects_total) == ("IN_DOUBT", 1, 2)
    assert shown.in_doubt is not None
    assert (shown.in_doubt.version, shown.in_doubt.reason, shown.in_doubt.cancel_requested) == (1, WHY, False)
    assert [attempt.outcome for attempt in shown.attempts] == ["in_doubt"]
    reserve, charge = shown.effects
    assert (reserve.ordinal, reserve.state, reserve.closed_by, reserve.result) == (1, "happened", "worker", {"n": 1.10})
    assert (charge.ordinal, charge.name, charge.effects, charge.state) == (2, "charge", "unsafe", "open")
    assert (charge.tries, charge.lease_no, charge.closed_at, charge.result_bytes) == (1, 1, None, None)
    assert charge.key == f"{job_id}.2.{charge.request_hash[:8]}"
    assert len(charge.request_hash) == 64
    assert b'"result":{"n": 1.10}' in (await api.get(f"/jobs/{job_id}")).content
    assert moment((await api.get(f"/jobs/{job_id}")).json()["in_doubt"]["since"]) > charge.opened_at


async def test_a_job_that_is_not_in_doubt_says_nothing_of_it(api: Api) -> None:
    shown = await detail(api, await api.submit())
    assert (shown.in_doubt, shown.version, shown.effects, shown.effects_total) == (None, None, [], 0)


async def test_jobs_in_doubt_are_listed_with_the_version_to_settle(api: Api) -> None:
    job_id = await in_doubt(api.connection)
    await api.submit()
    [listed] = shaped(await api.get("/jobs", state="IN_DOUBT"), Jobs).items
    assert (listed.id, listed.state, listed.version) == (str(job_id), "IN_DOUBT", 1)


async def test_the_version_of_a_doubt_stands_before_that_of_an_old_dead_letter(api: Api) -> None:
    job_id = await api.submit()
    await end(api.connection, await claim(api.connection), FAILED)
    await api.post(f"/dead-letters/{job_id}/replay", {"reason": "again", "seen_version": 1})
    [claimed] = await claim(api.connection)
    await doubt(api.connection, claimed)
    assert (await detail(api, job_id)).version == 2
    assert [job.version for job in shaped(await api.get("/jobs"), Jobs).items] == [2]
    assert (await api.post(f"/jobs/{job_id}/settle", SAID)).status_code == 200


async def test_of_a_long_ledger_what_is_open_and_the_latest_is_shown(api: Api) -> None:
    job_id = await in_doubt(api.connection, [f"step {n}" for n in range(130)])
    await api.connection.execute(
        "update easyflow.effects set state = 'open', closed_at = null, result = null where job_id = $1 and ordinal = 3",
        job_id,
    )
    shown = await detail(api, job_id)
    assert [effect.ordinal for effect in shown.effects] == [3, *range(32, 131)]
    assert shown.effects_total == 130


async def test_results_that_are_too_many_for_one_answer_are_told_by_their_size(api: Api) -> None:
    job_id = await in_doubt(api.connection, ["a", "b", "c", "d"])
    big = json.dumps("x" * 700_000)
    await api.connection.execute(
        "update easyflow.effects set result = $2 where job_id = $1 and state = 'happened'", job_id, big
    )
    first, second, third, open_one = (await detail(api, job_id)).effects
    assert (first.result, first.result_bytes) == (None, len(big))
    assert len(second.result) == len(third.result) == 700_000
    assert (open_one.result, open_one.result_bytes) == (None, None)
