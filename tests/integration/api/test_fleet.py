"""Queues, workers and tasks over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from easyflow.api import schemas
from easyflow.storage import workers
from tests.support.api import PAY, PAY_SCHEMA, Api, places, problem, shaped
from tests.support.factories import TASK, claim, start_executor

Queues = schemas.Listing[schemas.Queue]


async def queue(api: Api, name: str) -> schemas.Queue:
    return next(each for each in shaped(await api.get("/queues"), Queues).items if each.name == name)


async def change(api: Api, queue_name: str, **said: Any) -> Any:
    return await api.client.patch(f"/api/v1/queues/{queue_name}", json=said)


async def test_queues_show_what_is_in_them(api: Api) -> None:
    for said in ({}, {}, {"delay_seconds": 60}, {"queue": "letters"}):
        await api.submit(**said)
    await claim(api.connection)
    default = await queue(api, "default")
    assert (default.ready, default.running, default.parked) == (1, 1, 1)
    assert default.oldest_ready_at is not None
    assert (await queue(api, "letters")).ready == 1
    listing = shaped(await api.get("/queues"), Queues)
    assert (listing.next_cursor, listing.total.value) == (None, 2)


async def test_a_queue_is_changed_bit_by_bit(api: Api) -> None:
    steps: list[tuple[dict[str, Any], tuple[bool, int | None, int]]] = [
        ({"paused": True}, (True, None, 1)),
        ({"concurrency": 5, "reason": "the bank asked"}, (True, 5, 1)),
        ({"paused": False, "concurrency_per_key": 3}, (False, 5, 3)),
        ({}, (False, 5, 3)),
        ({"concurrency": None}, (False, None, 3)),
    ]
    for said, expected in steps:
        changed = shaped(await change(api, "letters", **said), schemas.QueueSettings)
        assert (changed.paused, changed.concurrency, changed.concurrency_per_key) == expected
        shown = await queue(api, "letters")
        assert (shown.paused, shown.concurrency, shown.concurrency_per_key) == expected


async def test_a_change_is_audited_and_workers_are_told(api: Api) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await api.connection.add_listener("easyflow_control", lambda *told: heard.put_nowait(told[3]))
    reply = await change(api, "letters", paused=True, reason="nightly")
    assert await asyncio.wait_for(heard.get(), 5) == ""
    row = await api.connection.fetchrow("select act, actor, object_id, reason, after, request_id from easyflow.audit")
    said = ("set queue", "api", "letters", "nightly", '{"paused": true}', reply.headers["x-request-id"])
    assert tuple(row or ()) == said


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"paused": "yes"}, "paused"),
        ({"paused": 1}, "paused"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 10**12}, "concurrency"),
        ({"concurrency": "5"}, "concurrency"),
        ({"concurrency_per_key": 0}, "concurrency_per_key"),
        ({"rate": 5}, "rate"),
        ({"name": "other"}, "name"),
    ],
)
async def test_a_change_that_makes_no_sense_is_named(api: Api, said: dict[str, Any], place: str) -> None:
    assert places(problem(await change(api, "letters", **said), 422, "invalid")) == [place]
    assert await api.count("queues") == 0


@pytest.mark.parametrize("name", ["a%20b", "%00", "-x", "x" * 201, "caf%C3%A9"])
async def test_a_name_no_queue_can_have_is_refused(api: Api, name: str) -> None:
    assert places(problem(await change(api, name, paused=True), 422, "invalid")) == ["name"]


async def test_workers_are_listed_newest_first_with_what_they_hold(api: Api) -> None:
    old, new = uuid4(), uuid4()
    for worker_id in (old, new):
        await workers.register(
            api.connection, worker_id, host="here", pid=7, version="1", queues=["default"], tasks=[TASK]
        )
    executor_id = await start_executor(api.connection, worker_id=new)
    await api.submit()
    await claim(api.connection, executor_id=executor_id)
    listing = shaped(await api.get("/workers"), schemas.Listing[schemas.Worker])
    assert [worker.id for worker in listing.items] == [str(new), str(old)]
    first = listing.items[0]
    assert (first.executors, first.running, first.state, first.tasks) == (1, 1, "live", [TASK])
    assert first.silent_seconds >= 0


async def test_tasks_are_listed_by_name_with_their_schemas(api: Api) -> None:
    listing = shaped(await api.get("/tasks"), schemas.Listing[schemas.Task])
    assert [task.name for task in listing.items] == [PAY, TASK]
    assert listing.items[0].payload_schema == json.loads(json.dumps(PAY_SCHEMA))
    assert listing.items[0].effects == "pure"


@pytest.mark.parametrize("path", ["/queues", "/workers", "/tasks"])
async def test_lists_without_filters_take_none(api: Api, path: str) -> None:
    assert places(problem(await api.get(path, limit=5), 422)) == ["limit"]
