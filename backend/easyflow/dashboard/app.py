"""The application on :3000: the page, its files, the way to the API, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from easyflow.access.keys import ApiKey
from easyflow.access.policy import READS, Policy
from easyflow.dashboard.files import is_known_type, read_files
from easyflow.dashboard.page import HEADERS, Page
from easyflow.dashboard.passing import Passage
from easyflow.serving.errors import MethodNotAllowed, NoSuchAddress
from easyflow.serving.guard import Guard
from easyflow.serving.problems import answer
from easyflow.settings import Settings

STATIC = Path(__file__).parent / "static"
HEALTH = "/healthz"

# What a request may say around its payload.
_ENVELOPE_BYTES = 64 * 1024


class Dashboard:
    """Answers every request; `passage` is its way to the API."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Read the built files in `folder`; raises Misconfigured when there are none."""
        self._prefix = settings.dashboard_prefix
        self._page = Page(folder, self._prefix)
        self._files = read_files(folder)
        largest = max(settings.batch_bytes, settings.payload_bytes + _ENVELOPE_BYTES)
        self.passage = Passage(settings.api_url, self._prefix, largest)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if is_for_api(path, self._prefix):
            await self.passage(scope, receive, send)
        elif scope["method"] in READS:
            await self._own(path, scope)(scope, receive, send)
        else:
            await answer(scope, MethodNotAllowed(), {"allow": "GET, HEAD"})(scope, receive, send)

    def _own(self, path: str, scope: Scope) -> Response:
        if path == HEALTH:
            return JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})
        if self._prefix and path == self._prefix:
            return RedirectResponse(f"{self._prefix}/", headers={"cache-control": "no-cache"})
        if not path.startswith(f"{self._prefix}/"):
            raise NoSuchAddress(f"the dashboard is at {self._prefix}/")
        name = path.removeprefix(f"{self._prefix}/")
        with_body = scope["method"] == "GET"
        file = self._files.get(name)
        if file and name != "index.html":
            return file.answer(Headers(scope=scope), with_body=with_body)
        if not _is_page(name):
            raise NoSuchAddress
        return self._page.answer(with_body=with_body)


def create_app(settings: Settings, folder: Path = STATIC) -> Starlette:
    """Make the dashboard's server from the build in `folder`; raises Misconfigured when there is none."""
    dashboard = Dashboard(settings, folder)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await dashboard.passage.close()

    headers = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())
    app = Starlette(
        routes=[Route("/{path:path}", endpoint=dashboard)],
        middleware=[Middleware(Guard, policy=_policy(settings), headers=headers)],
        lifespan=lifespan,
    )
    app.state.passage = dashboard.passage
    return app


def is_for_api(path: str, prefix: str) -> bool:
    """Whether a path leads to the API; the guard and the passage ask the same question."""
    return path == f"{prefix}/api" or path.startswith(f"{prefix}/api/")


def _policy(settings: Settings) -> Policy:
    """Ask for the key before anything reaches the API.

    An API without a key trusts whoever comes from this machine, as this server does: without its own look at the key
    it would lend that trust to everybody who can reach it.
    """
    prefix = settings.dashboard_prefix
    session = f"{prefix}/api/v1/session"

    def is_page(path: str) -> bool:
        return not is_for_api(path, prefix)

    def is_open(path: str) -> bool:
        return is_page(path) or path == session

    return Policy(ApiKey.of(settings.api_key), settings.allowed_names, is_open, is_page)


def _is_page(name: str) -> bool:
    """Whether the page's own router shall find out what this is: no file, nothing hidden."""
    hidden = any(part.startswith(".") for part in name.split("/"))
    return name == "index.html" or not (hidden or name.startswith("assets/") or is_known_type(name))
