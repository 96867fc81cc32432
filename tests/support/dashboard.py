"""A built dashboard of two files, its server on a real port, and an API behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from easyflow.dashboard.app import create_app
from easyflow.serving.listening import listen
from easyflow.settings import Settings
from tests.support.plain_http import PLAIN

SCRIPT = "assets/index-Dk3xB9aQ.js"
CONTENT = {
    "index.html": (
        '<!doctype html><html><head><base href="/" />'
        '<meta property="csp-nonce" nonce=""><script type="module" src="./assets/index-Dk3xB9aQ.js"></script>'
        "</head><body></body></html>"
    ),
    SCRIPT: "export const greeting = 'good evening';\n" * 100,
    "assets/small-B1c2d3e4.css": "a{}",
    "icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "strange.bin": "x",
    ".hidden": "secret",
    "assets/.map": "secret",
}


def build(folder: Path, **changes: str) -> Path:
    """Write the files of a build into `folder`; its path."""
    for name, content in {**CONTENT, **changes}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


class _Quiet(uvicorn.Server):
    """A server in the test's own process: its signals are the test's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[int]:
    """Serve an application on a free port of 127.0.0.1 until the block ends; the port."""
    config = uvicorn.Config(
        app, http="httptools", ws="none", log_config=None, server_header=False, timeout_graceful_shutdown=2
    )
    server = _Quiet(config)
    [bound] = listen("127.0.0.9", 0, keyed=False)
    running = asyncio.create_task(server.serve([bound]))
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0.005)
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        await running


@dataclass(frozen=True)
class Served:
    """A dashboard's server: where it is, and a client that behaves as a browser on its page does."""

    port: int
    client: httpx.AsyncClient
    app: Any

    @property
    def origin(self) -> str:
        """The place of its pages."""
        return f"http://127.0.0.9:{self.port}"

    async def raw(self, target: str, *headers: str) -> tuple[int, bytes]:
        """Ask for a target exactly as it is written; status and everything that came."""
        reader, writer = await asyncio.open_connection("127.0.0.9", self.port)
        lines = [f"GET {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode("latin-1"))
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        return int(answer.split(b" ", 2)[1]), answer


@contextlib.asynccontextmanager
async def dashboard(folder: Path, api_port: int = 9, **changes: Any) -> AsyncIterator[Served]:
    """Serve the build in `folder`; the API is on a port of 127.0.0.9, by default one where nobody is."""
    app = create_app(Settings(api_url=f"http://127.0.0.9:{api_port}", **changes), folder)
    async with served(app) as port:
        base = f"http://127.0.0.9:{port}"
        async with httpx.AsyncClient(base_url=base, timeout=10, trust_env=False, verify=PLAIN) as client:
            yield Served(port, client, app)


Handler = Callable[[Scope, Receive, Send], Any]


async def start(send: Send, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    """Begin an answer of a stand-in API."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def part(send: Send, body: bytes, *, more: bool = False) -> None:
    """Send one part of an answer, by default the last."""
    await send({"type": "http.response.body", "body": body, "more_body": more})
