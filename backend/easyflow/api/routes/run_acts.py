"""Acts on one run: cancel, pause, resume, signal, adjust, migrate; each once for its key, audited, and told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from easyflow.api import body, run_schemas, run_shapes, schemas
from easyflow.api.acts import answer, perform, signed
from easyflow.api.backend import backend_of
from easyflow.api.queries import RunId
from easyflow.domain.workflow.states import RUN_OVER
from easyflow.storage.acts import Answer
from easyflow.storage.runs import acts, migrating
from easyflow.storage.runs.acts import Acted, Caller
from easyflow.storage.runs.read import read_run_rows
from easyflow.storage.sql import Connection
from easyflow.submission.requests import Name, Reason, Seconds, Whole
from easyflow.submission.runs import LARGEST_VERSION, check_signal, stop

router = APIRouter(prefix="/runs", tags=["runs"])

LARGEST_COUNT = 2**53 - 1
MOST_AT_ONCE = 100_000
MOST_RENAMED = 1_000

StepName = Annotated[str, Path(max_length=100)]


class ActOnRun(BaseModel):
    """What may be said with an act on a run."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None


class CancelRun(ActOnRun):
    """A cancel; finished steps are taken back unless it says otherwise."""

    compensate: StrictBool = Field(True, description="false: what finished steps have done stays")


class Signal(ActOnRun):
    """What a step waits for."""

    value: Any = Field(None, description="JSON that fits the step's schema; it is the step's result")


class AdjustStep(ActOnRun):
    """What to change of a map while it runs; what is left out stays."""

    concurrency: Annotated[Whole, Field(ge=1, le=MOST_AT_ONCE, description="jobs of it that exist at once")] | None = (
        None
    )
    tolerated_failures: Annotated[Whole, Field(ge=0, le=LARGEST_COUNT)] | None = None
    tolerated_percent: Annotated[Seconds, Field(ge=0, le=100)] | None = None


class MigrateRun(ActOnRun):
    """Which version a run is to go on with, and what its steps are called there where that is another name."""

    version: Annotated[Whole, Field(ge=1, le=LARGEST_VERSION)] | None = Field(None, description="default: the newest")
    mapping: dict[str, str] = Field(default_factory=dict, max_length=MOST_RENAMED, description="old name: new name")


Act = Callable[[Connection, Caller], Awaitable[Acted]]

ACT = schemas.takes(ActOnRun, required=False, keyed=True)
ACTED = schemas.answers(run_schemas.Run, *schemas.BODY, 404, 409)
CANCELLED = {202: {"model": run_schemas.Run}, **ACTED}


@router.post(
    "/{run_id}/cancel", responses=CANCELLED, openapi_extra=schemas.takes(CancelRun, required=False, keyed=True)
)
async def cancel_run(request: Request, run_id: RunId) -> Response:
    """Cancel a run: at once (200), or when what runs has stopped and its finished steps are taken back (202)."""
    said = await body.read_object(request, CancelRun, body.ENVELOPE_BYTES, optional=True)

    async def act(connection: Connection, caller: Caller) -> Acted:
        return await acts.cancel(connection, run_id, caller, compensate=said.compensate)

    answered = await _perform(request, "cancel", run_id, said, act)
    async with backend_of(request).connection() as connection:
        await stop(connection, run_id)
    return answered


@router.post("/{run_id}/pause", responses=ACTED, openapi_extra=ACT)
async def pause_run(request: Request, run_id: RunId) -> Response:
    """Let nothing further of a run begin; what runs comes to its end."""
    said = await body.read_object(request, ActOnRun, body.ENVELOPE_BYTES, optional=True)
    return await _perform(
        request, "pause", run_id, said, lambda connection, caller: acts.pause(connection, run_id, caller)
    )


@router.post("/{run_id}/resume", responses=ACTED, openapi_extra=ACT)
async def resume_run(request: Request, run_id: RunId) -> Response:
    """Let a paused run go on, or a FAILED one try its failed steps again; what SUCCEEDED is not repeated."""
    said = await body.read_object(request, ActOnRun, body.ENVELOPE_BYTES, optional=True)
    return await _perform(
        request, "resume", run_id, said, lambda connection, caller: acts.resume(connection, run_id, caller)
    )


@router.post(
    "/{run_id}/signals/{name}",
    responses=ACTED,
    openapi_extra=schemas.takes(Signal, required=False, keyed=True),
)
async def signal_run(request: Request, run_id: RunId, name: Annotated[Name, Path()]) -> Response:
    """Give a run a signal; one that comes early is kept, and of two that come one is refused (409)."""
    settings = backend_of(request).settings
    said = await body.read_object(request, Signal, settings.payload_bytes + body.ENVELOPE_BYTES, optional=True)

    async def act(connection: Connection, caller: Caller) -> Acted:
        await check_signal(connection, run_id, name, said.value, settings)
        return await acts.signal(connection, run_id, name, said.value, caller)

    return await _perform(request, f"signal {name}", run_id, said, act)


@router.patch("/{run_id}/steps/{step}", responses=ACTED, openapi_extra=schemas.takes(AdjustStep, keyed=True))
async def adjust_step(request: Request, run_id: RunId, step: StepName) -> Response:
    """Change how many jobs of a map run at once, or how many of its items may fail, while it runs."""
    said = await body.read_object(request, AdjustStep, body.ENVELOPE_BYTES)

    async def act(connection: Connection, caller: Caller) -> Acted:
        return await acts.adjust(
            connection,
            run_id,
            step,
            caller,
            concurrency=said.concurrency,
            tolerated_failures=said.tolerated_failures,
            tolerated_percent=said.tolerated_percent,
        )

    return await _perform(request, f"adjust {step}", run_id, said, act)


@router.post("/{run_id}/migrate", responses=ACTED, openapi_extra=schemas.takes(MigrateRun, required=False, keyed=True))
async def migrate_run(request: Request, run_id: RunId) -> Response:
    """Let a run go on with another version of its workflow; one that cannot is refused with every reason (409)."""
    said = await body.read_object(request, MigrateRun, body.ENVELOPE_BYTES, optional=True)
    return await _perform(
        request,
        "migrate",
        run_id,
        said,
        lambda connection, caller: migrating.move(connection, run_id, said.version, said.mapping, caller),
    )


async def _perform(request: Request, word: str, run_id: UUID, said: ActOnRun, act: Act) -> Response:
    """Carry out one act on a run, and wake workers for what it released."""
    queues: set[str] = set()

    async def write(connection: Connection) -> Answer:
        acted = await act(connection, Caller(**signed(request, said.reason)))
        queues.update(acted.advanced.queues)
        (row,) = await read_run_rows(connection, [run_id])
        later = word == "cancel" and acted.state not in RUN_OVER
        return answer(run_shapes.run(row), 202 if later else 200)

    answered = await perform(request, f"{word} run", run_id, said, write, "runs", "jobs")
    backend_of(request).bell.ring(queues)
    return answered
