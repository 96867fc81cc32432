"""Settling a job in doubt: a person says what happened outside."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from easyflow.api import body, schemas
from easyflow.api.acts import answer, perform, signed
from easyflow.api.backend import backend_of
from easyflow.api.queries import JobId
from easyflow.api.shapes import job
from easyflow.domain import document
from easyflow.storage import in_doubt
from easyflow.storage.acts import Answer
from easyflow.storage.admission import keys_of
from easyflow.storage.in_doubt import Settlement
from easyflow.storage.lists import read_rows
from easyflow.storage.notifications import Topic
from easyflow.storage.sql import Connection
from easyflow.submission.requests import Reason, Whole

router = APIRouter(prefix="/jobs", tags=["jobs"])


class Settle(BaseModel):
    """What happened outside, as somebody found out who looked there; `seen_version` is that of the job's `in_doubt`."""

    model_config = ConfigDict(extra="forbid")

    outcome: Settlement = Field(description="what happened; or the job shall end FAILED, whatever it was")
    result: Any = Field(None, description="with happened: what the receiver answered; its handler gets it")
    complete: StrictBool = Field(
        False, description="with happened: the job ends SUCCEEDED with that result, its handler does not run on"
    )
    reason: Reason = Field(description="how you know; kept in the audit log")
    seen_version: Annotated[Whole, Field(ge=0, description="the version the caller looked at")]


SETTLED = schemas.answers(schemas.Job, *schemas.BODY, 404, 409)


@router.post("/{job_id}/settle", responses=SETTLED, openapi_extra=schemas.takes(Settle, keyed=True))
async def settle_job(request: Request, job_id: JobId) -> Response:
    """Say what happened outside; the job goes on from there. Of two callers who saw the same version one wins."""
    limit = backend_of(request).settings.result_bytes
    said = await body.read_object(request, Settle, limit + body.ENVELOPE_BYTES)
    given = "result" in said.model_fields_set
    result = document.dumps(said.result, max_bytes=limit, at="result") if given else None

    async def write(connection: Connection) -> Answer:
        moved = await in_doubt.settle(
            connection,
            job_id,
            outcome=said.outcome,
            result=result,
            complete=said.complete,
            seen_version=said.seen_version,
            **signed(request, said.reason),
        )
        return answer(job((await read_rows(connection, [job_id]))[0]), keys=keys_of(moved))

    changes: list[Topic] = ["jobs", "dead-letters"] if said.outcome == "failed" else ["jobs"]
    return await perform(request, "settle", job_id, said, write, *changes)
