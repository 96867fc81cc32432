"""Workflows over HTTP: what fits is kept as versions, what does not is told with all its places."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from easyflow.api import run_schemas, schemas
from tests.support.api import PAY, Api, places, problem, register_tasks, shaped, task_row
from tests.support.runs import TASK, step, workflow

WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown task": (workflow(step("a", task="claims.pya")), ["steps.a.task"]),
    "an unknown task of a compensation": (
        workflow(step("a", compensate_with={"task": "nobody.has"})),
        ["steps.a.compensate_with.task"],
    ),
    "effects that are not the task's": (workflow(step("a", effects="keyed")), ["steps.a.task"]),
    "a cycle": (workflow(step("a", "b"), step("b", "a")), ["steps.a.needs"]),
    "several at once": (workflow(step("a", "x"), step("a")), ["steps.a.needs", "steps.1.name"]),
}


@pytest.fixture(autouse=True)
async def known(api: Api) -> None:
    """Workers have announced two tasks."""
    await register_tasks(api.connection, task_row(TASK), task_row(PAY))


async def register(api: Api, definition: dict[str, Any], status: int = 201) -> run_schemas.RegisteredWorkflow:
    return shaped(await api.post("/workflows", definition), run_schemas.RegisteredWorkflow, status)


async def test_a_definition_becomes_a_version_and_the_same_content_stays_that_version(api: Api) -> None:
    first = await register(api, workflow(step("a"), step("b", "a")))
    assert (first.name, first.version, first.new) == ("w", 1, True)
    again = {"steps": [{"task": TASK, "name": "a"}, {"name": "b", "needs": ["a"], "task": TASK}], "name": "w"}
    assert (await register(api, again, 200)).model_dump() == {"name": "w", "version": 1, "new": False}
    assert (await register(api, workflow(step("a")))).version == 2
    kept = shaped(await api.get("/workflows/w/versions/1"), run_schemas.WorkflowDefinition)
    assert (kept.definition, kept.steps, kept.created_by) == (workflow(step("a"), step("b", "a")), 2, "api")


async def test_a_definition_keeps_its_numbers_to_the_last_digit(api: Api) -> None:
    definition = b'{"name": "w", "steps": [{"name": "a", "task": "work", "input": {"n": 1.00000000000000000001}}]}'
    assert (await api.send("/workflows", definition)).status_code == 201
    assert b"1.00000000000000000001" in (await api.get("/workflows/w")).content


async def test_eight_that_register_the_same_at_once_get_one_version(api: Api) -> None:
    replies = await asyncio.gather(*(api.post("/workflows", workflow(step("a"))) for _ in range(8)))
    assert sorted(reply.status_code for reply in replies) == [200] * 7 + [201]
    assert {reply.json()["version"] for reply in replies} == {1}


@pytest.mark.parametrize("path", ["/workflows", "/workflows/validate"])
@pytest.mark.parametrize("case", WRONG)
async def test_a_definition_that_does_not_fit_is_refused_with_every_place(api: Api, case: str, path: str) -> None:
    definition, at = WRONG[case]
    told = problem(await api.post(path, definition), 422, "invalid")
    assert places(told) == at, told["problems"]
    assert await api.count("workflows") == 0


async def test_an_unknown_task_is_named_with_the_one_that_was_meant(api: Api) -> None:
    told = problem(await api.post("/workflows", workflow(step("a", task="claims.pya"))), 422)
    message = "no worker has registered the task claims.pya; did you mean claims.pay?"
    assert told["problems"] == [{"at": "steps.a.task", "message": message}]


async def test_validating_keeps_nothing(api: Api) -> None:
    told = shaped(await api.post("/workflows/validate", workflow(step("a"))), run_schemas.Verdict)
    assert (told.name, told.steps, told.valid) == ("w", 1, True)
    assert await api.count("workflows") == 0


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"[]", 422), (b'"x"', 422), (b"null", 422), (b"{}", 422), (b'{"name": NaN}', 400)],
)
async def test_what_is_no_definition_at_all_is_refused(api: Api, content: bytes, status: int) -> None:
    problem(await api.send("/workflows", content), status)


async def test_a_definition_over_the_limit_is_refused_with_the_limit(api: Api) -> None:
    large = b'{"name": "w", "description": "' + b"x" * 1024 * 1024 + b'"}'
    assert problem(await api.send("/workflows", large), 413, "too_large")["limit_bytes"] == 1024 * 1024


async def test_workflows_are_listed_by_name_page_by_page_with_their_live_runs(api: Api) -> None:
    for name in ("b", "a", "c"):
        await register(api, workflow(step("a"), name=name))
    await register(api, workflow(step("a"), step("b"), name="b", description="two steps"))
    for _ in range(2):
        assert (await api.post("/runs", {"workflow": "b"})).status_code == 201
    first = shaped(await api.get("/workflows", limit=2), schemas.Listing[run_schemas.Workflow])
    assert [(each.name, each.version, each.steps, each.live_runs.value) for each in first.items] == [
        ("a", 1, 1, 0),
        ("b", 2, 2, 2),
    ]
    assert (first.next_cursor, first.total.value, first.items[1].description) == ("b", 3, "two steps")
    rest = shaped(await api.get("/workflows", cursor=first.next_cursor), schemas.Listing[run_schemas.Workflow])
    assert ([each.name for each in rest.items], rest.next_cursor) == (["c"], None)


async def test_a_workflow_shows_its_newest_version_and_those_before(api: Api) -> None:
    for steps in (1, 2, 3):
        await register(api, workflow(*(step(f"s{number}") for number in range(steps))))
    shown = shaped(await api.get("/workflows/w"), run_schemas.WorkflowDetail)
    assert (shown.version, len(shown.definition["steps"]), shown.live_runs.value) == (3, 3, 0)
    assert [each.version for each in shown.versions.items] == [3, 2, 1]
    page = shaped(await api.get("/workflows/w/versions", limit=2), schemas.Listing[run_schemas.WorkflowVersion])
    assert ([each.version for each in page.items], page.next_cursor, page.total.value) == ([3, 2], "2", 3)
    rest = await api.get("/workflows/w/versions", cursor=page.next_cursor)
    assert [each["version"] for each in rest.json()["items"]] == [1]


@pytest.mark.parametrize("path", ["/workflows/w", "/workflows/w/versions", "/workflows/w/versions/1"])
async def test_a_workflow_that_does_not_exist_is_not_found(api: Api, path: str) -> None:
    problem(await api.get(path), 404, "not_found")


async def test_a_version_that_does_not_exist_is_not_found(api: Api) -> None:
    await register(api, workflow(step("a")))
    problem(await api.get("/workflows/w/versions/2"), 404, "not_found")
    for number in ("0", "x", "99999999999"):
        problem(await api.get(f"/workflows/w/versions/{number}"), 422)
