"""Serving an application on sockets until the process is told to stop."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from easyflow.serving.listening import BACKLOG

GRACE_SECONDS = 8


def run(app: ASGIApp, sockets: list[socket.socket], release: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; then answer what has begun, for up to eight seconds, and return.

    `release` is called when the stop begins: it lets those go who would wait longer.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _Server(config, release).run(sockets)


class _Server(uvicorn.Server):
    """Stops in order and then returns; uvicorn itself would end with the number of the signal."""

    def __init__(self, config: uvicorn.Config, release: Callable[[], None]) -> None:
        super().__init__(config)
        self._release = release

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT ask for the stop, a second SIGINT hurry it."""
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let those go who wait, then stop as usual."""
        self._release()
        await super().shutdown(sockets)
