"""Reading what a client sends: never more than the limit, only JSON, checked before anything is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from easyflow.api.backend import backend_of
from easyflow.api.errors import UnsupportedType
from easyflow.api.problems import MOST_PROBLEMS, problems_of
from easyflow.domain import document
from easyflow.errors import Invalid, TooLarge

JSON = "application/json"
NDJSON = "application/x-ndjson"

# What a request may say around its payload.
ENVELOPE_BYTES = 64 * 1024
LARGE_BYTES = 256 * 1024

KEY_HEADER = "Idempotency-Key"
# What an answer carries that was given before, under the same key.
REPLAYED = {"idempotency-replayed": "true"}

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


async def read_object(request: Request, model: type[M], max_bytes: int, *, optional: bool = False) -> M:
    """Read the body as one JSON object that fits `model`; an `optional` body may be missing.

    Raises UnsupportedType, TooLarge, Malformed and Invalid, each naming places and never values.
    """
    if optional and "content-type" not in request.headers and await _is_empty(request):
        return fitted(model, {})
    expect_type(request, JSON)
    raw = await read(request, max_bytes)
    return await in_turn(request, lambda: fitted(model, parsed(raw, max_bytes)), len(raw))


def idempotency_key(request: Request) -> str | None:
    """Return the key in the header; raises Invalid for what is not one plain line of 1 to 255 characters."""
    values = request.headers.getlist(KEY_HEADER)
    if not values:
        return None
    key = values[0]
    if len(set(values)) > 1 or not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        message = "must be given once, with 1 to 255 printable ASCII characters"
        raise Invalid(f"{KEY_HEADER}: {message}", [{"at": KEY_HEADER, "message": message}])
    return key


def expect_type(request: Request, *types: str) -> str:
    """Return which of `types` the body is sent as, in UTF-8 and uncompressed; raises UnsupportedType."""
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media.strip().lower() not in types or charset not in ("", "utf-8", "utf8") or encoding != "identity":
        raise UnsupportedType(
            f"the body must be {' or '.join(types)} in UTF-8, and not compressed; say so in Content-Type"
        )
    return media.strip().lower()


async def read(request: Request, max_bytes: int) -> bytes:
    """Read the whole body; raises TooLarge as soon as it is longer than `max_bytes`, or says that it will be."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(held)


async def in_turn(request: Request, work: Callable[[], T], size: int) -> T:
    """Do `work` on a document of `size` bytes: a small one at once, a large one in a thread when its turn comes.

    One at a time: as objects they take twenty times their size.
    """
    if size <= LARGE_BYTES:
        return work()
    async with backend_of(request).turn:
        return await asyncio.to_thread(work)


def parsed(raw: bytes, max_bytes: int, at: str = "body") -> Any:
    """Parse one document exactly; places inside it are named without `at`, as fields of the request."""
    try:
        return document.parse(raw, max_bytes=max_bytes, at=at)
    except Invalid as wrong:
        wrong.problems = [{**each, "at": _field(each["at"], at)} for each in wrong.problems]
        raise


def fitted(model: type[M], value: Any, at: str = "") -> M:
    """Return `value` as a model; raises Invalid with every problem."""
    try:
        return model.model_validate(_object(value, at))
    except ValidationError as wrong:
        raise Invalid("the request does not fit", problems_of(wrong, at, at or "body")) from None


def all_fitted(model: type[M], values: Iterator[tuple[str, Any]]) -> list[M]:
    """Return (place, value) pairs as models; raises Invalid with the problems of all, up to a hundred."""
    models: list[M] = []
    problems: list[dict[str, str]] = []
    for at, value in values:
        try:
            models.append(model.model_validate(_object(value, at)))
        except ValidationError as wrong:
            problems += problems_of(wrong, at, at)
        except Invalid as wrong:
            problems += wrong.problems
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise Invalid("the request does not fit", problems[:MOST_PROBLEMS])
    return models


def _object(value: Any, at: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise Invalid(f"{at or 'body'}: must be a JSON object", [{"at": at or "body", "message": "must be a JSON object"}])


def _field(place: str, at: str) -> str:
    return place.removeprefix(f"{at}.") if at == "body" else place


async def _is_empty(request: Request) -> bool:
    async for chunk in request.stream():
        if chunk:
            return False
    return True


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {max_bytes} bytes, the limit", limit_bytes=max_bytes)
