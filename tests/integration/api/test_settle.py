"""Jobs in doubt over HTTP: what is shown of them, and that of two people who settle one, one wins."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.api import schemas
from easyflow.storage.admission import admit
from easyflow.storage.notifications import CHANGED
from tests.support.api import Api, places, problem, shaped
from tests.support.doubts import WHY, doubt, in_doubt
from tests.support.factories import FAILED, claim, end, key, ordered, place, submit

SAID = {"outcome": "did_not_happen", "reason": "asked the bank", "seen_version": 1}


async def settle(api: Api, job_id: UUID, headers: dict[str, str] | None = None, **said: Any) -> Any:
    return await api.post(f"/jobs/{job_id}/settle", {**SAID, **said}, **(headers or {}))


async def detail(api: Api, job_id: UUID) -> schemas.JobDetail:
    return shaped(await api.get(f"/jobs/{job_id}"), schemas.JobDetail)


async def traces(api: Api, job_id: UUID) -> tuple[int, int, str | None, list[str]]:
    """Audit rows and events of a settle, where the job is, and the states of its effects."""
    rows = await api.connection.fetch("select state from easyflow.effects where job_id = $1 order by ordinal", job_id)
    return (
        await api.connection.fetchval("select count(*) from easyflow.audit where act = 'settle'"),
        await api.connection.fetchval("select count(*) from easyflow.job_events where kind = 'settled'"),
        await place(api.connection, job_id),
        [row["state"] for row in rows],
    )


async def test_what_did_not_happen_is_closed_and_the_job_is_due(api: Api) -> None:
    job_id = await in_doubt(api.connection, ["reserve", "charge"])
    heard: asyncio.Queue[str] = asyncio.Queue()
    await api.connection.add_listener("easyflow_ready", lambda *told: heard.put_nowait(told[3]))
    job = shaped(await settle(api, job_id), schemas.Job)
    assert (job.id, job.state, job.version) == (str(job_id), "SCHEDULED", None)
    assert await asyncio.wait_for(heard.get(), 5) == "default"
    shown = await detail(api, job_id)
    assert shown.in_doubt is None
    charge = shown.effects[1]
    assert (charge.state, charge.closed_by, charge.note, charge.result) == (
        "did_not_happen",
        "api",
        "asked the bank",
        None,
    )
    assert (shown.effects[0].state, shown.effects[0].closed_by) == ("happened", "worker")


async def test_what_happened_is_recorded_with_every_digit_of_its_result(api: Api) -> None:
    job_id = await in_doubt(api.connection)
    body = (
        b'{"outcome": "happened", "reason": "statement 7", "seen_version": 1, '
        b'"result": {"amount": 123.4500000000000000000000000001}}'
    )
    assert shaped(await api.send(f"/jobs/{job_id}/settle", body), schemas.Job).state == "SCHEDULED"
    assert b'{"amount": 123.4500000000000000000000000001}' in (await api.get(f"/jobs/{job_id}")).content
    assert (await detail(api, job_id)).effects[0].state == "happened"


@pytest.mark.parametrize("result", [{}, {"result": None}], ids=["none", "null"])
async def test_what_happened_without_a_result_has_null_as_its_result(api: Api, result: dict[str, Any]) -> None:
    job_id = await in_doubt(api.connection)
    assert shaped(await settle(api, job_id, outcome="happened", **result), schemas.Job).state == "SCHEDULED"
    assert await api.connection.fetchval("select result from easyflow.effects") == "null"


@pytest.mark.parametrize(("given", "kept"), [({"result": {"n": 7}}, {"n": 7}), ({}, None), ({"result": None}, None)])
async def test_a_completed_job_has_succeeded_with_that_result(api: Api, given: dict[str, Any], kept: Any) -> None:
    job_id = await in_doubt(api.connection)
    job = shaped(await settle(api, job_id, outcome="happened", complete=True, **given), schemas.Job)
    assert (job.state, job.finished_at is not None) == ("SUCCEEDED", True)
    shown = await detail(api, job_id)
    assert (shown.result, shown.effects[0].state, shown.effects[0].result) == (kept, "happened", kept)
    assert await claim(api.connection) == []


async def test_a_job_that_is_failed_leaves_a_dead_letter_and_its_effects_open(api: Api) -> None:
    job_id = await in_doubt(api.connection)
    job = shaped(await settle(api, job_id, outcome="failed", reason="the bank is closed"), schemas.Job)
    assert (job.state, job.version) == ("FAILED", 1)
    letter = shaped(await api.get(f"/dead-letters/{job_id}"), schemas.DeadLetterDetail)
    assert (letter.state, letter.reason) == ("open", "settled as failed")
    assert letter.error is not None
    assert letter.error.message == "the bank is closed"
    assert (await detail(api, job_id)).effects[0].state == "open"


async def test_the_next_of_an_order_goes_on_when_the_job_in_doubt_has_ended(api: Api) -> None:
    first, second = await submit(api.connection, ordered(), ordered())
    await admit(api.connection, [key(in_order=True)])
    [claimed] = await claim(api.connection, 2)
    await doubt(api.connection, claimed)
    assert await claim(api.connection, 2) == []
    assert (await settle(api, first, outcome="happened", complete=True)).status_code == 200
    assert [row["job_id"] for row in await claim(api.connection, 2)] == [second]


async def test_a_settle_is_written_down_with_who_why_and_in_which_request(api: Api) -> None:
    job_id = await in_doubt(api.connection, ["reserve", "charge"])
    reply = await settle(api, job_id, outcome="happened", result=1)
    row = await api.connection.fetchrow("select * from easyflow.audit")
    assert row is not None
    assert (row["act"], row["actor"], row["object_id"], row["reason"], row["request_id"]) == (
        "settle",
        "api",
        str(job_id),
        "asked the bank",
        reply.headers["x-request-id"],
    )
    assert json.loads(row["before"]) == {"version": 1, "state": "IN_DOUBT"}
    told = {"outcome": "happened", "effects": ["charge"], "complete": False}
    assert json.loads(row["after"]) == {"state": "SCHEDULED", **told}
    events = (await api.get(f"/jobs/{job_id}/events")).json()["items"]
    assert [(event["kind"], event["reason"]) for event in events[-2:]] == [
        ("in doubt", WHY),
        ("settled", "asked the bank"),
    ]
    assert events[-1]["detail"] == told


@pytest.mark.parametrize("table", ["audit", "job_events"])
async def test_when_it_cannot_be_written_down_nothing_is_settled(api: Api, table: str) -> None:
    job_id = await in_doubt(api.connection)
    before = await traces(api, job_id)
    await api.connection.execute(
        "create function public.refuse() returns trigger language plpgsql as $$ "
        "begin raise exception 'the disk is full' using errcode = 'disk_full'; end $$"
    )
    await api.connection.execute(
        f"create trigger refuse before insert on easyflow.{table} for each row execute function public.refuse()"
    )
    problem(await settle(api, job_id, outcome="happened", result=1, headers={"idempotency_key": "k"}), 503)
    assert await traces(api, job_id) == before == (0, 0, "IN_DOUBT", ["open"])
    await api.connection.execute(f"drop trigger refuse on easyflow.{table}")
    reply = await settle(api, job_id, outcome="happened", result=1, headers={"idempotency_key": "k"})
    assert reply.status_code == 200
    assert await traces(api, job_id) == (1, 1, "SCHEDULED", ["happened"])


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": None}, "reason"),
        ({"seen_version": None}, "seen_version"),
        ({"seen_version": -1}, "seen_version"),
        ({"seen_version": True}, "seen_version"),
        ({"outcome": "succeeded"}, "outcome"),
        ({"complete": "yes", "outcome": "happened"}, "complete"),
        ({"because": "x"}, "because"),
        ({"result": 1}, "result"),
        ({"result": None}, "result"),
        ({"complete": True}, "complete"),
        ({"outcome": "failed", "result": {}}, "result"),
        ({"outcome": "failed", "complete": True}, "complete"),
    ],
)
async def test_a_settle_that_makes_no_sense_changes_nothing(api: Api, said: dict[str, Any], at: str) -> None:
    job_id = await in_doubt(api.connection)
    assert places(problem(await settle(api, job_id, **said), 422, "invalid")) == [at]
    assert await traces(api, job_id) == (0, 0, "IN_DOUBT", ["open"])


@pytest.mark.parametrize("missing", ["outcome", "reason", "seen_version"])
async def test_outcome_reason_and_version_must_be_said(api: Api, missing: str) -> None:
    job_id = await in_doubt(api.connection)
    said = {name: value for name, value in SAID.items() if name != missing}
    assert places(problem(await api.post(f"/jobs/{job_id}/settle", said), 422, "invalid")) == [missing]


async def test_a_result_keeps_the_limits(api: Api) -> None:
    job_id = await in_doubt(api.connection)
    start = b'{"outcome": "happened", "reason": "x", "seen_version": 1, "result": '
    path = f"/jobs/{job_id}/settle"
    told = problem(await api.send(path, start + b'"' + b"x" * 1024 * 1024 + b'"}'), 413, "too_large")
    assert told["limit_bytes"] == 1024 * 1024
    problem(await api.send(path, start + b'"\\u0000"}'), 400, "malformed")
    problem(await api.send(path, start + b"[" * 70 + b"]" * 70 + b"}"), 422, "invalid")
    assert await traces(api, job_id) == (0, 0, "IN_DOUBT", ["open"])


async def test_nothing_open_can_only_be_completed_or_run(api: Api) -> None:
    job_id = await in_doubt(api.connection, [])
    assert places(problem(await settle(api, job_id, outcome="happened", result=1), 422, "invalid")) == ["complete"]
    assert await traces(api, job_id) == (0, 0, "IN_DOUBT", [])
    assert (await settle(api, job_id, outcome="happened", complete=True)).status_code == 200


async def test_a_stale_look_gets_the_present_version_and_changes_nothing(api: Api) -> None:
    job_id = await in_doubt(api.connection)
    assert problem(await settle(api, job_id, seen_version=7), 409, "stale_version")["version"] == 1
    assert await traces(api, job_id) == (0, 0, "IN_DOUBT", ["open"])


@pytest.mark.parametrize("state", ["READY", "SCHEDULED", "FAILED", "RUNNING"])
async def test_only_a_job_in_doubt_can_be_settled(api: Api, state: str) -> None:
    job_id = await api.submit(**({"delay_seconds": 60} if state == "SCHEDULED" else {}))
    if state in ("FAILED", "RUNNING"):
        rows = await claim(api.connection)
        if state == "FAILED":
            await end(api.connection, rows, FAILED)
    told = problem(await settle(api, job_id), 409, "conflict")
    assert told["state"] == state


async def test_a_job_nobody_knows_is_not_found(api: Api) -> None:
    problem(await settle(api, uuid4()), 404, "not_found")
    problem(await api.post("/jobs/nonsense/settle", SAID), 404, "not_found")


@pytest.mark.parametrize("round_no", range(8))
async def test_of_several_people_at_once_one_wins(api: Api, round_no: int) -> None:
    job_id = await in_doubt(api.connection)
    acts: list[dict[str, Any]] = [{"outcome": "happened", "result": n, "complete": n % 2 == 0} for n in range(3)]
    acts += [{"outcome": "did_not_happen"}, {"outcome": "failed"}]
    replies = await asyncio.gather(*(settle(api, job_id, reason=f"person {n}", **act) for n, act in enumerate(acts)))
    statuses = [reply.status_code for reply in replies]
    assert sorted(statuses) == [200, 409, 409, 409, 409]
    winner = statuses.index(200)
    for reply in replies:
        if reply.status_code == 409:
            assert problem(reply, 409, "conflict")["version"] == 1
    row = await api.connection.fetchrow("select reason, after from easyflow.audit")
    assert row is not None
    assert row["reason"] == f"person {winner}"
    audits, events, state, _ = await traces(api, job_id)
    assert (audits, events) == (1, 1)
    assert json.loads(row["after"])["state"] == state == replies[winner].json()["state"]


async def test_the_same_key_again_gets_the_same_answer_and_another_act_is_refused(api: Api) -> None:
    job_id = await in_doubt(api.connection)
    headers = {"idempotency_key": "settle-1"}
    first, again = [await settle(api, job_id, headers) for _ in range(2)]
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["idempotency-replayed"] == "true"
    problem(await settle(api, job_id, headers, reason="another"), 422, "idempotency_key_reused")
    assert (await traces(api, job_id))[:2] == (1, 1)


async def test_a_job_in_doubt_can_be_cancelled_and_its_effects_stay_open(api: Api) -> None:
    job_id = await in_doubt(api.connection)
    job = shaped(await api.post(f"/jobs/{job_id}/cancel", {"reason": "withdrawn"}), schemas.Job)
    assert (job.state, job.version) == ("CANCELLED", None)
    assert (await detail(api, job_id)).effects[0].state == "open"
    problem(await settle(api, job_id), 409, "conflict")


async def test_a_settle_is_told_to_who_looks_on(api: Api) -> None:
    job_id = await in_doubt(api.connection)
    heard: asyncio.Queue[str] = asyncio.Queue()
    await api.connection.add_listener(CHANGED, lambda *told: heard.put_nowait(told[3]))
    await settle(api, job_id, outcome="failed")
    assert set((await asyncio.wait_for(heard.get(), 5)).split(",")) == {"jobs", "dead-letters"}
