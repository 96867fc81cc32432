"""Whether this process lives, and whether it can work."""

from __future__ import annotations

import asyncio
from functools import cache

from fastapi import APIRouter, Request, Response

from easyflow.api import schemas
from easyflow.api.backend import backend_of
from easyflow.api.errors import NotReady
from easyflow.api.shapes import reply
from easyflow.errors import StorageUnavailable
from easyflow.storage import timeline
from easyflow.storage.migrations import read_revision, wanted_revision

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={200: {"model": schemas.Health}})
async def get_health() -> Response:
    """Say that this process lives; nothing else is looked at."""
    return reply({"status": "ok"})


@router.get("/readyz", responses={200: {"model": schemas.Health}, 503: schemas.refusal(503)})
async def get_readiness(request: Request) -> Response:
    """Say that the database answers and is at this release's schema, else 503 with what is wrong.

    Ready is also who starts no unsafe jobs: `timeline` says whether they are paused, or their guard is blind."""
    wanted = await asyncio.to_thread(_wanted)
    try:
        async with backend_of(request).connection() as connection:
            present = await read_revision(connection)
            guard = await timeline.describe(connection) if present == wanted else None
    except StorageUnavailable:
        raise NotReady("the database does not answer") from None
    if present is None:
        raise NotReady("the database was never migrated; run: easyflow migrate")
    if present != wanted:
        raise NotReady(
            f"the database is at revision {present}, this release needs {wanted}; "
            "run: easyflow migrate, with the newer release"
        )
    assert guard is not None
    return reply({"status": "ready", "revision": present, "timeline": "blind" if guard["blind"] else guard["state"]})


@cache
def _wanted() -> str:
    return wanted_revision()
