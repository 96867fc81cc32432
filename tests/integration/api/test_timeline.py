"""The timeline guard over HTTP: shown, counted, and released by one of two operators."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from easyflow.api import schemas, stats_schemas
from easyflow.storage import tasks, timeline
from easyflow.storage.tasks import TaskRow
from tests.support.api import Api, places, problem, shaped
from tests.support.factories import place, submit, ticket

TIMES = {"lost_from": "2020-01-01T00:00:00Z", "lost_until": "2100-01-01T00:00:00+01:00"}


async def shown(api: Api) -> stats_schemas.Timeline:
    return shaped(await api.get("/timeline"), stats_schemas.Timeline)


async def trip(api: Api) -> int:
    """Trip the guard; the version an operator then sees."""
    await timeline.adopt(api.connection)
    kept = (await timeline.look(api.connection)).kept
    assert kept is not None
    assert await timeline.trip(api.connection, kept, actor="worker:1", said=["it went back"], epoch=1)
    return kept.version + 1


async def notice(api: Api) -> dict[str, Any]:
    overview = shaped(await api.get("/stats/overview"), stats_schemas.Overview)
    return overview.timeline.model_dump(mode="json")


async def test_the_guard_is_shown_from_before_the_first_worker_until_after_a_release(api: Api) -> None:
    assert ((await shown(api)).state, (await shown(api)).kept) == ("unwatched", None)
    assert await notice(api) == {"state": "unwatched", "since": None, "differences": []}
    await timeline.adopt(api.connection)
    watched = await shown(api)
    assert (watched.state, watched.version, watched.differences, watched.blind) == ("watching", 1, [], False)
    assert watched.kept is not None
    assert watched.kept.system_identifier == watched.found.system_identifier
    version = await trip(api)
    paused = await shown(api)
    assert (paused.state, paused.version, paused.differences) == ("tripped", version, ["it went back"])
    told = await notice(api)
    assert (told["state"], told["differences"]) == ("tripped", ["it went back"])
    assert told["since"] is not None
    assert shaped(await api.client.get("/readyz"), schemas.Health).timeline == "tripped"
    assert "easyflow_unsafe_jobs_paused 1.0" in (await api.client.get("/metrics")).text
    said = {**TIMES, "reason": "it burned", "seen_version": version}
    answered = shaped(await api.post("/timeline/release", said), stats_schemas.Timeline)
    assert (answered.state, answered.version) == ("releasing", version + 1)
    after = await shown(api)
    assert (after.state, after.reason, after.released_by) == ("watching", "it burned", "api")
    assert await notice(api) == {"state": "watching", "since": None, "differences": []}
    assert shaped(await api.client.get("/readyz"), schemas.Health).timeline == "watching"


async def test_a_release_parks_unsafe_jobs_and_is_audited_with_its_request(api: Api) -> None:
    await tasks.register(api.connection, [TaskRow("pay", "unsafe", "default", 5, 60.0, "shared", "d", "", "{}", None)])
    (job_id,) = await submit(api.connection, ticket(task="pay"))
    version = await trip(api)
    said = {**TIMES, "reason": "it burned", "seen_version": version}
    reply = await api.post("/timeline/release", said)
    assert reply.status_code == 200
    assert await place(api.connection, job_id) == "IN_DOUBT"
    (row,) = await api.connection.fetch("select act, reason, after::text, request_id from easyflow.audit")
    assert (row["act"], row["reason"]) == ("release timeline", "it burned")
    assert row["request_id"] == reply.headers["x-request-id"]
    assert json.loads(row["after"])["lost_until"] == "2099-12-31T23:00:00+00:00"


async def test_of_two_operators_one_wins_and_the_other_gets_409(api: Api) -> None:
    version = await trip(api)
    said = {"nothing_lost": True, "reason": "planned", "seen_version": version}
    replies = await asyncio.gather(*(api.post("/timeline/release", said) for _ in range(2)))
    assert sorted(reply.status_code for reply in replies) == [200, 409]
    (refused,) = [reply for reply in replies if reply.status_code == 409]
    assert problem(refused, 409)["version"] > version
    problem(await api.post("/timeline/release", {**said, "seen_version": 99}), 409, "stale_version")


async def test_a_release_that_is_repeated_under_its_key_gets_the_same_answer(api: Api) -> None:
    said = {**TIMES, "reason": "it burned", "seen_version": await trip(api)}
    first, again = [await api.post("/timeline/release", said, idempotency_key="k") for _ in range(2)]
    assert (first.status_code, again.status_code, again.text) == (200, 200, first.text)
    assert await api.connection.fetchval("select count(*) from easyflow.audit") == 1


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"lost_from": TIMES["lost_from"]},
        {**TIMES, "nothing_lost": True},
        {"lost_from": "2020-01-02", "lost_until": "2020-01-03"},
        {"lost_from": TIMES["lost_until"], "lost_until": TIMES["lost_from"]},
    ],
)
async def test_a_release_that_does_not_say_what_was_lost_is_refused(api: Api, said: dict[str, Any]) -> None:
    version = await trip(api)
    told = problem(await api.post("/timeline/release", {**said, "reason": "r", "seen_version": version}), 422)
    assert places(told)
    assert (await shown(api)).state == "tripped"
