"""The timeline guard: whether the database went back in time, and an operator's word on what was lost."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from easyflow.api import body, schemas, stats_schemas
from easyflow.api.acts import answer, perform, signed
from easyflow.api.backend import backend_of
from easyflow.api.queries import NoQuery
from easyflow.api.shapes import reply
from easyflow.storage import timeline
from easyflow.storage.acts import Answer
from easyflow.storage.sql import Connection
from easyflow.submission.requests import Moment, Reason, Whole

router = APIRouter(prefix="/timeline", tags=["timeline"])

Instant = Annotated[Moment, PlainSerializer(lambda moment: moment.isoformat())]


class Release(BaseModel):
    """An operator's word on what was lost: a time, or, said as such, nothing."""

    model_config = ConfigDict(extra="forbid")

    lost_from: Instant | None = Field(None, description="since when commits may be missing; RFC 3339 with offset")
    lost_until: Instant | None = Field(None, description="when this server took over; RFC 3339 with offset")
    nothing_lost: bool = Field(False, strict=True, description="every commit is there: a planned switch, an upgrade")
    reason: Reason = Field(description="why; kept in the audit log")
    seen_version: Annotated[Whole, Field(ge=1, description="the version the caller looked at")]

    @model_validator(mode="after")
    def _one_of_both(self) -> Release:
        if (self.lost_from is None) != (self.lost_until is None) or self.nothing_lost == (self.lost_from is not None):
            raise ValueError("say lost_from and lost_until, or nothing_lost")
        return self


@router.get("", responses=schemas.answers(stats_schemas.Timeline))
async def get_timeline(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
    """Show whether unsafe jobs are paused, since when and why; what is kept, and what the server is now."""
    async with backend_of(request).connection() as connection:
        return reply(await timeline.describe(connection))


@router.post(
    "/release",
    responses=schemas.answers(stats_schemas.Timeline, *schemas.BODY, 409),
    openapi_extra=schemas.takes(Release, keyed=True),
)
async def release_timeline(request: Request) -> Response:
    """Say what was lost: unsafe jobs that existed then are parked IN_DOUBT, all others then start again.

    Answers when that is begun; workers go on with it. Of two callers who saw the same version one wins.
    """
    said = await body.read_object(request, Release, body.ENVELOPE_BYTES)
    lost = (said.lost_from, said.lost_until) if said.lost_from and said.lost_until else None

    async def write(connection: Connection) -> Answer:
        await timeline.release(connection, seen_version=said.seen_version, lost=lost, **signed(request, said.reason))
        return answer(await timeline.describe(connection), control=True)

    answered = await perform(request, "release timeline", "timeline", said, write, "jobs", "queues", "workers")
    async with backend_of(request).connection() as connection:
        await timeline.review(connection)
    return answered
