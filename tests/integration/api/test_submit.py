"""POST /jobs: what is stored, what is answered, and that one key makes one job."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from easyflow.api import schemas
from tests.support.api import PAY, Api, moment, places, problem, shaped
from tests.support.factories import TASK, place

SAID = {"task": TASK, "payload": {"message": "hello"}}


async def test_a_submitted_job_is_stored_and_answered_with_its_place(api: Api) -> None:
    reply = await api.post(
        "/jobs", {**SAID, "queue": "letters", "priority": -3, "max_attempts": 2, "timeout_seconds": 1.5}
    )
    job = shaped(reply, schemas.Job, 201)
    assert reply.headers["location"] == f"/api/v1/jobs/{job.id}"
    assert (job.task, job.queue, job.priority, job.state, job.retry_count) == (TASK, "letters", -3, "READY", 0)
    assert (job.last_error, job.version, job.started_at, job.finished_at) == (None, None, None, None)
    assert job.run_at == job.created_at
    row = await api.connection.fetchrow("select * from easyflow.jobs")
    assert row is not None
    assert (str(row["id"]), row["payload"], row["created_at"]) == (job.id, '{"message": "hello"}', job.created_at)
    assert (row["max_attempts"], row["timeout_seconds"]) == (2, 1.5)


async def test_the_answer_to_a_submit_is_what_a_look_at_the_job_shows(api: Api) -> None:
    answered = (await api.post("/jobs", {**SAID, "tags": ["b", "a", "b"], "delay_seconds": 60})).json()
    looked = (await api.get(f"/jobs/{answered['id']}")).json()
    assert answered == {name: looked[name] for name in answered}
    assert answered["tags"] == ["a", "b"]


async def test_the_task_decides_the_queue_when_nobody_else_does(api: Api) -> None:
    assert (await api.post("/jobs", {"task": PAY, "payload": {"amount": 1}})).json()["queue"] == "default"


@pytest.mark.parametrize(
    "said", [{"run_at": "2999-01-01T01:00:00+01:00"}, {"delay_seconds": 3600}, {"delay_seconds": 0.5e9}]
)
async def test_a_job_for_later_is_scheduled(api: Api, said: dict[str, Any]) -> None:
    job = shaped(await api.post("/jobs", SAID | said), schemas.Job, 201)
    assert job.state == "SCHEDULED"
    assert job.run_at > job.created_at
    assert await place(api.connection, UUID(job.id)) == "SCHEDULED"


async def test_times_are_answered_in_utc(api: Api) -> None:
    job = (await api.post("/jobs", SAID | {"run_at": "2999-01-01T01:00:00+01:00"})).json()
    assert job["run_at"] == "2999-01-01T00:00:00Z"
    moment(job["created_at"])


async def test_the_first_job_of_a_key_is_admitted_and_the_next_one_waits(api: Api) -> None:
    states = [(await api.post("/jobs", SAID | {"ordering_key": "account 7"})).json()["state"] for _ in range(2)]
    assert states == ["READY", "BLOCKED"]


async def test_the_same_key_and_body_again_are_answered_with_the_same_job(api: Api) -> None:
    first = await api.post("/jobs", SAID, idempotency_key="k1")
    again = await api.post("/jobs", SAID, idempotency_key="k1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert await api.count() == 1


async def test_the_key_may_stand_in_the_body(api: Api) -> None:
    first = await api.post("/jobs", SAID | {"idempotency_key": "k1"})
    again = await api.post("/jobs", SAID, idempotency_key="k1")
    both = await api.post("/jobs", SAID | {"idempotency_key": "k1"}, idempotency_key="k1")
    assert [reply.json()["id"] for reply in (again, both)] == [first.json()["id"]] * 2


async def test_a_key_in_the_header_that_differs_from_the_body_is_refused(api: Api) -> None:
    told = problem(await api.post("/jobs", SAID | {"idempotency_key": "k1"}, idempotency_key="k2"), 422, "invalid")
    assert places(told) == ["idempotency_key"]


@pytest.mark.parametrize("header", ["", "x" * 256, "caf\u00e9", "a\tb"])
async def test_a_key_that_is_no_plain_line_is_refused(api: Api, header: str) -> None:
    reply = await api.client.post("/api/v1/jobs", json=SAID, headers=[(b"idempotency-key", header.encode("latin-1"))])
    assert places(problem(reply, 422, "invalid")) == ["Idempotency-Key"]


async def test_two_keys_in_two_headers_are_refused(api: Api) -> None:
    reply = await api.client.post(
        "/api/v1/jobs", json=SAID, headers=[("idempotency-key", "a"), ("idempotency-key", "b")]
    )
    problem(reply, 422, "invalid")


@pytest.mark.parametrize(
    "other", [{"payload": {"message": "bye"}}, {"priority": 1}, {"tags": ["t"]}, {"queue": "other"}, {"task": PAY}]
)
async def test_the_same_key_with_another_body_is_refused(api: Api, other: dict[str, Any]) -> None:
    said = {"task": TASK, "payload": {"amount": 1}}
    await api.post("/jobs", said, idempotency_key="k1")
    problem(await api.post("/jobs", said | other, idempotency_key="k1"), 422, "idempotency_key_reused")
    assert await api.count() == 1


async def test_bodies_are_compared_by_what_they_mean(api: Api) -> None:
    bodies = [
        b'{"task":"demo.echo","payload":{"a":1,"b":10.0},"run_at":"2999-01-01T00:00:00Z","tags":["x","y"]}',
        b'{"tags":["y","x"], "run_at":"2999-01-01T01:00:00+01:00", "payload":{"b":1e1,"a":1.0},"task":"demo.echo"}',
    ]
    replies = [await api.send("/jobs", body, idempotency_key="k1") for body in bodies]
    assert [reply.status_code for reply in replies] == [201, 200]


async def test_fifty_parallel_submits_with_one_key_make_one_job(api: Api) -> None:
    replies = await asyncio.gather(*(api.post("/jobs", SAID, idempotency_key="k1") for _ in range(50)))
    assert sorted(reply.status_code for reply in replies) == [200] * 49 + [201]
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert (await api.count(), await api.count("ready"), await api.count("idempotency_keys")) == (1, 1, 1)


async def test_a_key_that_another_transaction_holds_answers_busy_and_when_to_come_again(api: Api) -> None:
    holding = api.connection.transaction()
    await holding.start()
    await api.connection.execute(
        "insert into easyflow.idempotency_keys values ('job', 'k1', '', array[gen_random_uuid()], now())"
    )
    reply = await api.post("/jobs", SAID, idempotency_key="k1")
    await holding.rollback()
    problem(reply, 409, "in_flight")
    assert int(reply.headers["retry-after"]) > 0
    assert (await api.post("/jobs", SAID, idempotency_key="k1")).status_code == 201


async def test_a_key_outlives_its_job(api: Api) -> None:
    first = (await api.post("/jobs", SAID, idempotency_key="k1")).json()
    await api.connection.execute("delete from easyflow.ready")
    await api.connection.execute("delete from easyflow.jobs")
    again = await api.post("/jobs", SAID, idempotency_key="k1")
    assert shaped(again, schemas.ExpiredJob) == schemas.ExpiredJob(id=first["id"], state=None, expired=True)


async def test_an_unknown_task_is_refused(api: Api) -> None:
    told = problem(await api.post("/jobs", {"task": "claims.pray"}), 422, "invalid")
    assert places(told) == ["task"]
    assert await api.count() == 0


async def test_a_payload_that_does_not_fit_its_schema_is_refused_place_by_place(api: Api) -> None:
    told = problem(await api.post("/jobs", {"task": PAY, "payload": {"amount": 4711, "card": 0}}), 422, "invalid")
    assert sorted(places(told)) == ["payload.amount", "payload.card"]
    assert "4711" not in str(told)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"task": None}, "task"),
        ({"task": "no spaces"}, "task"),
        ({"queue": "-"}, "queue"),
        ({"priority": 32_768}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": "5"}, "priority"),
        ({"priority": 0.5}, "priority"),
        ({"run_at": "2030-01-01T00:00:00"}, "run_at"),
        ({"run_at": "2030-01-01"}, "run_at"),
        ({"run_at": 1_900_000_000}, "run_at"),
        ({"run_at": "9999-12-31T23:59:59-23:00"}, "run_at"),
        ({"delay_seconds": -1}, "delay_seconds"),
        ({"delay_seconds": "5"}, "delay_seconds"),
        ({"delay_seconds": 10**30}, "delay_seconds"),
        ({"delay_seconds": 1, "run_at": "2030-01-01T00:00:00Z"}, "body"),
        ({"concurrency_key": "a", "ordering_key": "b"}, "body"),
        ({"ordering_key": ""}, "ordering_key"),
        ({"ordering_key": "x" * 256}, "ordering_key"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"tags": ["x", 1]}, "tags.1"),
        ({"tags": "x"}, "tags"),
        ({"colour": "blue"}, "colour"),
        ({"state": "SUCCEEDED"}, "state"),
        ({"x" * 100: 1}, "(key)"),
    ],
)
async def test_a_field_that_makes_no_sense_is_named(api: Api, said: dict[str, Any], place: str) -> None:
    told = problem(await api.post("/jobs", SAID | said), 422, "invalid")
    assert places(told) == [place]
    assert await api.count() == 0


@pytest.mark.parametrize("body", ["[]", '"x"', "1", "null", "true"])
async def test_a_body_that_is_no_object_is_refused(api: Api, body: str) -> None:
    assert places(problem(await api.send("/jobs", body), 422, "invalid")) == ["body"]
