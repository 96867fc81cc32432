"""Workflows and runs over HTTP: registered, started, worked on behind the API's back, and looked at."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from easyflow.api import run_schemas
from easyflow.engine.runs import RunKeeper
from tests.support.api import Api, register_tasks, shaped, task_row
from tests.support.runs import TASK, step, workflow

TWO = workflow(step("a"), step("b", "a"))


async def know(api: Api) -> None:
    """Let a worker announce the task of the steps."""
    await register_tasks(api.connection, task_row(TASK))


async def begun(api: Api, definition: dict[str, Any] = TWO, **said: Any) -> UUID:
    """Register a workflow and start a run of it; its id."""
    await know(api)
    registered = await api.post("/workflows", definition)
    assert registered.status_code in (200, 201), registered.text
    reply = await api.post("/runs", {"workflow": definition["name"], **said})
    return UUID(shaped(reply, run_schemas.Run, 201).id)


async def look(api: Api, run_id: UUID) -> run_schemas.RunDetail:
    """The run as the API shows it."""
    return shaped(await api.get(f"/runs/{run_id}"), run_schemas.RunDetail)


async def steps(api: Api, run_id: UUID) -> dict[str, str]:
    """The states of its steps."""
    return {each.name: each.state.value for each in (await look(api, run_id)).steps}


async def keep(api: Api) -> None:
    """Do what workers do for runs that wait for something other than a job."""
    await RunKeeper().run_once(api.connection)
