"""Everything at a glance, and finding anything by whatever one has of its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from easyflow.api import schemas, stats_schemas
from easyflow.api.backend import backend_of
from easyflow.api.shapes import listed, reply
from easyflow.domain.states import State
from easyflow.storage import lookup, stats
from easyflow.storage.lists import picture

router = APIRouter(tags=["stats"])

MOST_MINUTES = 1440
ENDINGS = ("succeeded", "failed", "cancelled")


class OverviewQuery(BaseModel):
    """How far back the throughput goes."""

    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(60, ge=1, le=MOST_MINUTES)


class LookupQuery(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field(
        min_length=1,
        max_length=2000,
        description="an id, also inside a whole URL or in quotes; the last 8 characters of the id of a recent job or "
        "run; an idempotency key; or part of the name of a queue, a task, a workflow or a worker's host",
    )


@router.get("/stats/overview", responses=schemas.answers(stats_schemas.Overview))
async def get_overview(request: Request, query: Annotated[OverviewQuery, Query()]) -> Response:
    """Show what goes on: counts, queues, workers, throughput by the minute, and why jobs fail."""
    backend = backend_of(request)
    async with backend.connection() as connection, picture(connection):
        seen = await stats.read(connection, minutes=query.minutes, lease_seconds=backend.settings.lease_seconds)
    return reply(_overview(seen))


@router.get("/lookup", responses=schemas.answers(schemas.Listing[stats_schemas.Found]))
async def look_up(request: Request, query: Annotated[LookupQuery, Query()]) -> Response:
    """Find jobs, runs, dead letters, queues, tasks, workflows and workers, at most 20; a capped total may be more."""
    async with backend_of(request).connection() as connection, picture(connection):
        found = await lookup.find(connection, query.q)
    return reply(listed(found.items, found.total))


def _notice(guard: Mapping[str, Any] | None) -> dict[str, Any]:
    if guard is None:
        return {"state": "unwatched", "since": None, "differences": []}
    since = None if guard["state"] == "watching" else guard["tripped_at"]
    return {"state": guard["state"], "since": since, "differences": guard["differences"] if since else []}


def _overview(seen: stats.Picture) -> dict[str, Any]:
    counts = {row["state"]: {"value": row["value"], "kind": row["kind"]} for row in seen.states}
    minutes = [{"at": row["minute"], **{word: row[word] for word in ENDINGS}} for row in seen.minutes]
    return {
        "at": seen.workers["at"],
        "states": [{"state": state, **counts[state]} for state in State],
        "dead_letters_open": counts["OPEN"],
        "queues": [{word: row[word] for word in schemas.QueueDepth.model_fields} for row in seen.queues],
        "workers": {word: seen.workers[word] for word in stats_schemas.Fleet.model_fields},
        "throughput": {"bucket_seconds": 60, "buckets": minutes},
        "failures": [dict(row) for row in seen.causes],
        "timeline": _notice(dict(seen.guard) if seen.guard else None),
    }
