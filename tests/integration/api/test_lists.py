"""Pages of jobs: complete under inserts, filtered like the facts say, newest first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.api import schemas
from easyflow.domain.outcome import Succeeded
from easyflow.storage.database import acquired
from tests.support.api import PAY, Api, moment, places, problem, shaped
from tests.support.factories import FAILED, RETRY_LATER, TASK, claim, end

Jobs = schemas.Listing[schemas.Job]


async def pages(api: Api, path: str = "/jobs", **query: Any) -> AsyncIterator[dict[str, Any]]:
    cursor = None
    while True:
        page = (await api.get(path, **query, **({"cursor": cursor} if cursor else {}))).json()
        yield page
        cursor = page["next_cursor"]
        if cursor is None:
            return


async def ids(api: Api, **query: Any) -> list[str]:
    return [item["id"] async for page in pages(api, **query) for item in page["items"]]


async def a_mixture(api: Api) -> None:
    """Jobs in every state there is, over two tasks, two queues and two tags."""
    for number in range(6):
        tags = [["red"], ["red", "blue"], []][number % 3]
        for queue in ("default", "letters"):
            await api.submit(queue=queue, tags=tags)
            await api.post("/jobs", {"task": PAY, "payload": {"amount": 1}, "queue": queue, "tags": tags})
    for queue, outcome in (
        ("default", Succeeded("1")),
        ("default", FAILED),
        ("letters", FAILED),
        ("letters", RETRY_LATER),
    ):
        await end(api.connection, await claim(api.connection, 2, queues=[queue], tasks=[TASK, PAY]), outcome)
    await claim(api.connection, 2, tasks=[TASK, PAY])
    for key in ("ordering_key", "concurrency_key"):
        for _ in range(3):
            await api.submit(**{key: "k"}, tags=["blue"])
    await api.post(f"/jobs/{await api.submit(queue='letters', tags=['red'])}/cancel")


async def test_the_list_begins_with_the_newest_job(api: Api) -> None:
    submitted = [str(await api.submit()) for _ in range(5)]
    page = shaped(await api.get("/jobs"), Jobs)
    assert [job.id for job in page.items] == submitted[::-1]
    assert (page.next_cursor, page.total.value, page.total.kind) == (None, 5, "exact")


async def test_an_empty_list_is_a_list(api: Api) -> None:
    page = shaped(await api.get("/jobs"), Jobs)
    assert (page.items, page.next_cursor, page.total.value) == ([], None, 0)


async def test_pages_are_complete_while_jobs_are_added(api: Api) -> None:
    before = {str(await api.submit()) for _ in range(25)}
    seen: list[str] = []
    async for page in pages(api, limit=4):
        seen += [item["id"] for item in page["items"]]
        await api.submit()
    assert set(seen) == before
    assert len(seen) == 25
    assert seen == sorted(seen, reverse=True)


async def test_a_page_that_ends_with_the_last_job_has_no_next_one(api: Api) -> None:
    for _ in range(4):
        await api.submit()
    assert [len(page["items"]) async for page in pages(api, limit=2)] == [2, 2]


@pytest.mark.parametrize(
    "state", [None, "READY", "RUNNING", "SCHEDULED", "BLOCKED", "SUCCEEDED", "FAILED", "CANCELLED"]
)
async def test_every_filter_lists_what_a_look_at_each_job_would(api: Api, state: str | None) -> None:
    await a_mixture(api)
    everything = [item async for page in pages(api) for item in page["items"]]
    for task in (None, TASK, PAY):
        for queue in (None, "default", "letters", "nowhere"):
            for tag in (None, "red", "blue", "green"):
                query = {"state": state, "task": task, "queue": queue, "tag": tag}
                given = {name: value for name, value in query.items() if value is not None}
                expected = [job["id"] for job in everything if fits(job, query)]
                found = [page async for page in pages(api, **given, limit=3)]
                assert [item["id"] for page in found for item in page["items"]] == expected, given
                assert {page["total"]["value"] for page in found} == {len(expected)}, given
                assert all(item["state"] == state for page in found for item in page["items"] if state), given


def fits(job: dict[str, Any], query: dict[str, str | None]) -> bool:
    return all(
        value is None or value == job.get(name) or (name == "tag" and value in job["tags"])
        for name, value in query.items()
    )


@pytest.mark.parametrize("state", ["WAITING", "IN_DOUBT", "SKIPPED"])
async def test_states_nothing_is_in_yet_list_nothing(api: Api, state: str) -> None:
    await a_mixture(api)
    assert await ids(api, state=state) == []


async def test_created_after_takes_jobs_from_that_time_on(api: Api) -> None:
    submitted = [(await api.post("/jobs", {"task": TASK})).json() for _ in range(6)]
    middle = moment(submitted[3]["created_at"])
    later = await ids(api, created_after=middle.isoformat())
    assert {job["id"] for job in submitted[4:]} <= set(later)
    # Ids know milliseconds: what was made in the same one is listed, too.
    for job in submitted[:3]:
        same = millisecond(job["created_at"]) >= millisecond(submitted[3]["created_at"]) - 1
        assert job["id"] not in later or same
    assert await ids(api, created_after="2999-01-01T00:00:00Z") == []
    assert len(await ids(api, created_after="1970-01-01T00:00:00+14:00")) == 6


def millisecond(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


async def test_a_list_shows_no_payloads(api: Api) -> None:
    await api.submit(payload={"word": "unshown"})
    assert "unshown" not in (await api.get("/jobs")).text


async def test_a_count_beyond_the_cap_says_so(api: Api) -> None:
    batch = {"jobs": [{"task": TASK}] * 1001}
    await api.post("/jobs/batch", batch)
    assert (await api.get("/jobs", limit=1)).json()["total"] == {"value": 1000, "kind": "capped"}
    assert (await api.get("/jobs", limit=1, task=PAY)).json()["total"] == {"value": 0, "kind": "exact"}


async def test_a_page_costs_the_same_few_statements_whatever_its_size(api: Api) -> None:
    await a_mixture(api)
    await api.backend.bell.close()
    await api.backend.changes.close()  # a notice that is still to come would take the connection that is listened to
    sent: list[str] = []
    async with AsyncExitStack() as lent:
        for _ in range(api.backend.pool.get_size()):
            connection = await lent.enter_async_context(acquired(api.backend.pool))
            connection.add_query_logger(lambda record: sent.append(record.query))
    counts = []
    for limit in (1, 30):
        del sent[:]
        await api.get("/jobs", limit=limit)
        counts.append(len(sent))
    assert counts == [8, 8], sent  # begin, limit, ids, states, facts, limit, count, commit


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"state": "DEAD"}, "state"),
        ({"task": "a b"}, "task"),
        ({"task": ""}, "task"),
        ({"queue": "\0"}, "queue"),
        ({"tag": "\0"}, "tag"),
        ({"tag": ""}, "tag"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "{" + str(uuid4()) + "}"}, "cursor"),
        ({"created_after": "2030-01-01"}, "created_after"),
        ({"created_after": "1900000000"}, "created_after"),
        ({"stat": "READY"}, "stat"),
        ({"payload": "x"}, "payload"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_named(api: Api, query: dict[str, Any], place: str) -> None:
    assert places(problem(await api.get("/jobs", **query), 422, "invalid")) == [place]


async def test_any_id_is_a_place_to_go_on_from(api: Api) -> None:
    first = await api.submit()
    assert await ids(api, cursor=str(UUID(int=2**128 - 1))) == [str(first)]
    assert await ids(api, cursor=str(UUID(int=0))) == []
