"""The built-in task `http.request`: one HTTP request through the guarded client."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from email.message import Message
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from easyflow import Context, Fail, lifespan, task
from easyflow.outbound.client import OutboundClient, OutboundReply
from easyflow.outbound.errors import OutboundRefused
from easyflow.settings import settings

BODY_CHARS = 100_000
LONGEST_SECONDS = 240.0
FENCE = "easyflow-fence"

# No payload holds NUL, so this marks a number that the JSON encoder could not write itself.
_NUMBER = "\x00"
_MARKED = re.compile(r'"\\u0000([^"]+)"')


class HttpRequest(BaseModel):
    """What to send; `json` is sent as a JSON document, `body` as it is, in UTF-8."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"not": {"required": ["json", "body"]}})

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    url: str = Field(max_length=8000, pattern=r"^https?://")
    headers: dict[str, str] = Field(default_factory=dict, max_length=50)
    document: Any = Field(None, alias="json")
    body: str | None = None
    timeout_seconds: float = Field(30.0, gt=0, le=LONGEST_SECONDS, allow_inf_nan=False)
    honours_keys: bool = Field(
        False, description="The receiver answers a repeated Idempotency-Key with its first answer, and acts once."
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if {"document", "body"} <= self.model_fields_set:
            raise ValueError("json and body exclude each other")
        return self

    def content(self) -> bytes | None:
        """Return the bytes to send, None for no body; numbers are written with every digit they came with."""
        if "document" in self.model_fields_set:
            return _MARKED.sub(r"\1", json.dumps(self.document, default=_marked)).encode()
        return None if self.body is None else self.body.encode()

    def sent_headers(self, key: str, fence: int) -> dict[str, str]:
        """Return the headers, with the idempotency key, the fencing number and the content type the payload leaves out.

        A key that the payload names is sent in place of ours: a replay sends it again.
        """
        ours = {"idempotency-key": key, FENCE: str(fence)}
        if "document" in self.model_fields_set:
            ours["content-type"] = "application/json"
        named = {name.lower() for name in self.headers}
        return {**self.headers, **{name: value for name, value in ours.items() if name not in named}}

    def effects(self) -> Literal["keyed", "unsafe"] | None:
        """Return what repeating this request does; None when it changes nothing on the other side (RFC 9110, 9.2)."""
        if self.method in ("GET", "HEAD", "OPTIONS"):
            return None
        return "keyed" if self.honours_keys or self.method in ("PUT", "DELETE") else "unsafe"


class HttpReply(BaseModel):
    """What came back; a body longer than 100,000 characters is cut, and `truncated` says so."""

    status: int
    headers: dict[str, str]
    body: str
    truncated: bool = False


class ServerError(Exception):
    """The other host answered, and its answer is that it failed."""

    def __init__(self, host_says: int) -> None:
        super().__init__(f"the other host answered with status {host_says}")


@lifespan
async def outbound() -> AsyncIterator[Mapping[str, Any]]:
    """Open the client that every request of this executor goes through."""
    async with OutboundClient(allow_private=settings().outbound_private_addresses) as client:
        yield {"outbound": client}


@task("http.request", effects="unsafe", timeout="5m")
async def send(ctx: Context, payload: HttpRequest) -> HttpReply:
    """Send one HTTP request; the result is the reply, also one with a status from 400 to 499.

    A status of 500 or more, or no proper reply, leaves open what happened. GET, HEAD and OPTIONS are tried again by the
    retry policy; PUT and DELETE too, as repeating them changes nothing more, and everything a receiver that
    `honours_keys` gets, with the same Idempotency-Key. A POST or PATCH to any other waits IN_DOUBT for a person. What
    the rules for outbound requests forbid ends the job at once.
    """
    effects = payload.effects()
    try:
        if effects is None:
            return await _reply(ctx, payload, f"{ctx.job_id}.1")
        reply: HttpReply = await ctx.effect(
            f"{payload.method} {urlsplit(payload.url).hostname}",
            lambda key: _reply(ctx, payload, key),
            effects=effects,
            returns=HttpReply,
        )
        return reply
    except OutboundRefused as refused:
        raise Fail(refused.message, code=refused.code) from None


async def _reply(ctx: Context, payload: HttpRequest, key: str) -> HttpReply:
    """Send the request once; raises ServerError when the other host says that it failed."""
    client: OutboundClient = ctx.state.outbound
    reply = await client.request(
        payload.method,
        payload.url,
        headers=payload.sent_headers(key, ctx.lease_no),
        body=payload.content(),
        timeout_seconds=payload.timeout_seconds,
    )
    if reply.status >= 500:
        raise ServerError(reply.status)
    text = _text(reply)
    return HttpReply(
        status=reply.status, headers=dict(reply.headers), body=text[:BODY_CHARS], truncated=len(text) > BODY_CHARS
    )


def _marked(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{_NUMBER}{value:f}"
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _text(reply: OutboundReply) -> str:
    """Read the body in the character set its header names, else UTF-8; what cannot be read or kept becomes U+FFFD."""
    header = Message()
    header["content-type"] = reply.headers.get("content-type", "")
    try:
        text = reply.body.decode(header.get_content_charset("utf-8"), "replace")
    except (LookupError, UnicodeError):
        text = reply.body.decode("utf-8", "replace")
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", text)
