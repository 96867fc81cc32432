"""Acts with an Idempotency-Key: each is done once, and answered word for word as the first time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from tests.conftest import Connect
from tests.support.api import Api, places, problem
from tests.support.asked_acts import ACTS, MENDED, Asked, ask, failed, open_queue, running, scheduled, told, waiting
from tests.support.factories import FAILED, claim, place, run_through, ticket_of
from tests.support.held import held_up, key_held
from tests.support.marks import states_of_others
from tests.support.waiting import until

REPLAYED = "idempotency-replayed"


@pytest.fixture(params=ACTS)
async def asked(api: Api, request: pytest.FixtureRequest) -> Asked:
    """Each act once, with an object it can be done to."""
    return await ACTS[request.param](api)


async def test_the_same_key_and_request_again_are_answered_word_for_word(api: Api, asked: Asked) -> None:
    first = await ask(api, asked)
    assert first.status_code in (200, 202), first.text
    once = await told(api)
    again = await ask(api, asked)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    assert again.headers["content-type"] == "application/json"
    assert await told(api) == once
    assert once[0] == 1


async def test_the_same_key_with_another_body_is_refused(api: Api, asked: Asked) -> None:
    await ask(api, asked)
    once = await told(api)
    problem(await ask(api, asked, said=asked.other), 422, "idempotency_key_reused")
    assert await told(api) == once


async def test_the_same_key_for_another_object_or_another_act_is_refused(api: Api) -> None:
    job_id, other = await api.submit(delay_seconds=3600), await api.submit(delay_seconds=3600)
    assert (await api.post(f"/jobs/{job_id}/cancel", {}, idempotency_key="k1")).status_code == 200
    problem(await api.post(f"/jobs/{other}/cancel", {}, idempotency_key="k1"), 422, "idempotency_key_reused")
    problem(await api.post(f"/jobs/{job_id}/run-now", {}, idempotency_key="k1"), 422, "idempotency_key_reused")
    assert await place(api.connection, other) == "SCHEDULED"


async def test_bodies_of_acts_are_compared_by_what_they_mean(api: Api) -> None:
    path = f"/dead-letters/{await run_through(api.connection, FAILED)}/replay"
    first = await api.send(
        path, b'{"reason": "x", "seen_version": 1, "payload": {"a": 1.0, "b": 2}}', idempotency_key="k"
    )
    again = await api.send(path, b'{"payload":{"b":2,"a":1.00},"seen_version":1,"reason":" x "}', idempotency_key="k")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content


async def test_a_key_of_a_submit_is_another_key_than_that_of_an_act(api: Api) -> None:
    job_id = (await api.post("/jobs", {"task": "demo.echo"}, idempotency_key="k1")).json()["id"]
    assert (await api.post(f"/jobs/{job_id}/cancel", idempotency_key="k1")).status_code == 200


async def test_an_act_without_a_key_is_done_as_often_as_it_is_asked_for(api: Api) -> None:
    asked = await open_queue(api)
    for _ in range(2):
        reply = await ask(api, asked, key=None)
        assert (reply.status_code, reply.headers.get(REPLAYED)) == (200, None)
    assert (await told(api))[0] == 2


async def test_a_refused_act_stores_nothing_and_leaves_its_key_free(api: Api) -> None:
    asked = await failed(api)
    stale = {**MENDED, "seen_version": 7}
    for _ in range(2):
        problem(await ask(api, asked, said=stale), 409, "stale_version")
    problem(await ask(api, asked, said={**MENDED, "payload": {"n": 1}, "reason": ""}), 422, "invalid")
    assert await api.count("idempotency_keys") == 0
    assert (await told(api))[0] == 0
    assert (await ask(api, asked)).status_code == 200


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"\xff"])
async def test_a_key_of_an_act_that_is_no_plain_line_is_refused(api: Api, key: bytes) -> None:
    job_id = await api.submit()
    reply = await api.client.post(f"/api/v1/jobs/{job_id}/cancel", headers=[(b"idempotency-key", key)])
    assert places(problem(reply, 422, "invalid")) == ["Idempotency-Key"]
    assert await place(api.connection, job_id) == "READY"


async def test_of_eight_identical_acts_at_once_one_acts_and_all_get_its_answer(api: Api, asked: Asked) -> None:
    replies = await asyncio.gather(*(ask(api, asked) for _ in range(8)))
    assert {reply.status_code for reply in replies} <= {200, 202}
    assert len({reply.content for reply in replies}) == 1
    assert sorted(str(reply.headers.get(REPLAYED)) for reply in replies) == ["None"] + ["true"] * 7
    assert (await told(api))[0] == 1


async def test_of_eight_acts_with_keys_of_their_own_on_one_dead_letter_one_wins(api: Api) -> None:
    asked = await failed(api)
    replies = await asyncio.gather(*(ask(api, asked, f"k{n}") for n in range(8)))
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 7
    assert await api.count("idempotency_keys") == 1


@pytest.mark.parametrize("kind", ["act", "job", "batch"])
async def test_who_finds_the_first_one_in_flight_waits_two_seconds_and_is_told_when_to_come_again(
    api: Api, connect: Connect, kind: str
) -> None:
    job_id = await api.submit()
    ways = {
        "act": lambda: api.post(f"/jobs/{job_id}/cancel", idempotency_key="k1"),
        "job": lambda: api.post("/jobs", {"task": "demo.echo"}, idempotency_key="k1"),
        "batch": lambda: api.post("/jobs/batch", {"jobs": [{"task": "demo.echo"}]}, idempotency_key="k1"),
    }
    async with key_held(connect, kind):
        begun = time.monotonic()
        reply = await ways[kind]()
        waited = time.monotonic() - begun
    problem(reply, 409, "in_flight")
    assert int(reply.headers["retry-after"]) > 0
    assert 2.0 <= waited < 8.0
    assert await place(api.connection, job_id) == "READY"
    assert (await api.count(), await api.count("audit")) == (1, 0)
    assert (await ways[kind]()).status_code in (200, 201)


async def test_when_the_first_holder_of_a_key_rolls_back_one_of_those_who_wait_goes_on(
    api: Api, connect: Connect, asked: Asked
) -> None:
    async with key_held(connect):
        replies = [asyncio.create_task(ask(api, asked)) for _ in range(3)]

        async def all_wait() -> bool:
            return len(await held_up(api)) == 3

        await until(1.5, all_wait)
    answers = await asyncio.gather(*replies)
    assert sorted(str(reply.headers.get(REPLAYED)) for reply in answers) == ["None", "true", "true"]
    assert len({reply.content for reply in answers}) == 1
    assert (await told(api))[0] == 1


async def test_an_object_that_somebody_else_holds_is_waited_for_and_the_key_stays_free(
    api: Api, connect: Connect
) -> None:
    asked = await failed(api)
    holder = await connect()
    async with holder.transaction():
        await holder.execute("select from easyflow.dead_letters for update")
        async with asyncio.timeout(8):
            reply = await ask(api, asked)
    problem(reply, 409, "in_flight")
    assert int(reply.headers["retry-after"]) > 0
    assert await api.count("idempotency_keys") == 0
    assert (await ask(api, asked)).status_code == 200


async def test_the_answer_of_an_act_outlives_its_job(api: Api) -> None:
    job_id = await api.submit()
    first = await api.post(f"/jobs/{job_id}/cancel", {"reason": "a mistake"}, idempotency_key="k1")
    for table in ("finished", "jobs"):
        await api.connection.execute(f"delete from easyflow.{table}")
    again = await api.post(f"/jobs/{job_id}/cancel", {"reason": "a mistake"}, idempotency_key="k1")
    assert (again.status_code, again.content) == (200, first.content)
    problem(await api.post(f"/jobs/{job_id}/cancel", {"reason": "a mistake"}), 404, "not_found")


async def test_a_repeated_submit_says_that_its_answer_is_not_the_first(api: Api) -> None:
    batch = {"jobs": [{"task": "demo.echo"}]}
    for path, said in (("/jobs", {"task": "demo.echo"}), ("/jobs/batch", batch)):
        first, again = [await api.post(path, said, idempotency_key="k1") for _ in range(2)]
        assert (first.status_code, again.status_code) == (201, 200)
        assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")


@pytest.mark.parametrize(
    ("make", "act", "outcome"),
    [(waiting, "cancel", "cancelled"), (running, "cancel", "cancel requested"), (scheduled, "run now", "run now")],
)
async def test_acts_on_jobs_are_audited_with_who_why_and_in_which_request(
    api: Api, make: Callable[[Api], Awaitable[Asked]], act: str, outcome: str
) -> None:
    asked = await make(api)
    reply = await ask(api, asked, said={"reason": "as agreed"})
    await ask(api, asked, key="k2", said={"reason": "as agreed"})  # asked again: changes nothing, or is refused
    (row,) = await api.connection.fetch("select * from easyflow.audit")
    assert (row["actor"], row["act"], row["object_kind"], row["reason"]) == ("api", act, "job", "as agreed")
    assert (row["object_id"], row["request_id"]) == (reply.json()["id"], reply.headers["x-request-id"])
    assert f'"outcome": "{outcome}"' in row["after"]


async def test_an_act_that_is_repeated_does_nothing_to_what_came_after_it(api: Api) -> None:
    asked = await failed(api)
    job_id = UUID(asked.path.split("/")[2])
    await ask(api, asked)
    await claim(api.connection)
    before = await ticket_of(api.connection, job_id)
    again = await ask(api, asked)
    assert again.json()["state"] == "READY"  # as it was when the act was done
    assert await ticket_of(api.connection, job_id) == before


async def test_acts_whose_clients_hang_up_at_random_moments_are_done_as_a_whole_or_not_at_all(api: Api) -> None:
    dice = random.Random(7)
    ids = [await api.submit() for _ in range(60)]
    begun = time.monotonic()
    await api.post(f"/jobs/{await api.submit()}/cancel", idempotency_key="first")
    takes = time.monotonic() - begun
    for n, job_id in enumerate(ids):
        task = asyncio.create_task(api.post(f"/jobs/{job_id}/cancel", idempotency_key=f"{job_id}"))
        # The first hangs up before it has begun and the second waits for its answer, whatever the dice say.
        if n == 1:
            await asyncio.wait([task])
        elif n > 1:
            await asyncio.sleep(dice.random() * 2 * takes)
        task.cancel()
        await asyncio.wait([task])
    cancelled = [job_id for job_id in ids if await place(api.connection, job_id) == "CANCELLED"]
    assert 0 < len(cancelled) < len(ids)
    assert await told(api) == (len(cancelled) + 1, len(cancelled) + 1)
    assert await api.count("idempotency_keys") == len(cancelled) + 1
    assert "idle in transaction" not in await states_of_others(api.connection)
    replies = [await api.post(f"/jobs/{job_id}/cancel", idempotency_key=f"{job_id}") for job_id in ids]
    assert [reply.status_code for reply in replies] == [200] * 60
    assert await told(api) == (61, 61)
