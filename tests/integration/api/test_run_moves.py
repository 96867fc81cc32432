"""Moving a run to another version over HTTP: it goes on there, or is told every reason why it cannot."""

from __future__ import annotations

from tests.support.api import Api, problem, register_tasks, task_row
from tests.support.asked_runs import begun, look, steps
from tests.support.runs import TASK, step, work, workflow

OLD = workflow(step("a"), step("b", "a"), name="moving")
NEW = workflow(step("a"), step("check", "a"), step("b2", "check"), name="moving")
OTHER = workflow(step("z", task="other"), step("b", "z"), name="moving")


async def test_a_run_goes_on_with_the_version_it_is_moved_to(api: Api) -> None:
    run_id = await begun(api, OLD)
    assert (await api.post("/workflows", NEW)).status_code == 201
    moved = await api.post(f"/runs/{run_id}/migrate", {"reason": "one more check"})
    assert (moved.status_code, moved.json()["version"]) == (200, 2)
    assert await work(api.connection) == ["a", "check", "b2"]
    assert await steps(api, run_id) == dict.fromkeys(("a", "check", "b2"), "SUCCEEDED")
    audited = await api.connection.fetchrow("select act, reason from easyflow.audit order by id desc limit 1")
    assert tuple(audited or ()) == ("migrate", "one more check")


async def test_moving_a_run_to_where_it_is_changes_nothing(api: Api) -> None:
    run_id = await begun(api, OLD)
    again = await api.post(f"/runs/{run_id}/migrate", {"version": 1})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert await work(api.connection) == ["a", "b"]


async def test_what_stands_against_a_move_is_told_and_the_run_goes_on_as_it_was(api: Api) -> None:
    run_id = await begun(api, OLD)
    await register_tasks(api.connection, task_row(TASK), task_row("other"))
    assert (await api.post("/workflows", OTHER)).status_code == 201
    refused = await api.post(f"/runs/{run_id}/migrate", {})
    assert problem(refused, 409)["detail"].startswith("the run cannot go on with version 2: step a:")
    assert (await look(api, run_id)).version == 1
    assert await work(api.connection) == ["a", "b"]


async def test_a_version_a_run_and_a_step_that_are_not_there_are_told(api: Api) -> None:
    run_id = await begun(api, OLD)
    assert (await api.post(f"/runs/{run_id}/migrate", {"version": 9})).status_code == 404
    assert (await api.post(f"/runs/{run_id}/migrate", {"mapping": {"a": "nowhere"}})).status_code == 422
    strange = "01a207a8-e522-74dc-b433-789c62a066bc"
    assert (await api.post(f"/runs/{strange}/migrate", {})).status_code == 404
