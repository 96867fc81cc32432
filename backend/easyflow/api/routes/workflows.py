"""Workflows: registering definitions, and reading them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from easyflow.api import body, run_schemas, run_shapes, schemas
from easyflow.api.backend import actor_of, backend_of
from easyflow.api.queries import LARGEST_PAGE, PAGE_SIZE, NeverNull, NoQuery
from easyflow.api.shapes import raw, reply
from easyflow.domain.workflow.reading import MOST_BYTES
from easyflow.errors import Missing
from easyflow.storage.lists import picture
from easyflow.storage.registered import count_live, list_versions, list_workflows
from easyflow.storage.sql import Connection
from easyflow.storage.workflows import read_version
from easyflow.submission.requests import Name
from easyflow.submission.workflows import check_tasks, read_definition, register_workflow

router = APIRouter(prefix="/workflows", tags=["workflows"])

LATEST_VERSIONS = 50
LARGEST_VERSION = 2**31 - 1

WorkflowName = Annotated[Name, Path()]


class NewWorkflow(BaseModel):
    """A definition; `easyflow workflow schema` prints the JSON Schema of what it may say."""

    model_config = ConfigDict(extra="allow")

    name: Any
    steps: Any


class WorkflowQuery(BaseModel):
    """Which page of the workflows."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[Name | None, NeverNull()] = Field(None, description="next_cursor of the page before")
    limit: int = Field(PAGE_SIZE, ge=1, le=LARGEST_PAGE)


class VersionQuery(BaseModel):
    """Which page of the versions of a workflow."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[int | None, NeverNull()] = Field(
        None, ge=1, le=LARGEST_VERSION, description="next_cursor of the page before"
    )
    limit: int = Field(PAGE_SIZE, ge=1, le=LARGEST_PAGE)


REGISTERED = {
    200: {"model": run_schemas.RegisteredWorkflow},
    **schemas.answers(run_schemas.RegisteredWorkflow, *schemas.BODY, status=201),
}


@router.post("", status_code=201, responses=REGISTERED, openapi_extra=schemas.takes(NewWorkflow))
async def register_definition(request: Request) -> Response:
    """Keep a definition as the next version of its workflow (201); what is known already keeps its version (200)."""
    backend = backend_of(request)
    document = await _document(request)
    version = await register_workflow(backend.connection, document, actor=actor_of(request))
    backend.changes.ring("runs")
    shown = {"name": version.name, "version": version.number, "new": version.new}
    headers = {"location": f"/api/v1/workflows/{version.name}/versions/{version.number}"}
    return reply(shown, 201 if version.new else 200, headers)


@router.post(
    "/validate",
    responses=schemas.answers(run_schemas.Verdict, *schemas.BODY),
    openapi_extra=schemas.takes(NewWorkflow),
)
async def validate_definition(request: Request) -> Response:
    """Check a definition as registering does, and keep nothing; what is wrong comes as a problem, all of it at once."""
    definition = await read_definition(await _document(request))
    async with backend_of(request).connection() as connection:
        await check_tasks(connection, definition)
    steps = len(definition.steps)
    return reply({"name": definition.name, "digest": definition.digest.hex(), "steps": steps, "valid": True})


@router.get("", responses=schemas.answers(schemas.Listing[run_schemas.Workflow]))
async def get_workflows(request: Request, query: Annotated[WorkflowQuery, Query()]) -> Response:
    """List the workflows by name, each in its newest version."""
    async with backend_of(request).connection() as connection, picture(connection):
        found = await list_workflows(connection, after=query.cursor or "", limit=query.limit)
    return reply(run_shapes.workflows(found))


@router.get("/{name}", responses=schemas.answers(run_schemas.WorkflowDetail, 404))
async def get_workflow(request: Request, name: WorkflowName, query: Annotated[NoQuery, Query()]) -> Response:
    """Show a workflow in its newest version, with its definition and its latest versions."""
    async with backend_of(request).connection() as connection, picture(connection):
        shown = await _shown(connection, name, None)
        versions = await list_versions(connection, name, before=None, limit=LATEST_VERSIONS)
        live = await count_live(connection, name)
    return reply({**shown, "live_runs": run_shapes.counted(live), "versions": run_shapes.versions(versions)})


@router.get("/{name}/versions", responses=schemas.answers(schemas.Listing[run_schemas.WorkflowVersion], 404))
async def get_versions(request: Request, name: WorkflowName, query: Annotated[VersionQuery, Query()]) -> Response:
    """List the versions of a workflow, newest first, without their definitions."""
    async with backend_of(request).connection() as connection, picture(connection):
        found = await list_versions(connection, name, before=query.cursor, limit=query.limit)
    return reply(run_shapes.versions(found))


@router.get("/{name}/versions/{version}", responses=schemas.answers(run_schemas.WorkflowDefinition, 404))
async def get_version(
    request: Request,
    name: WorkflowName,
    version: Annotated[int, Path(ge=1, le=LARGEST_VERSION)],
    query: Annotated[NoQuery, Query()],
) -> Response:
    """Show one version of a workflow with its definition."""
    async with backend_of(request).connection() as connection, picture(connection):
        shown = await _shown(connection, name, version)
    return reply(shown)


async def _document(request: Request) -> Any:
    body.expect_type(request, body.JSON)
    sent = await body.read(request, MOST_BYTES)
    return await body.in_turn(request, lambda: body.parsed(sent, MOST_BYTES), len(sent))


async def _shown(connection: Connection, name: str, version: int | None) -> dict[str, Any]:
    kept = await read_version(connection, name, version)
    found = await list_versions(connection, name, before=kept["version"] + 1, limit=1)
    if not found.rows:
        raise Missing(f"there is no workflow {name}")
    return {**run_shapes.version(found.rows[0]), "definition": raw(kept["definition"])}
