"""Dead letters over HTTP: what failed and why, and that of two operators one wins."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.api import schemas
from easyflow.domain.outcome import Failed, Fault, Succeeded
from easyflow.storage import tasks
from tests.support.api import PAY, Api, places, problem, shaped, task_row
from tests.support.factories import FAILED, claim, end, place, run_through, ticket_of

Letters = schemas.Listing[schemas.DeadLetter]


async def fail(api: Api, outcome: Failed = FAILED, **said: Any) -> UUID:
    """A job that was submitted and ended FAILED."""
    job_id = await api.submit(**said)
    rows = await claim(api.connection, queues=[said.get("queue", "default")], tasks=[said.get("task", "demo.echo")])
    await end(api.connection, rows, outcome)
    return job_id


async def listed(api: Api, **query: Any) -> list[str]:
    return [letter.job_id for letter in shaped(await api.get("/dead-letters", **query), Letters).items]


async def test_a_dead_letter_says_what_failed_and_why(api: Api) -> None:
    job_id = await fail(api, payload={"n": 1}, tags=["t"], ordering_key="k", queue="letters")
    shown = shaped(await api.get(f"/dead-letters/{job_id}"), schemas.DeadLetterDetail)
    assert (shown.job_id, shown.version, shown.state, shown.failures) == (str(job_id), 1, "open", 1)
    assert (shown.reason, shown.queue, shown.key, shown.tags) == ("attempts exhausted", "letters", "k", ["t"])
    assert shown.error is not None
    assert (shown.error.type, shown.error.message, shown.error_code) == (
        "ValueError",
        "the amount is negative",
        "negative",
    )
    assert (shown.job_state, shown.payload, shown.traceback) == ("FAILED", {"n": 1}, "Traceback: ...")
    assert [attempt.outcome for attempt in shown.attempts] == ["failed"]
    [listed_letter] = (await api.get("/dead-letters")).json()["items"]
    assert shown.model_dump(mode="json", include=set(listed_letter)) == listed_letter


async def test_the_list_is_filtered_and_paged(api: Api) -> None:
    lost = Failed("lost, outcome unknown", Fault("Lost", "gone"))
    first = str(await fail(api, tags=["a", "b"]))
    second = str(await fail(api, lost, queue="letters", tags=["b"]))
    third = str(await fail(api, task=PAY, payload={"amount": 1}))
    assert await listed(api) == [third, second, first]
    assert await listed(api, task=PAY) == [third]
    assert await listed(api, queue="letters") == [second]
    assert await listed(api, tag="b") == [second, first]
    assert await listed(api, reason="lost, outcome unknown") == [second]
    assert await listed(api, reason="lost, outcome unknown", tag="a") == []
    page = shaped(await api.get("/dead-letters", limit=2), Letters)
    assert (len(page.items), page.next_cursor, page.total.value) == (2, second, 3)
    assert await listed(api, limit=2, cursor=page.next_cursor) == [first]


async def test_only_open_ones_are_listed_unless_asked_for(api: Api) -> None:
    kept, discarded, replayed = [await fail(api) for _ in range(3)]
    await api.post(f"/dead-letters/{discarded}/discard", {"reason": "x", "seen_version": 1})
    await api.post(f"/dead-letters/{replayed}/replay", {"reason": "x", "seen_version": 1})
    assert await listed(api) == [str(kept)]
    assert await listed(api, state="discarded") == [str(discarded)]
    assert await listed(api, state="replayed") == [str(replayed)]


@pytest.mark.parametrize("query", [{"state": "closed"}, {"reason": ""}, {"limit": 0}, {"created_after": "x"}])
async def test_a_filter_that_makes_no_sense_is_refused(api: Api, query: dict[str, Any]) -> None:
    assert places(problem(await api.get("/dead-letters", **query), 422)) == list(query)


async def test_a_replayed_job_runs_again_as_the_same_job(api: Api) -> None:
    job_id = await fail(api)
    heard: asyncio.Queue[str] = asyncio.Queue()
    await api.connection.add_listener("easyflow_ready", lambda *told: heard.put_nowait(told[3]))
    reply = await api.post(f"/dead-letters/{job_id}/replay", {"reason": "fixed it", "seen_version": 1})
    job = shaped(reply, schemas.Job)
    assert (job.id, job.state, job.retry_count, job.version) == (str(job_id), "READY", 0, 2)
    assert await asyncio.wait_for(heard.get(), 5) == "default"
    [claimed] = await claim(api.connection)
    assert (claimed["job_id"], claimed["lease_no"], claimed["payload"]) == (job_id, 2, "{}")
    letter = shaped(await api.get(f"/dead-letters/{job_id}"), schemas.DeadLetterDetail)
    assert (letter.state, letter.closed_by, letter.closed_reason) == ("replayed", "api", "fixed it")


async def test_a_replay_is_audited_with_the_requests_id(api: Api) -> None:
    job_id = await fail(api)
    reply = await api.post(f"/dead-letters/{job_id}/replay", {"reason": "fixed it", "seen_version": 1})
    row = await api.connection.fetchrow("select act, actor, object_id, reason, request_id from easyflow.audit")
    assert tuple(row or ()) == ("replay", "api", str(job_id), "fixed it", reply.headers["x-request-id"])


async def test_a_job_that_fails_again_opens_its_letter_again(api: Api) -> None:
    job_id = await fail(api)
    await api.post(f"/dead-letters/{job_id}/replay", {"reason": "x", "seen_version": 1})
    await end(api.connection, await claim(api.connection), FAILED)
    [letter] = shaped(await api.get("/dead-letters"), Letters).items
    assert (letter.version, letter.failures, letter.state, letter.closed_at) == (3, 2, "open", None)


async def test_an_edited_payload_takes_its_place_exactly_and_the_first_one_stays(api: Api) -> None:
    job_id = await fail(api, task=PAY, payload={"amount": 1})
    body = b'{"reason": "approved", "seen_version": 1, "payload": {"amount": 123.4500000000000000000000000001}}'
    assert (await api.send(f"/dead-letters/{job_id}/replay", body)).status_code == 200
    [claimed] = await claim(api.connection, tasks=[PAY])
    assert claimed["payload"] == '{"amount": 123.4500000000000000000000000001}'
    assert b"123.4500000000000000000000000001" in (await api.get(f"/jobs/{job_id}")).content
    assert await api.connection.fetchval("select payload from easyflow.jobs") == '{"amount": 1}'


async def test_null_is_a_payload_too(api: Api) -> None:
    job_id = await fail(api, payload={"n": 1})
    await api.post(f"/dead-letters/{job_id}/replay", {"reason": "x", "seen_version": 1, "payload": None})
    assert [row["payload"] for row in await claim(api.connection)] == ["null"]


async def test_an_edited_payload_that_does_not_fit_changes_nothing(api: Api) -> None:
    job_id = await fail(api, task=PAY, payload={"amount": 1})
    misfits: list[Any] = [{"amount": 1001}, {"amount": 1, "note": "x"}, None, []]
    for payload in misfits:
        said = {"reason": "x", "seen_version": 1, "payload": payload}
        told = problem(await api.post(f"/dead-letters/{job_id}/replay", said), 422, "invalid")
        assert places(told)[0].startswith("payload")
    assert await place(api.connection, job_id) == "FAILED"
    assert await api.count("payload_revisions") == 0


async def test_an_edited_payload_is_checked_against_todays_schema(api: Api) -> None:
    job_id = await fail(api, task=PAY, payload={"amount": 1})
    await tasks.register(api.connection, [task_row("claims.later", {"type": "object"})])
    await api.connection.execute("delete from easyflow.tasks where name = $1", PAY)
    api.backend.catalog._read_at = 0
    said = {"reason": "x", "seen_version": 1}
    assert places(problem(await api.post(f"/dead-letters/{job_id}/replay", said | {"payload": {}}), 422)) == ["payload"]
    assert (await api.post(f"/dead-letters/{job_id}/replay", said)).status_code == 200


async def test_an_edited_payload_keeps_the_limits(api: Api) -> None:
    job_id = await fail(api)
    start = b'{"reason": "x", "seen_version": 1, "payload": '
    path = f"/dead-letters/{job_id}/replay"
    problem(await api.send(path, start + b'"' + b"x" * 1024 * 1024 + b'"}'), 413, "too_large")
    problem(await api.send(path, start + b'"\\u0000"}'), 400, "malformed")
    problem(await api.send(path, start + b"1e99}"), 422, "invalid")
    assert await place(api.connection, job_id) == "FAILED"


async def test_of_two_operators_one_replays_and_the_other_is_told(api: Api) -> None:
    for _ in range(5):
        job_id = await fail(api)
        said = {"reason": "x", "seen_version": 1}
        path = f"/dead-letters/{job_id}/replay"
        replies = await asyncio.gather(*(api.post(path, said) for _ in range(8)))
        assert sorted(reply.status_code for reply in replies) == [200] + [409] * 7
        for reply in replies:
            if reply.status_code == 409:
                assert problem(reply, 409, "stale_version")["version"] == 2
        assert (await ticket_of(api.connection, job_id))["replay_no"] == 1
        await end(api.connection, await claim(api.connection), Succeeded())


async def test_of_a_replay_and_a_discard_one_wins(api: Api) -> None:
    for _ in range(5):
        job_id = await fail(api)
        said = {"reason": "x", "seen_version": 1}
        acts = [api.post(f"/dead-letters/{job_id}/{act}", said) for act in ("replay", "discard")]
        replies = await asyncio.gather(*acts)
        assert sorted(reply.status_code for reply in replies) == [200, 409]
        state = "READY" if replies[0].status_code == 200 else "FAILED"
        assert await place(api.connection, job_id) == state
        await end(api.connection, await claim(api.connection), Succeeded())


async def test_a_closed_letter_is_not_acted_on_again(api: Api) -> None:
    job_id = await fail(api)
    letter = shaped(
        await api.post(f"/dead-letters/{job_id}/discard", {"reason": "a test", "seen_version": 1}), schemas.DeadLetter
    )
    assert (letter.state, letter.version, letter.closed_reason) == ("discarded", 2, "a test")
    for act in ("replay", "discard"):
        told = problem(await api.post(f"/dead-letters/{job_id}/{act}", {"reason": "x", "seen_version": 2}), 409)
        assert (told["code"], told["version"]) == ("conflict", 2)


@pytest.mark.parametrize("act", ["replay", "discard"])
@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"reason": "x"}, "seen_version"),
        ({"seen_version": 1}, "reason"),
        ({"reason": " ", "seen_version": 1}, "reason"),
        ({"reason": "x" * 1001, "seen_version": 1}, "reason"),
        ({"reason": "x", "seen_version": 0}, "seen_version"),
        ({"reason": "x", "seen_version": "1"}, "seen_version"),
        ({"reason": "x", "seen_version": True}, "seen_version"),
        ({"reason": "x", "seen_version": 1, "state": "open"}, "state"),
    ],
)
async def test_an_act_must_say_why_and_what_it_saw(api: Api, act: str, said: dict[str, Any], place: str) -> None:
    job_id = await fail(api)
    assert places(problem(await api.post(f"/dead-letters/{job_id}/{act}", said), 422, "invalid")) == [place]


async def test_a_version_nobody_ever_had_is_stale(api: Api) -> None:
    job_id = await fail(api)
    said = {"reason": "x", "seen_version": 10**37}
    assert problem(await api.post(f"/dead-letters/{job_id}/discard", said), 409, "stale_version")["version"] == 1


async def test_a_dead_letter_that_does_not_exist_is_not_found(api: Api) -> None:
    alive = await run_through(api.connection, Succeeded())
    for job_id in (uuid4(), alive, "x"):
        problem(await api.get(f"/dead-letters/{job_id}"), 404, "not_found")
        for act in ("replay", "discard"):
            problem(await api.post(f"/dead-letters/{job_id}/{act}", {"reason": "x", "seen_version": 1}), 404)
        said = {"reason": "x", "seen_version": 1, "payload": {}}
        problem(await api.post(f"/dead-letters/{job_id}/replay", said), 404)
