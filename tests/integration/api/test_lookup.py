"""Finding anything by what somebody has in hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.api import schemas, stats_schemas
from easyflow.storage import lookup, workers
from tests.support.api import PAY, Api, places, problem, shaped
from tests.support.factories import FAILED, TASK, run_through

Finds = schemas.Listing[stats_schemas.Found]


async def look(api: Api, q: str) -> schemas.Listing[stats_schemas.Found]:
    return shaped(await api.get("/lookup", q=q), Finds)


async def found(api: Api, q: str) -> list[tuple[str, str, str | None]]:
    return [(each.kind, each.id, each.state) for each in (await look(api, q)).items]


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "  {}\n",
        '"{}"',
        "'{}',",
        "https://ops.example/easyflow/jobs/{}?tab=attempts#top",
        "job {} of last night",
        "«{}»",
    ],
)
async def test_an_id_is_found_whatever_is_around_it(api: Api, around: str) -> None:
    job_id = await api.submit()
    await api.submit()
    for text in (str(job_id), str(job_id).upper(), job_id.hex):
        assert await found(api, around.format(text)) == [("job", str(job_id), "READY")]


async def test_a_failed_job_is_found_with_its_dead_letter(api: Api) -> None:
    job_id = await run_through(api.connection, FAILED)
    items = (await look(api, str(job_id))).items
    assert [(each.kind, each.id, each.state) for each in items] == [
        ("job", str(job_id), "FAILED"),
        ("dead_letter", str(job_id), "open"),
    ]
    assert [each.label for each in items] == [TASK, f"{TASK}: the amount is negative"]


async def test_several_ids_are_all_found(api: Api) -> None:
    ids = [await api.submit() for _ in range(3)]
    shown = await found(api, " ".join(str(job_id) for job_id in ids))
    assert {each[1] for each in shown} == {str(job_id) for job_id in ids}


async def test_a_worker_is_found_by_its_id_and_its_host(api: Api) -> None:
    worker_id = uuid4()
    await workers.register(
        api.connection, worker_id, host="node-7", pid=42, version="1", queues=["default"], tasks=[TASK]
    )
    for q in (str(worker_id), "node-7", "NODE"):
        assert await found(api, q) == [("worker", str(worker_id), "live")]
    assert (await look(api, "node")).items[0].label == "node-7 42"


async def test_the_end_of_an_id_finds_its_job(api: Api) -> None:
    job_id = await api.submit()
    await api.submit()
    for text in (job_id.hex[-8:], f"…{job_id.hex[-8:]}", job_id.hex[-8:].upper(), job_id.hex[-12:]):
        listing = await look(api, text)
        assert [(each.kind, each.id) for each in listing.items] == [("job", str(job_id))]
        assert listing.total.kind == "exact"


async def test_the_end_of_an_id_is_looked_for_among_the_newest_jobs_only_and_the_answer_says_so(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = await run_through(api.connection, FAILED)
    old = await api.submit()
    new = [await api.submit() for _ in range(4)]
    monkeypatch.setattr(lookup, "RECENT_JOBS", 3)
    for job_id, seen in ((old, []), (failed, ["job", "dead_letter"]), (new[0], ["job"])):
        listing = await look(api, job_id.hex[-8:])
        assert [each.kind for each in listing.items] == seen
        assert listing.total.kind == "capped"


async def test_an_idempotency_key_finds_what_was_submitted_with_it(api: Api) -> None:
    one = await api.post("/jobs", {"task": TASK}, idempotency_key="night/2026-11-23")
    batch = await api.post("/jobs/batch", {"jobs": [{"task": TASK}] * 2}, idempotency_key="whole night")
    assert await found(api, "night/2026-11-23") == [("job", one.json()["id"], "READY")]
    assert {each[1] for each in await found(api, " 'whole night' ")} == set(batch.json()["ids"])
    id_like = str(uuid4())
    keyed = await api.post("/jobs", {"task": TASK}, idempotency_key=id_like)
    assert await found(api, id_like) == [("job", keyed.json()["id"], "READY")]


async def test_names_are_found_by_a_part_the_same_name_first(api: Api) -> None:
    for name in ("claims.pay.late", "zz-claims.pay"):
        await api.client.patch(f"/api/v1/queues/{name}", json={"paused": False})
    assert await found(api, "Claims.Pay") == [
        ("task", PAY, None),
        ("queue", "claims.pay.late", None),
        ("queue", "zz-claims.pay", None),
    ]
    await api.submit(queue="nobody-announced-it")
    assert await found(api, "nobody-announced-it") == [("queue", "nobody-announced-it", None)]


async def test_at_most_twenty_are_shown_and_the_answer_says_that_there_are_more(api: Api) -> None:
    for n in range(21):
        await api.client.patch(f"/api/v1/queues/many-{n}", json={"paused": False})
    listing = await look(api, "many")
    assert (len(listing.items), listing.total.value, listing.total.kind) == (20, 20, "capped")
    batch = await api.post("/jobs/batch", {"jobs": [{"task": TASK}] * 25}, idempotency_key="25")
    assert batch.status_code == 201
    listing = await look(api, "25")
    assert (len(listing.items), listing.total.kind) == (20, "capped")


@pytest.mark.parametrize(
    "q", [str(UUID(int=0)), "0" * 8, "nothing is called so", "\0", "'; drop table", "%", "_", "\\", "\ud7ff\uffff", "-"]
)
async def test_what_is_nowhere_is_not_found(api: Api, q: str) -> None:
    await api.submit()
    listing = await look(api, q)
    assert (listing.items, listing.total.value) == ([], 0) or q == "-"


@pytest.mark.parametrize("query", [{}, {"q": ""}, {"q": "x" * 2001}])
async def test_nothing_and_too_much_are_refused(api: Api, query: dict[str, Any]) -> None:
    assert places(problem(await api.get("/lookup", **query), 422, "invalid")) == ["q"]
