"""Starting runs over HTTP, each once, and looking at them until they are over."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.api import run_schemas, schemas
from easyflow.domain import outcome
from tests.conftest import Connect
from tests.support.api import Api, places, problem, shaped
from tests.support.asked_runs import TWO, begun, keep, know, look, steps
from tests.support.command_line import running_worker
from tests.support.held import key_held
from tests.support.runs import claim_all, said, step, work, workflow
from tests.support.unheard import COMMIT, FAULTS, Fault, api_behind, strike, struck
from tests.support.waiting import until

BAD = outcome.Failed("attempts exhausted", outcome.Fault("ValueError", "no such account"))
START = {"workflow": "w", "input": {"n": 1}, "tags": ["red"]}
REPLAYED = "idempotency-replayed"
POLICY = workflow(
    step("a"),
    key="${input.policy}",
    input_schema={"type": "object", "required": ["policy"], "properties": {"policy": {"type": "string"}}},
)


async def test_a_run_is_started_worked_on_and_shown_with_every_step(api: Api) -> None:
    chain = workflow(
        step("a", input={"n": "${input.n}"}),
        step("hold", "a", wait_for_signal={"signal": "go"}),
        step("b", "hold", compensate_with={"task": "work"}),
        output="${steps.a.result}",
    )
    run_id = await begun(api, chain, input={"n": 1}, tags=["red", "blue"])
    assert await work(api.connection, {"a": said({"n": 2})}) == ["a"]
    seen = await look(api, run_id)
    assert (seen.workflow, seen.version, seen.state, seen.tags, seen.input) == (
        "w", 1, "RUNNING", ["blue", "red"], {"n": 1},
    )  # fmt: skip
    first, hold, last = seen.steps
    assert (first.state, first.kind, first.task, first.result) == ("SUCCEEDED", "task", "work", {"n": 2})
    assert first.job is not None
    assert (first.job.state, first.job.retry_count) == ("SUCCEEDED", 0)
    assert (hold.state, hold.kind, hold.signal, hold.needs) == ("WAITING", "wait_for_signal", "go", ["a"])
    assert (last.state, last.job, last.began_at) == ("BLOCKED", None, None)
    assert (await api.post(f"/runs/{run_id}/signals/go", {"value": {"ok": True}})).status_code == 200
    assert await work(api.connection) == ["b"]
    seen = await look(api, run_id)
    assert (seen.state, seen.output, seen.steps[1].result) == ("SUCCEEDED", {"n": 2}, {"ok": True})
    counts = {name: count for name, count in seen.step_counts.model_dump().items() if count}
    assert counts == {"SUCCEEDED": 3}


async def test_what_had_not_begun_when_a_run_failed_is_shown_as_skipped_with_the_reason(api: Api) -> None:
    run_id = await begun(api)
    await work(api.connection, {"a": BAD})
    seen = await look(api, run_id)
    assert (seen.state, seen.reason) == ("FAILED", "step a failed: no such account")
    assert [(each.state, each.reason) for each in seen.steps] == [
        ("FAILED", "no such account"),
        ("SKIPPED", "the run ended before"),
    ]
    assert (seen.step_counts.SKIPPED, seen.step_counts.BLOCKED) == (1, 0)


async def test_a_run_that_does_not_exist_is_not_found(api: Api) -> None:
    for path in ("", "/events", "/steps/a/items"):
        problem(await api.get(f"/runs/{uuid4()}{path}"), 404, "not_found")
    problem(await api.get("/runs/x"), 404, "not_found")


async def test_the_same_key_and_body_again_are_the_same_run_and_another_body_is_refused(api: Api) -> None:
    await begun(api)
    first, again = [await api.post("/runs", START, idempotency_key="k1") for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    other = {**START, "input": {"n": 2}}
    problem(await api.post("/runs", other, idempotency_key="k1"), 422, "idempotency_key_reused")
    in_body = await api.post("/runs", {**START, "idempotency_key": "k1"})
    assert (in_body.status_code, in_body.json()["id"]) == (200, first.json()["id"])
    both = await api.post("/runs", {**START, "idempotency_key": "k2"}, idempotency_key="k1")
    assert places(problem(both, 422)) == ["idempotency_key"]
    assert await api.count("runs") == 2


async def test_of_eight_callers_with_one_key_one_starts_the_run_and_all_get_it(api: Api) -> None:
    await know(api)
    await api.post("/workflows", TWO)
    replies = await asyncio.gather(*(api.post("/runs", START, idempotency_key="k1") for _ in range(8)))
    assert sorted(reply.status_code for reply in replies) == [200] * 7 + [201], [r.text for r in replies]
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert (await api.count("runs"), await api.count("jobs")) == (1, 1)


async def test_who_finds_the_first_start_in_flight_waits_two_seconds_and_is_told_to_come_again(
    api: Api, connect: Connect
) -> None:
    await begun(api)
    async with key_held(connect, "run"):
        begun_at = time.monotonic()
        reply = await api.post("/runs", START, idempotency_key="k1")
        waited = time.monotonic() - begun_at
    problem(reply, 409, "in_flight")
    assert int(reply.headers["retry-after"]) > 0
    assert 2.0 <= waited < 8.0
    assert (await api.post("/runs", START, idempotency_key="k1")).status_code == 201


@pytest.mark.parametrize("key", ["k1", None], ids=["keyed", "keyless"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_start_whose_commit_goes_unheard_is_answered_as_if_it_had_been_heard(
    api: Api, database_url: str, fault: Fault, key: str | None
) -> None:
    await begun(api)
    headers = {"idempotency_key": key} if key else {}
    async with api_behind(database_url, api.connection) as (behind, proxy):
        strike(proxy, COMMIT, fault)
        reply = await behind.post("/runs", START, **headers)
        assert struck(proxy, COMMIT) == 1
    assert reply.status_code == 201, reply.text
    assert REPLAYED not in reply.headers
    assert await api.count("runs") == 2
    assert await api.connection.fetchval("select state from easyflow.runs where id = $1", UUID(reply.json()["id"]))


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown workflow": ({"workflow": "x"}, ["workflow"]),
    "an unknown version": ({"workflow": "w", "version": 9}, ["version"]),
    "version 0": ({"workflow": "w", "version": 0}, ["version"]),
    "an input that does not fit": ({"workflow": "w", "input": {"policy": 1}}, ["input.policy"]),
    "an input without what is required": ({"workflow": "w"}, ["input"]),
    "an unknown field": ({"workflow": "w", "inputs": {}}, ["inputs"]),
    "a tag that is no text": ({"workflow": "w", "tags": [1]}, ["tags.0"]),
    "a key that is too long": ({"workflow": "w", "input": {"policy": "x" * 201}}, ["input"]),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_start_that_does_not_fit_is_refused_with_its_places(api: Api, case: str) -> None:
    await know(api)
    assert (await api.post("/workflows", POLICY)).status_code == 201
    sent, at = REFUSED[case]
    assert places(problem(await api.post("/runs", sent), 422, "invalid")) == at
    assert (await api.count("runs"), await api.count("idempotency_keys")) == (0, 0)


async def test_a_run_of_an_older_version_can_be_asked_for(api: Api) -> None:
    await begun(api)
    await begun(api, workflow(step("only")))
    old = UUID((await api.post("/runs", {"workflow": "w", "version": 1})).json()["id"])
    assert [each.name for each in (await look(api, old)).steps] == ["a", "b"]


async def test_a_child_that_nobody_registered_is_told_at_the_start(api: Api) -> None:
    await know(api)
    await api.post("/workflows", workflow(step("c", child={"workflow": "gone"})))
    assert places(problem(await api.post("/runs", {"workflow": "w"}), 422)) == ["workflow"]


async def test_a_second_run_with_a_key_queues_is_refused_or_replaces_as_the_workflow_says(api: Api) -> None:
    first = await begun(api, POLICY, input={"policy": "p1"})
    second = await begun(api, POLICY, input={"policy": "p1"})
    assert ((await look(api, second)).queued, await steps(api, second)) == (True, {"a": "BLOCKED"})
    await begun(api, {**POLICY, "name": "refusing", "key_policy": "refuse"}, input={"policy": "p1"})
    told = problem(await api.post("/runs", {"workflow": "refusing", "input": {"policy": "p1"}}), 409, "conflict")
    assert "has this key" in told["detail"]
    assert (await look(api, UUID(told["run_id"]))).workflow == "refusing"
    replacing = {**POLICY, "name": "replacing", "key_policy": "replace"}
    old = await begun(api, replacing, input={"policy": "p1"})
    new = await begun(api, replacing, input={"policy": "p1"})
    gone = await look(api, old)
    assert (gone.state, gone.reason) == ("CANCELLED", f"replaced by run {new}")
    await work(api.connection)
    await keep(api)
    await work(api.connection)
    for run_id in (first, second, new):
        assert (await look(api, run_id)).state == "SUCCEEDED"


async def test_waiting_for_a_run_answers_when_it_is_over(api: Api) -> None:
    run_id = await begun(api, workflow(step("a")))
    asked = asyncio.create_task(api.get(f"/runs/{run_id}", wait_seconds=20))

    async def waits() -> bool:
        return api.backend.run_watch.waiting == 1

    await until(10, waits)
    await work(api.connection)
    async with asyncio.timeout(10):
        assert (await asked).json()["state"] == "SUCCEEDED"
    assert (await api.get(f"/runs/{run_id}", wait_seconds=20)).json()["state"] == "SUCCEEDED"


async def test_the_history_tells_what_happened_in_order(api: Api) -> None:
    run_id = await begun(api, workflow(step("a"), step("b", "a", wait_for_signal={"signal": "go"})))
    await work(api.connection)
    await api.post(f"/runs/{run_id}/signals/go", {"value": 1, "reason": "it is fine"})
    told = shaped(await api.get(f"/runs/{run_id}/events"), schemas.Listing[run_schemas.RunEvent])
    assert [(each.kind, each.step, each.actor) for each in told.items] == [
        ("created", None, None),
        ("started", None, None),
        ("step began", "a", None),
        ("step succeeded", "a", None),
        ("step began", "b", None),
        ("signal", None, "api"),
        ("step succeeded", "b", None),
        ("succeeded", None, None),
    ]
    assert told.items[5].reason == "it is fine"
    assert told.total.value == 8


async def test_a_chain_runs_over_http_with_a_real_worker(api: Api, database_url: str, tmp_path: Path) -> None:
    chain = workflow(
        step("say", task="demo.echo", input={"message": "${input.word}"}),
        step("each", "say", task="demo.echo", map={"items": "${input.items}"}, input={"message": "${item}"}),
        step("approve", "each", wait_for_signal={"signal": "approval"}),
        step("end", "approve", task="demo.echo", input={"message": "${steps.approve.result.by}"}),
        output={"said": "${steps.end.result.message}", "each": "${steps.each.result.succeeded}"},
    )
    async with running_worker(database_url):

        async def registered() -> bool:
            return (await api.post("/workflows", chain)).status_code in (200, 201)

        await until(30, registered)
        start = {"workflow": "w", "input": {"word": "hello", "items": ["x", "y", "z"]}}
        run_id = UUID((await api.post("/runs", start, idempotency_key="k1")).json()["id"])

        async def waiting() -> bool:
            return (await steps(api, run_id))["approve"] == "WAITING"

        await until(30, waiting)
        assert (await api.post(f"/runs/{run_id}/signals/approval", {"value": {"by": "ann"}})).status_code == 200
        seen = (await api.get(f"/runs/{run_id}", wait_seconds=30)).json()
    assert (seen["state"], seen["output"]) == ("SUCCEEDED", {"said": "ann", "each": 3})
    assert (await claim_all(api.connection)) == []
