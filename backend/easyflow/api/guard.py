"""The first and last thing a request meets: its id, who may ask at all, and an answer for what nobody foresaw.

While there are no API keys, whoever reaches this address may do everything. So it answers only this machine, and only
programs on it: a page of another site is told apart by the Host it was fetched under (a rebound name is no loopback
name) and by its Origin.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from easyflow.api.problems import REQUEST_ID, answer
from easyflow.errors import EasyFlowError, Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a name or address (an IPv6 address with or without brackets) can only mean this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Wraps the application; everything it answers carries X-Request-Id."""

    def __init__(self, app: ASGIApp) -> None:
        """Guard `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to the application, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope[REQUEST_ID] = secrets.token_hex(10)
        begun = False

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _mark(message, request_id)
            await send(message)

        try:
            refusal = _refusal(scope)
            await (answer(scope, refusal) if refusal else self._app)(scope, receive, marked)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            if begun:
                raise
            await answer(scope, error)(scope, receive, marked)


def _mark(message: MutableMapping[str, Any], request_id: str) -> None:
    message["headers"] = [
        *message.get("headers", ()),
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]


def _refusal(scope: Scope) -> EasyFlowError | None:
    """Say why this caller is not answered, if so."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    named: dict[bytes, list[str]] = {b"host": [], b"origin": [], b"sec-fetch-site": []}
    for name, value in headers:
        if name in named:
            named[name].append(value.decode("latin-1"))
    if not _names_this_machine(named[b"host"]) or not _came_here(scope):
        return Forbidden("until there are API keys, only this machine is answered: use http://localhost")
    if scope["method"] not in SAFE_METHODS and not _same_machine(named[b"origin"], named[b"sec-fetch-site"]):
        return Forbidden("pages of other sites may not change anything here")
    return None


def _names_this_machine(hosts: list[str]) -> bool:
    matches = [_HOST.fullmatch(host) for host in hosts]
    return len(matches) == 1 and matches[0] is not None and is_loopback(matches[0]["name"])


def _came_here(scope: Scope) -> bool:
    """Whether the connection itself ends at a loopback address, whatever server runs the application."""
    server = scope.get("server")
    return server is None or server[1] is None or is_loopback(server[0])


def _same_machine(origins: list[str], sites: list[str]) -> bool:
    if origins:
        return all(_is_local_origin(origin) for origin in origins)
    return "cross-site" not in sites


def _is_local_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")
