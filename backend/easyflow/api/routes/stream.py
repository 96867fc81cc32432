"""The stream that tells a dashboard what to look at again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from easyflow.api import schemas
from easyflow.api.backend import backend_of
from easyflow.api.live_updates import Seat
from easyflow.api.queries import NoQuery

router = APIRouter(tags=["stream"])


async def _seat(request: Request) -> AsyncIterator[Seat]:
    """Take the seat before the answer begins, so that a full house is still told as a problem."""
    with backend_of(request).live.seat(request.headers.get("last-event-id")) as seat:
        yield seat


@router.get(
    "/stream",
    response_class=EventSourceResponse,
    responses={each: schemas.refusal(each) for each in (401, 403, 422, 503)},
)
async def get_stream(
    request: Request, query: Annotated[NoQuery, Query()], seat: Annotated[Seat, Depends(_seat)]
) -> AsyncIterator[ServerSentEvent]:
    """Tell, as server-sent events, what changed: never what it became.

    - `hello` {"id"} comes first; from it on no change is kept from this stream.
    - `changed` {"topics"} names what to fetch again, among jobs, runs, dead-letters, queues, workers; at most one a
      second. Ids rise. With `Last-Event-ID` it begins with what was missed; all topics when that is no longer known.
    - `degraded` {"polling": true} means that no changes are heard at the moment: fetch at intervals until the next
      `changed`, which then names all topics.
    """
    async for event in backend_of(request).live.events(seat):
        yield event
