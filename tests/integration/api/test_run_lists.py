"""Pages of runs, of the items of their maps and of their jobs: complete, filtered as the facts say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from easyflow.api import run_schemas, schemas
from easyflow.domain import outcome
from tests.support.api import Api, places, problem, shaped
from tests.support.asked_runs import TWO, begun, know, look
from tests.support.factories import run_through
from tests.support.runs import said, step, work, workflow

BAD = outcome.Failed("attempts exhausted", outcome.Fault("ValueError", "no such account"))
Runs = schemas.Listing[run_schemas.Run]
Items = schemas.Listing[run_schemas.RunItem]


async def listed(api: Api, path: str = "/runs", **query: Any) -> list[dict[str, Any]]:
    """All items of all pages, three at a time."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get(path, limit=3, **query, **cursor)).json()
        found += page["items"]
        assert page["total"]["value"] >= len(page["items"])
        if page["next_cursor"] is None:
            assert page["total"] == {"value": len(found), "kind": "exact"}
            return found
        cursor = {"cursor": page["next_cursor"]}


async def a_mixture(api: Api) -> dict[str, list[UUID]]:
    """Runs of two workflows, some over, some failed, with and without tags and keys; by a name for the test."""
    keyed = {**workflow(step("a"), name="keyed"), "key": "${input.k}", "key_policy": "queue"}
    good = [await begun(api, tags=["red"]) for _ in range(4)]
    await work(api.connection)
    bad = [await begun(api, tags=["red", "blue"]) for _ in range(4)]
    await work(api.connection, {"a": BAD})
    live = [await begun(api, keyed, input={"k": "k1"}, tags=["blue"]) for _ in range(4)]
    return {"good": good, "bad": bad, "live": live}


FILTERS: dict[str, tuple[dict[str, str], list[str]]] = {
    "all": ({}, ["good", "bad", "live"]),
    "succeeded": ({"state": "SUCCEEDED"}, ["good"]),
    "failed": ({"state": "FAILED"}, ["bad"]),
    "running": ({"state": "RUNNING"}, ["live"]),
    "paused": ({"state": "PAUSED"}, []),
    "a workflow": ({"workflow": "w"}, ["good", "bad"]),
    "a workflow and a state": ({"workflow": "w", "state": "FAILED"}, ["bad"]),
    "a tag": ({"tag": "blue"}, ["bad", "live"]),
    "a tag and a state": ({"tag": "red", "state": "SUCCEEDED"}, ["good"]),
    "a key": ({"key": "k1"}, ["live"]),
    "a key nobody has": ({"key": "k2"}, []),
    "everything": ({"key": "k1", "workflow": "keyed", "tag": "blue", "state": "RUNNING"}, ["live"]),
}


async def test_runs_are_listed_as_they_are_filtered_newest_first_over_all_pages(api: Api) -> None:
    made = await a_mixture(api)
    for name, (query, groups) in FILTERS.items():
        wanted = sorted((str(each) for group in groups for each in made[group]), reverse=True)
        assert [run["id"] for run in await listed(api, **query)] == wanted, name
    newest = shaped(await api.get("/runs", limit=1), Runs).items[0]
    assert (newest.queued, newest.key, newest.step_counts.BLOCKED) == (True, "k1", 1)


async def test_runs_since_a_time_are_listed(api: Api) -> None:
    run_id = await begun(api)
    now = datetime.now(UTC)
    before, behind = ((now + timedelta(minutes=minutes)).isoformat() for minutes in (-1, 1))
    assert [run["id"] for run in await listed(api, created_after=before)] == [str(run_id)]
    assert await listed(api, created_after=behind) == []


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ({"state": "READY"}, "state"),
        ({"cursor": "x"}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"task": "work"}, "task"),
    ],
)
async def test_a_list_that_cannot_be_is_refused(api: Api, query: dict[str, str], at: str) -> None:
    assert places(problem(await api.get("/runs", **query), 422)) == [at]


async def test_the_items_of_a_map_are_listed_by_number_with_what_became_of_them(api: Api) -> None:
    fan = workflow(step("each", map={"items": "${input.items}", "tolerated_failures": 2}, input={"n": "${item}"}))
    run_id = await begun(api, fan, input={"items": list(range(8))})

    def handle(name: str, payload: dict[str, int]) -> outcome.Outcome:
        return BAD if payload["n"] in (2, 5) else said({"twice": 2 * payload["n"]})

    await work(api.connection, {"each": handle})
    path = f"/runs/{run_id}/steps/each/items"
    found = await listed(api, path)
    assert [each["number"] for each in found] == list(range(8))
    assert [each["item"] for each in found] == list(range(8))
    assert [each["result"] for each in found] == [
        None if number in (2, 5) else {"twice": 2 * number} for number in range(8)
    ]
    failed = shaped(await api.get(path, state="FAILED"), Items)
    assert [(each.number, each.reason) for each in failed.items] == [(2, "no such account"), (5, "no such account")]
    assert failed.total.value == 2
    assert [each["number"] for each in await listed(api, path, state="SUCCEEDED")] == [0, 1, 3, 4, 6, 7]
    assert await listed(api, path, state="CANCELLED") == []
    (seen,) = (await look(api, run_id)).steps
    assert seen.items is not None
    assert (seen.items.total, seen.items.made, seen.items.succeeded, seen.items.failed) == (8, 8, 6, 2)
    assert seen.result == {"total": 8, "succeeded": 6, "failed": 2}


async def test_a_map_of_a_maps_results_lists_results_without_items(api: Api) -> None:
    chain = workflow(
        step("first", map={"items": [1, 2]}),
        step("second", "first", map={"items_of": "first"}),
    )
    run_id = await begun(api, chain)
    await work(api.connection, {"first": said("x"), "second": said("y")})
    found = await listed(api, f"/runs/{run_id}/steps/second/items")
    assert [(each["item"], each["result"]) for each in found] == [(None, "y"), (None, "y")]


async def test_a_step_that_is_no_map_has_no_items(api: Api) -> None:
    run_id = await begun(api)
    assert places(problem(await api.get(f"/runs/{run_id}/steps/a/items"), 422)) == ["step"]
    problem(await api.get(f"/runs/{run_id}/steps/x/items"), 404, "not_found")


async def test_large_results_are_told_by_their_size_behind_the_first_megabyte(api: Api) -> None:
    run_id = await begun(api, workflow(step("a"), step("b"), step("c")))
    await work(api.connection, dict.fromkeys("abc", said("x" * 700_000)))
    seen = await look(api, run_id)
    assert [each.result is None for each in seen.steps] == [False, False, True]
    assert [each.result_bytes for each in seen.steps] == [700_002] * 3


async def test_jobs_say_which_step_of_which_run_they_are_and_are_found_by_it(api: Api) -> None:
    await know(api)
    fan = workflow(step("a"), step("each", "a", map={"items": list(range(9))}), name="fan")
    run_id, other = await begun(api, fan), await begun(api, TWO)
    alone = await run_through(api.connection, BAD)
    await work(api.connection, {"each": BAD})
    jobs = await listed(api, "/jobs", run_id=str(run_id))
    assert [(job["run_id"], job["step"]) for job in jobs] == [(str(run_id), "each")] * 9 + [(str(run_id), "a")]
    assert [job["id"] for job in jobs] == sorted((job["id"] for job in jobs), reverse=True)
    failed = await listed(api, "/jobs", run_id=str(run_id), state="FAILED")
    assert [job["id"] for job in failed] == [job["id"] for job in jobs[:9]]
    assert len(await listed(api, "/jobs", run_id=str(run_id), task="work", queue="default")) == 10
    assert await listed(api, "/jobs", run_id=str(run_id), tag="red") == []
    assert [job["step"] for job in await listed(api, "/jobs", run_id=str(other))] == ["b", "a"]
    shown = shaped(await api.get(f"/jobs/{jobs[0]['id']}"), schemas.JobDetail)
    assert (shown.run_id, shown.step) == (str(run_id), "each")
    lonely = shaped(await api.get(f"/jobs/{alone}"), schemas.JobDetail)
    assert (lonely.run_id, lonely.step) == (None, None)
    assert await listed(api, "/jobs", run_id=str(alone)) == []
    assert places(problem(await api.get("/jobs", run_id="x"), 422)) == ["run_id"]


async def test_runs_and_workflows_are_found_by_what_somebody_has_in_hand(api: Api) -> None:
    run_id = await begun(api, {**TWO, "name": "claims.settle"})
    again = await api.post("/runs", {"workflow": "claims.settle"}, idempotency_key="order 7")

    async def found(q: str) -> list[tuple[str, str, str | None]]:
        items = (await api.get("/lookup", q=q)).json()["items"]
        return [(each["kind"], each["id"], each["state"]) for each in items]

    for text in (str(run_id), str(run_id)[-8:], f"https://ops.example/runs/{run_id}?x"):
        assert await found(text) == [("run", str(run_id), "RUNNING")]
    assert await found("order 7") == [("run", again.json()["id"], "RUNNING")]
    assert await found("settle") == [("workflow", "claims.settle", None)]
