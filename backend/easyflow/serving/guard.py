"""The first and last thing a request meets: its id, who may ask at all, and an answer for what nobody foresaw."""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping, Sequence
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from easyflow.access.policy import Asked, Policy
from easyflow.serving.problems import REQUEST_ID, answer

# Where the application finds who asks: "api", "dashboard", or None for a stranger at an open address.
CALLER = "easyflow.caller"

Headers = Sequence[tuple[bytes, bytes]]


class Guard:
    """Wraps an application: every request passes `policy`, every answer carries X-Request-Id and `headers`."""

    def __init__(self, app: ASGIApp, policy: Policy, headers: Headers) -> None:
        """Guard `app`; of `headers`, an answer keeps those it has already."""
        self._app = app
        self._policy = policy
        self._headers = headers

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
                self._mark(message, request_id)
            await send(message)

        try:
            scope[CALLER] = self._policy.admit(_asked(scope))
            await self._app(scope, receive, marked)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            if begun:
                raise
            await answer(scope, error)(scope, receive, marked)

    def _mark(self, message: MutableMapping[str, Any], request_id: str) -> None:
        present = list(message.get("headers", ()))
        names = {name.lower() for name, _ in present}
        added = ((b"x-request-id", request_id.encode()), *self._headers)
        message["headers"] = [*present, *(each for each in added if each[0] not in names)]


def _asked(scope: Scope) -> Asked:
    """Read a request; a Unix socket, which has no port, is this machine's own."""
    server = scope.get("server")
    ended = server[0] if server is not None and server[1] is not None else None
    return Asked(scope["method"], scope["path"], scope["headers"], ended)
