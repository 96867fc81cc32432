"""Looking at one job and acting on it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery

from easyflow.api import schemas
from easyflow.domain import document
from easyflow.domain.outcome import Succeeded
from easyflow.errors import StorageUnavailable
from easyflow.storage import jobs
from easyflow.storage.database import acquired
from tests.support.api import Api, places, problem, shaped
from tests.support.factories import FAILED, RETRY, SNOOZE, claim, end, place, run_through

EXACT = (
    b'{"big": 99999999999999999999999999999999999999, "beyond": 9007199254740993, "price": 10.10,'
    b' "tiny": 0.00000000000000000000000000000000000001, "third": 0.3333333333333333333333333333, "neg": -0.0}'
)


async def detail(api: Api, job_id: UUID) -> schemas.JobDetail:
    return shaped(await api.get(f"/jobs/{job_id}"), schemas.JobDetail)


async def test_a_job_shows_its_facts_and_its_payload(api: Api) -> None:
    job_id = await api.submit(
        payload={"a": [1, None]}, tags=["x"], concurrency_key="c", max_attempts=7, timeout_seconds=2.5
    )
    job = await detail(api, job_id)
    assert (job.id, job.payload, job.result, job.tags) == (str(job_id), {"a": [1, None]}, None, ["x"])
    assert (job.concurrency_key, job.ordering_key, job.max_attempts, job.timeout_seconds) == ("c", None, 7, 2.5)
    assert (job.attempts, job.effects, job.dead_letter) == ([], [], None)


async def test_numbers_come_back_exactly_as_they_were_sent(api: Api) -> None:
    reply = await api.send("/jobs", b'{"task": "demo.echo", "payload": ' + EXACT + b"}")
    shown = (await api.get(f"/jobs/{reply.json()['id']}")).content
    sent = document.parse(EXACT, max_bytes=10_000)
    assert document.parse(shown, max_bytes=100_000)["payload"] == sent
    assert sent["price"] == Decimal("10.10")
    assert b"10.10" in shown


async def test_a_result_passes_through_exactly(api: Api) -> None:
    job_id = await run_through(api.connection, Succeeded(EXACT.decode()))
    shown = (await api.get(f"/jobs/{job_id}")).content
    assert document.parse(shown, max_bytes=100_000)["result"] == document.parse(EXACT, max_bytes=10_000)


async def test_a_job_on_its_way_shows_where_it_is(api: Api) -> None:
    job_id = await api.submit()
    [claimed] = await claim(api.connection)
    running = await detail(api, job_id)
    claimed_at = await api.connection.fetchval("select claimed_at from easyflow.leases")
    assert (running.state, running.started_at, running.finished_at) == ("RUNNING", claimed_at, None)
    await end(api.connection, [claimed], RETRY)
    waiting = await detail(api, job_id)
    assert (waiting.state, waiting.retry_count) == ("SCHEDULED", 1)
    assert waiting.last_error is not None
    assert (waiting.last_error.type, waiting.last_error.message) == ("ValueError", "the amount is negative")
    [attempt] = waiting.attempts
    assert (attempt.lease_no, attempt.outcome, attempt.code_digest) == (1, "retried", "c0de")
    assert attempt.error == schemas.AttemptError(
        type="ValueError", message="the amount is negative", code="negative", traceback="Traceback: ..."
    )


async def test_a_failed_job_shows_its_dead_letter(api: Api) -> None:
    job = await detail(api, await run_through(api.connection, FAILED))
    assert (job.state, job.version) == ("FAILED", 1)
    assert job.dead_letter is not None
    assert (job.dead_letter.state, job.dead_letter.reason) == ("open", "attempts exhausted")
    assert job.finished_at is not None


async def test_a_list_and_a_look_at_the_job_say_the_same(api: Api) -> None:
    await run_through(api.connection, FAILED)
    await run_through(api.connection, Succeeded("[1]"))
    await run_through(api.connection, SNOOZE)
    await api.submit(ordering_key="k", tags=["t"])
    await claim(api.connection)
    await api.submit(delay_seconds=60)
    for item in (await api.get("/jobs")).json()["items"]:
        looked = (await api.get(f"/jobs/{item['id']}")).json()
        assert item == {name: looked[name] for name in item}


async def test_only_the_latest_attempts_are_shown_oldest_first(api: Api) -> None:
    job_id = await api.submit()
    await api.connection.execute(
        "insert into easyflow.attempts (job_id, lease_no, executor_id, claimed_at, finished_at, outcome)"
        " select $1, n, $1, now(), now(), 'snoozed' from generate_series(1, 250) as n",
        job_id,
    )
    assert [attempt.lease_no for attempt in (await detail(api, job_id)).attempts] == list(range(151, 251))


NOBODY = "01a205a8-ccb2-7709-8cf5-000000000000"


@pytest.mark.parametrize("job_id", [NOBODY, "nothing", "%00", "1" * 5000, "{}", f"urn:uuid:{NOBODY}"])
@pytest.mark.parametrize("act", ["", "/cancel", "/run-now"])
async def test_a_job_that_does_not_exist_is_not_found(api: Api, job_id: str, act: str) -> None:
    reply = await (api.post(f"/jobs/{job_id}{act}") if act else api.get(f"/jobs/{job_id}"))
    problem(reply, 404, "not_found")


async def test_a_job_that_has_ended_is_answered_without_waiting(api: Api) -> None:
    job_id = await run_through(api.connection, Succeeded())
    assert shaped(await api.get(f"/jobs/{job_id}", wait_seconds=60), schemas.JobDetail).state == "SUCCEEDED"


async def test_waiting_ends_with_the_job(api: Api) -> None:
    job_id = await api.submit()
    claimed = await claim(api.connection)
    looks = [asyncio.create_task(api.get(f"/jobs/{job_id}", wait_seconds=60)) for _ in range(20)]
    await api.until_waiting(20)
    assert not any(look.done() for look in looks)
    await end(api.connection, claimed, Succeeded('"done"'))
    for look in looks:
        job = shaped(await look, schemas.JobDetail)
        assert (job.state, job.result) == ("SUCCEEDED", "done")


async def test_waiting_ends_with_the_time_asked_for(api: Api) -> None:
    job_id = await api.submit()
    assert shaped(await api.get(f"/jobs/{job_id}", wait_seconds=0.05), schemas.JobDetail).state == "READY"


async def test_those_who_wait_hold_no_connection(api: Api) -> None:
    job_id = await api.submit()
    claimed = await claim(api.connection)
    looks = [asyncio.create_task(api.get(f"/jobs/{job_id}", wait_seconds=60)) for _ in range(200)]
    # Twenty times as many as there are connections: a submit must not wait for one of them.
    await api.until_waiting(200)
    await asyncio.wait_for(api.submit(), 5)
    await end(api.connection, claimed)
    assert {(await look).status_code for look in looks} == {200}


async def test_waiting_survives_a_database_that_hangs_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([StorageUnavailable(), asyncpg.OutOfMemoryError("x"), asyncpg.ConnectionDoesNotExistError("x")])
    job_id = await api.submit()
    claimed = await claim(api.connection)

    async def read_or_fail(*given: Any) -> Any:
        for failure in failures:
            raise failure
        return await jobs.read_states(*given)

    monkeypatch.setattr("easyflow.api.waiting.read_states", read_or_fail)
    look = asyncio.create_task(api.get(f"/jobs/{job_id}", wait_seconds=60))
    await api.until_waiting(1)
    await end(api.connection, claimed)
    assert shaped(await look, schemas.JobDetail).state == "SUCCEEDED"
    assert list(failures) == []


@pytest.mark.parametrize("seconds", [-1, 61, "NaN", "x", "1e9"])
async def test_a_wait_out_of_bounds_is_refused(api: Api, seconds: Any) -> None:
    job_id = await api.submit()
    assert places(problem(await api.get(f"/jobs/{job_id}", wait_seconds=seconds), 422)) == ["wait_seconds"]


async def test_waiting_for_a_job_that_does_not_exist_ends_at_once(api: Api) -> None:
    problem(await api.get(f"/jobs/{uuid4()}", wait_seconds=60), 404)


@pytest.mark.parametrize("said", [{}, {"delay_seconds": 60}, {"ordering_key": "k"}])
async def test_a_waiting_job_is_cancelled_at_once(api: Api, said: dict[str, Any]) -> None:
    if said.get("ordering_key"):
        await api.submit(**said)
    job_id = await api.submit(**said)
    cancelled = shaped(await api.post(f"/jobs/{job_id}/cancel", {"reason": "a mistake"}), schemas.Job)
    assert (cancelled.state, cancelled.finished_at is not None) == ("CANCELLED", True)
    event = await api.connection.fetchrow("select kind, actor, reason from easyflow.job_events")
    assert tuple(event or ()) == ("cancelled", "api", "a mistake")
    assert (await api.post(f"/jobs/{job_id}/cancel")).status_code == 200


async def test_a_running_job_is_asked_to_stop_and_workers_are_told(api: Api) -> None:
    job_id = await api.submit()
    claimed = await claim(api.connection)
    heard: asyncio.Queue[str] = asyncio.Queue()
    await api.connection.add_listener("easyflow_control", lambda *told: heard.put_nowait(told[3]))
    job = shaped(await api.post(f"/jobs/{job_id}/cancel"), schemas.Job, 202)
    assert job.state == "RUNNING"
    assert await asyncio.wait_for(heard.get(), 5) == ""
    await end(api.connection, claimed, Succeeded('"late"'))
    assert await place(api.connection, job_id) == "CANCELLED"


async def test_a_job_that_has_ended_is_not_cancelled(api: Api) -> None:
    job_id = await run_through(api.connection, Succeeded())
    assert problem(await api.post(f"/jobs/{job_id}/cancel"), 409, "conflict")["state"] == "SUCCEEDED"


async def test_the_cancel_of_a_keys_holder_lets_the_next_one_go(api: Api) -> None:
    first, second = [await api.submit(ordering_key="k") for _ in range(2)]
    await api.post(f"/jobs/{first}/cancel")
    assert await place(api.connection, second) == "READY"


async def test_a_scheduled_job_starts_now_on_request(api: Api) -> None:
    job_id = await api.submit(delay_seconds=3600)
    assert shaped(await api.post(f"/jobs/{job_id}/run-now"), schemas.Job).state == "READY"
    assert problem(await api.post(f"/jobs/{job_id}/run-now"), 409, "conflict")["state"] == "READY"


@pytest.mark.parametrize("said", [{"reason": ""}, {"reason": 1}, {"reason": "x" * 1001}, {"why": "x"}])
async def test_what_is_said_with_an_act_is_checked(api: Api, said: dict[str, Any]) -> None:
    job_id = await api.submit()
    problem(await api.post(f"/jobs/{job_id}/cancel", said), 422, "invalid")
    assert await place(api.connection, job_id) == "READY"


async def test_a_submit_wakes_workers(api: Api) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await api.connection.add_listener("easyflow_ready", lambda *told: heard.put_nowait(told[3]))
    await api.submit(queue="letters")
    assert await asyncio.wait_for(heard.get(), 5) == "letters"


async def test_a_submit_without_key_is_one_statement(api: Api) -> None:
    await api.submit()  # the tasks are known from here on
    sent: list[str] = []

    def note(record: LoggedQuery) -> None:
        sent.append(record.query.splitlines()[0])

    await api.backend.bell.close()
    await api.backend.changes.close()
    async with AsyncExitStack() as lent:
        for _ in range(api.backend.pool.get_size()):
            (await lent.enter_async_context(acquired(api.backend.pool))).add_query_logger(note)
    for _ in range(3):
        await api.submit(priority=1)
        await api.backend.bell.close()  # its connection is not to be a new one, which nobody listens to
    assert [query for query in sent if "pg_notify" not in query] == ["-- enqueue_jobs"] * 3
