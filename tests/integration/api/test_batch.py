"""POST /jobs/batch: all or nothing, ids in order, in either form, and one key for the whole."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import pytest

from easyflow.api import schemas
from easyflow.domain import document
from easyflow.submission.door import check
from easyflow.submission.requests import NewJob
from tests.support.api import PAY, Api, places, problem, running_api, shaped
from tests.support.factories import TASK


def jobs(number: int, **facts: Any) -> list[dict[str, Any]]:
    return [{"task": TASK, "payload": {"n": n}, **facts} for n in range(number)]


async def as_lines(api: Api, items: list[Any], **headers: str) -> httpx.Response:
    lines = "\n".join(json.dumps(item) for item in items) + "\n"
    return await api.send("/jobs/batch", lines, content_type="application/x-ndjson", **headers)


async def as_object(api: Api, items: list[Any], **headers: str) -> httpx.Response:
    return await api.post("/jobs/batch", {"jobs": items}, **headers)


FORMS = pytest.mark.parametrize("send", [as_object, as_lines])


@FORMS
async def test_the_ids_of_a_batch_answer_in_its_order(api: Api, send: Any) -> None:
    answer = shaped(await send(api, jobs(500)), schemas.BatchSubmitted, 201)
    assert answer.existing == 0
    rows = await api.connection.fetch("select id, payload from easyflow.jobs")
    stored = {str(row["id"]): json.loads(row["payload"])["n"] for row in rows}
    assert [stored[id] for id in answer.ids] == list(range(500))
    assert await api.count("ready") == 500


@FORMS
async def test_one_bad_job_keeps_the_whole_batch_out_and_is_named(api: Api, send: Any) -> None:
    items = [*jobs(3), {"task": PAY, "payload": {}}, {"task": "unknown"}]
    assert places(problem(await send(api, items), 422, "invalid")) == ["jobs.3.payload", "jobs.4.task"]
    worse: list[Any] = [*jobs(2), {"task": TASK, "priority": "high"}, 5, {"tusk": TASK}]
    told = problem(await send(api, worse), 422, "invalid")
    assert places(told) == ["jobs.2.priority", "jobs.3", "jobs.4.task", "jobs.4.tusk"]
    assert await api.count() == 0


async def test_a_batch_of_one_names_places_as_any_batch(api: Api) -> None:
    assert places(problem(await as_object(api, [{"task": PAY}]), 422)) == ["jobs.0.payload"]


async def test_at_most_a_hundred_problems_are_listed(api: Api) -> None:
    assert len(problem(await as_lines(api, [5] * 1000), 422)["problems"]) == 100
    assert len(problem(await as_object(api, [{"task": PAY}] * 1000), 422)["problems"]) == 100


@FORMS
async def test_a_repeated_batch_with_a_key_stores_nothing_and_answers_the_same_ids(api: Api, send: Any) -> None:
    first = await send(api, jobs(20), idempotency_key="nightly")
    again = await send(api, jobs(20), idempotency_key="nightly")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {"ids": first.json()["ids"], "existing": 20}
    assert await api.count() == 20


async def test_both_forms_of_a_batch_are_the_same_batch(api: Api) -> None:
    first = await as_object(api, jobs(3), idempotency_key="k")
    assert (await as_lines(api, jobs(3), idempotency_key="k")).json()["ids"] == first.json()["ids"]


async def test_the_key_of_a_batch_with_other_jobs_is_refused(api: Api) -> None:
    await as_object(api, jobs(3), idempotency_key="k")
    for other in (jobs(4), jobs(3)[::-1], jobs(3, priority=1), jobs(3, idempotency_key="x")):
        problem(await as_object(api, other, idempotency_key="k"), 422, "idempotency_key_reused")
    assert await api.count() == 3
    assert await api.count("idempotency_keys") == 1


async def test_parallel_batches_with_one_key_are_stored_once(api: Api) -> None:
    replies = await asyncio.gather(*(as_object(api, jobs(30), idempotency_key="k") for _ in range(12)))
    assert sorted(reply.status_code for reply in replies) == [200] * 11 + [201]
    assert len({tuple(reply.json()["ids"]) for reply in replies}) == 1
    assert (await api.count(), await api.count("ready")) == (30, 30)


async def test_items_with_keys_of_their_own_are_found_again(api: Api) -> None:
    single = await api.post("/jobs", jobs(1)[0], idempotency_key="a")
    items = [{**job, "idempotency_key": key} for job, key in zip(jobs(2), ["a", "b"], strict=True)]
    first = shaped(await as_object(api, items), schemas.BatchSubmitted, 201)
    again = shaped(await as_object(api, items), schemas.BatchSubmitted, 200)
    assert (first.ids[0], first.existing) == (single.json()["id"], 1)
    assert (again.ids, again.existing) == (first.ids, 2)
    assert await api.count() == 2


async def test_the_key_of_a_batch_remembers_the_ids_its_items_had_before(api: Api) -> None:
    single = await api.post("/jobs", jobs(1)[0], idempotency_key="a")
    items = [{**jobs(1)[0], "idempotency_key": "a"}, *jobs(1)]
    first = await as_object(api, items, idempotency_key="k")
    again = await as_object(api, items, idempotency_key="k")
    assert again.json()["ids"] == first.json()["ids"]
    assert first.json()["ids"][0] == single.json()["id"]


async def test_jobs_of_a_batch_with_keys_are_admitted(api: Api) -> None:
    await as_object(api, jobs(4, ordering_key="a") + jobs(4, concurrency_key="b"))
    rows = await api.connection.fetch("select key from easyflow.ready order by key")
    assert [row["key"] for row in rows] == ["a", "b"]


@pytest.mark.parametrize("body", [b'{"jobs": []}', b"{}", b"[]", b'{"jobs": {}}', b'{"jobs": [], "more": 1}'])
async def test_an_object_that_is_no_batch_is_refused(api: Api, body: bytes) -> None:
    problem(await api.send("/jobs/batch", body), 422, "invalid")


async def test_lines_may_be_empty_but_not_all_of_them(api: Api) -> None:
    line = json.dumps(jobs(1)[0])
    sent = await api.send("/jobs/batch", f"\n{line}\r\n\n{line}", content_type="application/x-ndjson")
    assert len(shaped(sent, schemas.BatchSubmitted, 201).ids) == 2
    problem(await api.send("/jobs/batch", "\n\n", content_type="application/x-ndjson"), 422, "invalid")


async def test_a_line_that_is_no_json_is_named(api: Api) -> None:
    body = json.dumps(jobs(1)[0]) + "\n{,}\n"
    told = problem(await api.send("/jobs/batch", body, content_type="application/x-ndjson"), 400, "malformed")
    assert places(told) == ["jobs.1"]


@FORMS
async def test_a_batch_of_too_many_jobs_is_refused(database_url: str, api: Api, send: Any) -> None:
    async with running_api(database_url, batch_jobs=10) as client:
        small = Api(client, api.connection)
        assert (await send(small, jobs(10))).status_code == 201
        told = problem(await send(small, jobs(11)), 422, "invalid")
    assert "10 jobs" in told["detail"]
    assert await api.count() == 10


async def test_a_large_batch_is_checked_in_small_bites(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("easyflow.submission.door.BUSY_SECONDS", -1)
    wanted = [NewJob(**job) for job in jobs(100)]
    backend = api.backend
    async with backend.connection() as connection:
        await backend.catalog.lookup(connection, {TASK})
        checking = asyncio.create_task(check(connection, backend.catalog, wanted, backend.settings))
        turns = 0
        while not checking.done():
            turns += 1
            await asyncio.sleep(0)
    assert len(await checking) == 100
    assert turns >= 100


async def test_large_bodies_are_understood_one_at_a_time_beside_the_loop(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyflow.api.body.LARGE_BYTES", 10)
    understand, at_once, threads = document.parse, [0], set()

    def watched(*given: Any, **more: Any) -> Any:
        at_once.append(at_once[-1] + 1)
        threads.add(threading.current_thread())
        try:
            return understand(*given, **more)
        finally:
            at_once.append(at_once[-1] - 1)

    monkeypatch.setattr("easyflow.domain.document.parse", watched)
    replies = await asyncio.gather(*(as_object(api, jobs(50)) for _ in range(6)))
    assert {reply.status_code for reply in replies} == {201}
    assert max(at_once) == 1
    assert threading.main_thread() not in threads
