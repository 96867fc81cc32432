"""The guarded client: resolve, check every address, connect to a checked one, read within limits."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from easyflow.outbound.addresses import Resolve, is_public, system_addresses
from easyflow.outbound.errors import OutboundFailed, OutboundRefused
from easyflow.outbound.messages import Message, compose, redirected
from easyflow.outbound.replies import read_body

MEGABYTE = 1024 * 1024
REDIRECTS = 5
CONNECT_SECONDS = 5.0  # for one address, so that the next one still gets its turn


@dataclass(frozen=True, slots=True)
class OutboundReply:
    """What the other host answered; header names in lower case, the body unpacked, the URL after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class OutboundClient:
    """Sends HTTP requests to the open internet only, unless `allow_private` is set; use it with `async with`.

    Nothing is taken from the environment: no proxy, no netrc, no certificate file. Every request has a connection of
    its own: a kept one that the other side has just closed would make it doubtful whether a request was sent.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        max_reply_bytes: int = MEGABYTE,
        max_redirects: int = REDIRECTS,
        resolve: Resolve = system_addresses,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._max_reply_bytes = max_reply_bytes
        self._max_redirects = max_redirects
        self._resolve = resolve
        self._tls = tls
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 30.0,
    ) -> OutboundReply:
        """Send one request, follow up to five redirects, and return the reply whatever its status.

        `timeout_seconds` covers everything, from the name look-up to the last byte. Each hop is checked anew, and
        another origin gets no credentials and no idempotency key. Raises OutboundRefused when a rule stands against
        it, OutboundFailed when there was no proper reply; both say in `sent` whether a request may have gone out.
        """
        message = compose(method, url, headers or {}, body)
        trip = _Trip(await self._tls_context())
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._follow(message, trip)
        except TimeoutError:
            problem = f"{message.host} did not answer within {timeout_seconds:g} s"
            raise OutboundFailed(problem, sent=trip.sent) from None
        except OutboundRefused as refused:
            raise OutboundRefused(refused.message, sent=trip.sent) from None

    async def _tls_context(self) -> ssl.SSLContext:
        """Return what is trusted, read at the first request: every process of one attempt opens such a client."""
        if not self._is_open:
            raise RuntimeError("use the outbound client inside `async with`")
        if self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        return self._tls

    async def _follow(self, message: Message, trip: _Trip) -> OutboundReply:
        for _ in range(self._max_redirects + 1):
            reply = await self._send(message, trip)
            following = redirected(message, reply.status, reply.headers.get("location"))
            if following is None:
                return reply
            message = following
        raise OutboundRefused(f"{message.host} redirects more than {self._max_redirects} times")

    async def _send(self, message: Message, trip: _Trip) -> OutboundReply:
        problem = "it has no address"
        for address in await self._checked_addresses(message, trip):
            try:
                return await self._exchange(message, address, trip)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                problem = str(error) or "it does not answer"
            except httpx.LocalProtocolError:
                raise OutboundRefused("the request has a header that HTTP does not allow") from None
            except httpx.TransportError as error:
                raise OutboundFailed(f"{message.host} broke off ({type(error).__name__})", sent=trip.sent) from None
        raise OutboundFailed(f"no connection to {message.host}: {problem}", sent=trip.sent)

    async def _checked_addresses(self, message: Message, trip: _Trip) -> list[str]:
        try:
            found = list(await self._resolve(message.host, message.port))
        except UnicodeError:
            raise OutboundRefused("the host is not a name that can be looked up") from None
        except OSError:
            raise OutboundFailed(f"the name {message.host} cannot be looked up", sent=trip.sent) from None
        if not self._allow_private and not all(is_public(address) for address in found):
            raise OutboundRefused(
                f"{message.host} has an address outside the open internet; "
                "EASYFLOW_OUTBOUND_PRIVATE_ADDRESSES=true allows such addresses"
            )
        return found

    async def _exchange(self, message: Message, address: str, trip: _Trip) -> OutboundReply:
        request = message.request(address, trip.extensions())
        # A transport of its own: a shared pool tells connections apart by address, not by the name TLS has proved.
        async with httpx.AsyncHTTPTransport(verify=trip.tls, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            try:
                body = await read_body(
                    response.aiter_raw(),
                    response.headers.get("content-encoding", ""),
                    host=message.host,
                    max_bytes=self._max_reply_bytes,
                )
            finally:
                await response.aclose()
        headers = dict(response.headers)
        if headers.pop("content-encoding", None):
            headers.pop("content-length", None)  # it counted the packed bytes
        return OutboundReply(response.status_code, headers, body, str(message.url))


class _Trip:
    """One request with all its hops, and whether any of it has gone out."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.tls = tls
        self.sent = False

    def extensions(self) -> dict[str, object]:
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        return {"timeout": timeout.as_dict(), "trace": self._trace}

    async def _trace(self, event: str, _: dict[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            self.sent = True
