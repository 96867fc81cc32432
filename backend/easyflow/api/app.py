"""The application: its routes, its guard, and what it holds while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from easyflow.access.keys import ApiKey
from easyflow.access.policy import Policy
from easyflow.access.sign_ins import SignInLimit
from easyflow.api import problems
from easyflow.api.backend import opened
from easyflow.api.description import describe, operation_id
from easyflow.api.metrics import Measured, Metrics
from easyflow.api.routes import (
    dead_letters,
    fleet,
    health,
    jobs,
    metrics,
    run_acts,
    runs,
    schedules,
    session,
    settle,
    stats,
    stream,
    submit,
    timeline,
    workflows,
)
from easyflow.serving.guard import Guard
from easyflow.settings import Settings

PREFIX = "/api/v1"

_ROUTERS = (
    (health.router, ""),
    (metrics.router, ""),
    (submit.router, PREFIX),
    (jobs.router, PREFIX),
    (settle.router, PREFIX),
    (workflows.router, PREFIX),
    (runs.router, PREFIX),
    (run_acts.router, PREFIX),
    (schedules.router, PREFIX),
    (dead_letters.router, PREFIX),
    (fleet.router, PREFIX),
    (stats.router, PREFIX),
    (timeline.router, PREFIX),
    (stream.router, PREFIX),
    (session.router, PREFIX),
)

# What anybody may ask; everything else, also what is added one day, needs the key.
_OPEN = frozenset({"/healthz", "/readyz", f"{PREFIX}/session"})

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)


def create_app(settings: Settings) -> FastAPI:
    """Make the API; it begins to work when its lifespan starts, also while the database is away.

    Its documents (`/docs`, `/openapi.json`) are served in development mode only. Raises Misconfigured without a
    database address. Without an API key it answers loopback callers only, on whatever address a server puts it.
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
        generate_unique_id_function=operation_id,
    )
    describe(app)
    app.state.key = ApiKey.of(settings.api_key)
    app.state.sign_ins = SignInLimit()
    app.add_middleware(Guard, policy=_policy(app.state.key, settings), headers=_HEADERS)
    app.state.metrics = Metrics(streams=lambda: app.state.backend.live.seats)
    app.add_middleware(Measured, metrics=app.state.metrics, templates={r.endpoint: path for path, r in _routes()})
    problems.install(app)
    for router, prefix in _ROUTERS:
        app.include_router(router, prefix=prefix)
    app.state.addresses = [(compile_path(path)[0], route.methods) for path, route in _routes()]
    return app


def _routes() -> Iterator[tuple[str, APIRoute]]:
    """Yield every route with the template of its whole path."""
    for router, prefix in _ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield prefix + route.path, route


def _policy(key: ApiKey | None, settings: Settings) -> Policy:
    """Let links from elsewhere lead to the documents, and to nothing that answers with data."""
    return Policy(key, settings.allowed_names, _OPEN.__contains__, frozenset({"/docs", "/openapi.json"}).__contains__)
