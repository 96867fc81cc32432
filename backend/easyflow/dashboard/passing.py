"""Passing requests on to the API and its answers back, both as they come; nothing is held but what is on its way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from urllib.parse import unquote

import httpx
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from easyflow.dashboard.errors import ApiAway, ApiBroke, ApiSilent
from easyflow.dashboard.page import HEADERS
from easyflow.errors import TooLarge
from easyflow.serving.errors import NoSuchAddress

# An event stream beats every 15 seconds, and no answer waits longer than 60: beyond this the API hangs.
SILENCE_SECONDS = 120.0
CONNECT_SECONDS = 5.0
MOST_CONNECTIONS = 1000
# Shorter than uvicorn keeps an idle connection: otherwise a request may meet one that is just being closed.
IDLE_SECONDS = 2.0

TIMEOUT = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS).as_dict()
_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
# `expect` was answered by this server already; the path prefix is said by this server only.
_NOT_ASKED = _HOP | {b"expect", b"x-forwarded-prefix"}
# This server writes its own date and its own rules for browsers.
_NOT_ANSWERED = _HOP | {b"date", b"server", *(name.encode() for name in HEADERS)}
_PLAIN = re.compile(rb"[!-~]+")


class Passage:
    """The way to one API; every request is one exchange, which ends when either side goes away."""

    def __init__(self, api_url: str, prefix: str, max_bytes: int) -> None:
        """Lead paths behind `prefix` to `api_url`; bodies end at `max_bytes`."""
        self._api_url = httpx.URL(api_url)
        self._prefix = prefix.encode()
        self._max_bytes = max_bytes
        self._streams: set[asyncio.Timeout] = set()
        limits = httpx.Limits(
            max_connections=MOST_CONNECTIONS, max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS
        )
        # The bare transport: a client would keep one caller's cookies for the next, follow redirects, and decode.
        self._transport = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)

    async def close(self) -> None:
        """Close every connection to the API."""
        await self._transport.aclose()

    def release(self) -> None:
        """End all event streams; their pages look for another server."""
        for stream in self._streams:
            if not stream.expired():
                stream.reschedule(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; raises ApiAway, ApiBroke, ApiSilent, TooLarge, NoSuchAddress, ClientDisconnect.

        When the client goes away, the request to the API is closed at once.
        """
        upload = _Upload(receive, self._max_bytes)
        exchange = asyncio.create_task(self._exchange(self._request(scope, upload), upload, send))
        left = asyncio.create_task(upload.left())
        try:
            await asyncio.wait({exchange, left}, return_when=asyncio.FIRST_COMPLETED)
            if not exchange.done():
                raise ClientDisconnect
        finally:
            exchange.cancel()
            left.cancel()
            await asyncio.gather(exchange, left, return_exceptions=True)
        exchange.result()

    def _request(self, scope: Scope, upload: _Upload) -> httpx.Request:
        target = self._api_url.copy_with(raw_path=_target(scope, self._prefix))
        headers = [*_kept(scope["headers"], _NOT_ASKED), (b"x-forwarded-prefix", self._prefix or b"/")]
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        if not has_body:
            upload.finish()
        return httpx.Request(
            scope["method"],
            target,
            headers=headers,
            content=upload.chunks() if has_body else None,
            extensions={"timeout": TIMEOUT},
        )

    async def _exchange(self, request: httpx.Request, upload: _Upload, send: Send) -> None:
        response = await self._asked(request)
        upload.finish()
        try:
            headers = list(_kept(response.headers.raw, _NOT_ANSWERED))
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                await self._stream(response, send)
            else:
                await _pump(response, send)
        finally:
            await response.aclose()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _asked(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as away:
            raise ApiAway() from away
        except httpx.TimeoutException as silent:
            raise ApiSilent() from silent
        except httpx.TransportError as broken:
            raise ApiBroke() from broken

    async def _stream(self, response: httpx.Response, send: Send) -> None:
        """Pass events on until the API or this server ends; an end is no error: the page connects again."""
        try:
            async with asyncio.timeout(None) as stream:
                self._streams.add(stream)
                try:
                    await _pump(response, send)
                finally:
                    self._streams.discard(stream)
        except (TimeoutError, httpx.TransportError):
            return


class _Upload:
    """The body of one request as it arrives, and after it the news that the client went away."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._finished = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body; raises ClientDisconnect, and TooLarge for one that has no end."""
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size > self._max_bytes:
                limit = self._max_bytes
                raise TooLarge(f"the body is larger than {limit} bytes, the limit", limit_bytes=limit)
            if chunk:
                yield chunk
        self.finish()

    def finish(self) -> None:
        """Say that nobody will read the body any more."""
        self._finished.set()

    async def left(self) -> None:
        """Return once the client is gone; what it still sends is not kept."""
        await self._finished.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _pump(response: httpx.Response, send: Send) -> None:
    async for chunk in response.aiter_raw():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


def _target(scope: Scope, prefix: bytes) -> bytes:
    """Return the path and query for the API, exactly as they were sent; only what is under /api leads there.

    Raises NoSuchAddress for a path that means another once its dots are followed, by this server or by the next.
    """
    path: bytes = scope["raw_path"]
    asked = path.removeprefix(prefix)
    segments = unquote(asked.decode("latin-1")).replace("\\", "/").split("/")
    beneath = path.startswith(prefix + b"/api/")
    if not beneath or not _PLAIN.fullmatch(asked) or any(each in (".", "..") for each in segments):
        raise NoSuchAddress
    query: bytes = scope["query_string"]
    return asked + b"?" + query if query else asked


def _kept(headers: Iterable[tuple[bytes, bytes]], dropped: frozenset[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """Leave out `dropped`, and what Connection names: both concern one connection only."""
    found = [(name.lower(), value) for name, value in headers]
    named = {each.strip() for name, value in found if name == b"connection" for each in value.lower().split(b",")}
    return ((name, value) for name, value in found if name not in dropped and name not in named)
