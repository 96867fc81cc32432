"""Metrics for Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from easyflow.api import schemas
from easyflow.api.backend import backend_of
from easyflow.api.queries import NoQuery

router = APIRouter(tags=["health"])

REFUSED: schemas.Responses = {each: schemas.refusal(each) for each in (401, 403, 422)}


@router.get("/metrics", response_class=PlainTextResponse, responses=REFUSED)
async def get_metrics(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
    """Tell what this process and the database do, as Prometheus reads it; also while the database is away."""
    written = await request.app.state.metrics.exposition(backend_of(request).pool)
    return Response(written, media_type=CONTENT_TYPE_LATEST)
