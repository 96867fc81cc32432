"""Serving the API on this machine's loopback addresses until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from easyflow.api.app import create_app
from easyflow.api.guard import is_loopback
from easyflow.errors import Misconfigured
from easyflow.observability import requests as record
from easyflow.observability.logging import configure
from easyflow.settings import Settings

GRACE_SECONDS = 8
BACKLOG = 2048
# Either name of this machine means both of its addresses: programs try them in different orders.
_BOTH = ("localhost", "127.0.0.1")
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; then answer what has begun, for up to eight seconds, and return.

    On `localhost` or 127.0.0.1 it listens on ::1 as well, where there is one. Raises Misconfigured for an address
    that others could reach, and for a port that is in use.
    """
    configure(settings.log_format)
    app = create_app(settings)
    sockets = listen(host, port)
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
    record.api_listening([_display(each) for each in sockets])
    Server(config, app).run(sockets)
    record.api_stopped()


class Server(uvicorn.Server):
    """Stops in order and then returns; uvicorn itself would end with the number of the signal."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        """Serve `app`, which `config` names too."""
        super().__init__(config)
        self._app = app

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
        """Let those go who wait for jobs, then stop as usual."""
        self._app.state.backend.watch.release()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets bound to the loopback addresses behind `host`; raises Misconfigured in one sentence."""
    if not is_loopback(host):
        raise Misconfigured(
            "until there are API keys, the API listens on this machine only: set EASYFLOW_API_HOST to localhost"
        )
    bound: list[socket.socket] = []
    try:
        for address in ("127.0.0.1", "::1") if host.lower() in _BOTH else (host.strip("[]"),):
            opened = _bound(address, bound[0].getsockname()[1] if bound else port)
            if opened is not None:
                bound.append(opened)
    except BaseException:
        for each in bound:
            each.close()
        raise
    if not bound:
        raise Misconfigured(f"this machine has no address {host}; use localhost")
    return bound


def _bound(address: str, port: int) -> socket.socket | None:
    """Return a socket bound to one address, None when this machine has no such address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        opened = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, port))
        opened.listen(BACKLOG)
    except OSError as wrong:
        opened.close()
        if wrong.errno in _ABSENT:
            return None
        raise Misconfigured(_why(address, port, wrong)) from None
    return opened


def _why(address: str, port: int, wrong: OSError) -> str:
    if wrong.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program: stop that program, or choose another port with --port"
    if wrong.errno == errno.EACCES:
        return f"port {port} is reserved for root: choose one above 1023 with --port"
    return f"cannot listen on {address}, port {port}: {wrong.strerror}"


def _display(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
