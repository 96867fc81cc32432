"""The application: its routes, its guard, and what it holds while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from easyflow.api import problems
from easyflow.api.backend import opened
from easyflow.api.guard import Guard
from easyflow.api.routes import dead_letters, fleet, health, jobs, submit
from easyflow.settings import Settings

PREFIX = "/api/v1"

_ROUTERS = (
    (health.router, ""),
    (submit.router, PREFIX),
    (jobs.router, PREFIX),
    (dead_letters.router, PREFIX),
    (fleet.router, PREFIX),
)


def create_app(settings: Settings) -> FastAPI:
    """Make the API; it begins to work when its lifespan starts, also while the database is away.

    Its documents (`/docs`, `/openapi.json`) are served in development mode only. Raises Misconfigured without a
    database address. It answers loopback callers only, on whatever address a server puts it.
    """
    url = settings.submit_url
    assert url

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(settings) as app.state.backend:
            yield

    documented = settings.mode == "development"
    app = FastAPI(
        title="EasyFlow",
        summary="The workflow engine for work that must not happen twice.",
        version=version("easyflow"),
        lifespan=lifespan,
        docs_url="/docs" if documented else None,
        redoc_url=None,
        openapi_url="/openapi.json" if documented else None,
        redirect_slashes=False,
    )
    app.add_middleware(Guard)
    problems.install(app)
    for router, prefix in _ROUTERS:
        app.include_router(router, prefix=prefix)
    app.state.addresses = [
        (compile_path(prefix + route.path)[0], route.methods)
        for router, prefix in _ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
    ]
    return app
