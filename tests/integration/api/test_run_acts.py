"""Acts on runs over HTTP: cancel, pause, resume, signals; each done once, and one of two wins."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.api import run_schemas
from easyflow.domain import outcome
from tests.support.api import Api, places, problem, shaped
from tests.support.asked_runs import TWO, begun, keep, look, steps
from tests.support.factories import end
from tests.support.runs import claim_all, said, step, work, workflow

BAD = outcome.Failed("attempts exhausted", outcome.Fault("ValueError", "no such account"))
REPLAYED = "idempotency-replayed"
APPROVAL = workflow(
    step("a"),
    step(
        "approve",
        "a",
        wait_for_signal={
            "signal": "approval",
            "schema": {
                "type": "object",
                "properties": {"approved": {"type": "boolean"}},
                "required": ["approved"],
                "additionalProperties": False,
            },
        },
    ),
    step("pay", "approve", when="steps.approve.result.approved"),
)
YES = {"value": {"approved": True}}
NO = {"value": {"approved": False}}


async def waiting_for_approval(api: Api) -> UUID:
    run_id = await begun(api, APPROVAL)
    await work(api.connection)
    return run_id


async def audited(api: Api) -> list[tuple[str, str, str | None]]:
    rows = await api.connection.fetch("select act, object_kind, reason from easyflow.audit order by id")
    return [tuple(row) for row in rows]


async def test_of_two_senders_of_a_signal_one_wins_and_the_other_is_told(api: Api) -> None:
    run_id = await waiting_for_approval(api)
    replies = await asyncio.gather(
        api.post(f"/runs/{run_id}/signals/approval", YES), api.post(f"/runs/{run_id}/signals/approval", NO)
    )
    assert sorted(reply.status_code for reply in replies) == [200, 409]
    yes = replies[0].status_code == 200
    assert (await look(api, run_id)).steps[1].result == {"approved": yes}
    assert await work(api.connection) == (["pay"] if yes else [])
    assert (await steps(api, run_id))["pay"] == ("SUCCEEDED" if yes else "SKIPPED")
    assert await audited(api) == [("signal", "run", None)]


async def test_a_signal_that_comes_early_is_kept_and_a_second_one_refused(api: Api) -> None:
    run_id = await begun(api, APPROVAL)
    assert (await api.post(f"/runs/{run_id}/signals/approval", YES)).status_code == 200
    told = problem(await api.post(f"/runs/{run_id}/signals/approval", NO), 409, "conflict")
    assert "came before from api at" in told["detail"]
    assert await work(api.connection) == ["a", "pay"]


async def test_a_signal_again_under_its_key_is_answered_as_the_first_time(api: Api) -> None:
    run_id = await waiting_for_approval(api)
    first, again = [await api.post(f"/runs/{run_id}/signals/approval", YES, idempotency_key="k1") for _ in range(2)]
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    problem(await api.post(f"/runs/{run_id}/signals/approval", NO, idempotency_key="k1"), 422)


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"value": {"approved": 1}}, ["value.approved"]),
        ({"value": {"approved": True, "by": "ann"}}, ["value"]),
        ({"value": None}, ["value"]),
        ({}, ["value"]),
        ({"valu": True}, ["valu"]),
    ],
)
async def test_a_signal_that_does_not_fit_its_step_is_refused_with_its_place(
    api: Api, body: dict[str, Any], at: list[str]
) -> None:
    run_id = await waiting_for_approval(api)
    assert places(problem(await api.post(f"/runs/{run_id}/signals/approval", body), 422, "invalid")) == at
    assert (await api.count("run_signals"), (await steps(api, run_id))["approve"]) == (0, "WAITING")


async def test_a_signal_nobody_waits_for_is_not_found(api: Api) -> None:
    run_id = await waiting_for_approval(api)
    told = problem(await api.post(f"/runs/{run_id}/signals/aproval", YES), 404, "not_found")
    assert "it waits for approval" in told["detail"]
    problem(await api.post(f"/runs/{uuid4()}/signals/approval", YES), 404, "not_found")
    assert (await audited(api), await api.count("run_signals")) == ([], 0)


async def test_a_signal_keeps_its_numbers_to_the_last_digit(api: Api) -> None:
    run_id = await begun(api, workflow(step("s", wait_for_signal={"signal": "go"})))
    assert (await api.send(f"/runs/{run_id}/signals/go", b'{"value": 1.00000000000000000001}')).status_code == 200
    assert b'"result":1.00000000000000000001' in (await api.get(f"/runs/{run_id}")).content


async def test_a_cancel_stops_what_waits_and_what_runs_and_nothing_further_begins(api: Api) -> None:
    fan = workflow(
        step("run", queue="default"),
        step("wait"),
        step("sleep", sleep={"seconds": 3600}),
        step("after", "run", "wait"),
    )
    run_id = await begun(api, fan)
    (claimed,) = await claim_all(api.connection, max_jobs=1)
    reply = await api.post(f"/runs/{run_id}/cancel", {"reason": "a mistake"}, idempotency_key="k1")
    assert shaped(reply, run_schemas.Run, 202).stopping == "CANCELLED"
    assert (await look(api, run_id)).state == "RUNNING"
    assert await claim_all(api.connection) == []
    asked = "select cancel_requested from easyflow.leases where job_id = $1"
    assert await api.connection.fetchval(asked, claimed["job_id"]) is True
    await end(api.connection, [claimed], outcome.Stopped(outcome.HandedBack()))
    seen = await look(api, run_id)
    assert (seen.state, seen.reason) == ("CANCELLED", "a mistake")
    assert {each.name: each.state.value for each in seen.steps} == {
        "run": "CANCELLED", "wait": "CANCELLED", "sleep": "CANCELLED", "after": "SKIPPED",
    }  # fmt: skip
    again = await api.post(f"/runs/{run_id}/cancel", {"reason": "a mistake"}, idempotency_key="k1")
    assert (again.status_code, again.content) == (202, reply.content)
    assert (await api.post(f"/runs/{run_id}/cancel")).status_code == 200
    assert [each[0] for each in await audited(api)] == ["cancel"]


async def test_a_cancel_takes_finished_steps_back_unless_it_says_otherwise(api: Api) -> None:
    saga = workflow(step("a", compensate_with={"task": "work"}), step("hold", "a", wait_for_signal={"signal": "go"}))
    taken_back, left = [await begun(api, saga) for _ in range(2)]
    assert await work(api.connection) == ["a", "a"]
    assert (await api.post(f"/runs/{taken_back}/cancel")).status_code == 202
    assert (await api.post(f"/runs/{left}/cancel", {"compensate": False})).status_code == 200
    assert await work(api.connection) == ["undo a"]
    seen = await look(api, taken_back)
    assert (seen.state, seen.compensated) == ("CANCELLED", True)
    assert seen.steps[0].compensation is not None
    assert seen.steps[0].compensation.state == "SUCCEEDED"
    assert (await look(api, left)).compensated is False


async def test_a_run_that_takes_its_steps_back_cannot_be_paused(api: Api) -> None:
    saga = workflow(step("a", compensate_with={"task": "work"}), step("b", "a", fail={"reason": "no"}))
    run_id = await begun(api, saga)
    (claimed,) = await claim_all(api.connection)
    await end(api.connection, [claimed])
    assert (await look(api, run_id)).state == "COMPENSATING"
    assert problem(await api.post(f"/runs/{run_id}/pause"), 409, "conflict")["state"] == "COMPENSATING"


async def test_a_paused_run_releases_nothing_until_it_is_resumed(api: Api) -> None:
    run_id = await begun(api)
    paused = shaped(await api.post(f"/runs/{run_id}/pause", {"reason": "the bank is closed"}), run_schemas.Run)
    assert paused.state == "PAUSED"
    assert await work(api.connection) == ["a"]
    assert shaped(await api.post(f"/runs/{run_id}/resume"), run_schemas.Run).state == "RUNNING"
    assert await work(api.connection) == ["b"]
    assert (await look(api, run_id)).state == "SUCCEEDED"
    assert await audited(api) == [("pause", "run", "the bank is closed"), ("resume", "run", None)]


async def test_a_failed_run_resumed_after_a_fix_repeats_what_failed_and_nothing_else(api: Api) -> None:
    run_id = await begun(api, workflow(step("a"), step("b", "a"), step("c", "b")))
    assert await work(api.connection, {"b": BAD}) == ["a", "b"]
    assert (await look(api, run_id)).state == "FAILED"
    resumed = await api.post(f"/runs/{run_id}/resume", {"reason": "the account is there now"})
    assert shaped(resumed, run_schemas.Run).state == "RUNNING"
    assert await work(api.connection, {"b": said(1)}) == ["b", "c"]
    seen = await look(api, run_id)
    assert (seen.state, seen.reason) == ("SUCCEEDED", None)
    letters = await api.get("/dead-letters", state="replayed")
    assert len(letters.json()["items"]) == 1


@pytest.mark.parametrize("act", ["cancel", "pause", "resume", "signals/go"])
async def test_a_run_that_is_over_is_acted_on_no_more(api: Api, act: str) -> None:
    run_id = await begun(api, workflow(step("s", wait_for_signal={"signal": "go"})))
    assert (await api.post(f"/runs/{run_id}/signals/go")).status_code == 200
    told = problem(await api.post(f"/runs/{run_id}/{act}"), 409, "conflict")
    assert told["state"] == "SUCCEEDED"
    problem(await api.post(f"/runs/{uuid4()}/{act}"), 404, "not_found")


async def test_a_map_can_be_given_another_window_and_more_patience_while_it_runs(api: Api) -> None:
    fan = workflow(step("each", map={"items": "${input.items}", "concurrency": 1}))
    run_id = await begun(api, fan, input={"items": [1, 2, 3]})
    changed = await api.client.patch(
        f"/api/v1/runs/{run_id}/steps/each", json={"concurrency": 3, "tolerated_failures": 1}
    )
    assert shaped(changed, run_schemas.Run).state == "RUNNING"
    (seen,) = (await look(api, run_id)).steps
    assert seen.items is not None
    assert (seen.items.concurrency, seen.items.tolerated_failures, seen.items.made) == (3, 1, 3)
    problem(await api.client.patch(f"/api/v1/runs/{run_id}/steps/gone", json={"concurrency": 3}), 404)
    problem(await api.client.patch(f"/api/v1/runs/{run_id}/steps/each", json={"concurrency": 0}), 422)
    two = await begun(api, {**TWO, "name": "two"})
    problem(await api.client.patch(f"/api/v1/runs/{two}/steps/a", json={"concurrency": 3}), 409, "conflict")
    await keep(api)
