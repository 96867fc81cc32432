"""One call on its way over HTTP: its requests, what their answers mean, and when it is tried again."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import TypeAdapter, ValidationError
from tenacity import RetryCallState, retry_if_exception_type, wait_random_exponential

from easyflow.client.errors import Refused, Unauthorized, Unavailable
from easyflow.client.models import FieldProblem
from easyflow.client.plans import Answer, Call
from easyflow.errors import Misconfigured
from easyflow.settings import settings

PREFIX = "/api/v1"
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
CHUNK_LINES = 500

_PASSING = frozenset({429, 502, 503, 504})
# After these nobody knows whether the request was carried out before the answer was lost.
_UNSURE = frozenset({502, 503, 504})
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_PROBLEMS = TypeAdapter(list[FieldProblem])
_MOST_INT_DIGITS = 4000


@dataclass(frozen=True, slots=True)
class Line:
    """Where the API is, the key for it, and how long to try."""

    address: str
    api_key: str | None = field(repr=False)
    timeout_seconds: float
    patience_seconds: float

    @classmethod
    def to(cls, api_url: str | None, api_key: str | None, timeout_seconds: float, patience_seconds: float) -> Line:
        """Take what is not given from the settings; raises Misconfigured for what is no address or no key."""
        address = (api_url or settings().api_url).rstrip("/")
        try:
            parsed = httpx.URL(address)
        except (httpx.InvalidURL, ValueError):
            parsed = httpx.URL("")
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise Misconfigured("the address of the API must be like http://localhost:3030; see EASYFLOW_API_URL")
        key = api_key or _key()
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
            raise Misconfigured("a key of the API is visible ASCII without blanks; see EASYFLOW_API_KEY")
        return cls(address, key, timeout_seconds, patience_seconds)


def _key() -> str | None:
    known = settings().api_key
    return None if known is None else known.get_secret_value()


class Exchange:
    """One call and all its tries."""

    def __init__(self, line: Line, call: Call) -> None:
        """Begin with the first try to come."""
        self._line = line
        self._call = call
        self._begun = time.monotonic()
        self._unsure = False

    def request(self) -> httpx.Request:
        """Make the request of one try."""
        call, line = self._call, self._line
        url = httpx.URL(f"{line.address}{PREFIX}{call.path}", params=call.query or None)
        headers = {"Host": url.netloc.decode(), "Accept": "application/json", "Accept-Encoding": "identity"}
        if line.api_key is not None:
            headers["Authorization"] = f"Bearer {line.api_key}"
        if call.idempotency_key is not None:
            headers["Idempotency-Key"] = call.idempotency_key
        if call.lines:
            headers |= {"Content-Type": call.media, "Content-Length": str(sum(map(len, call.lines)))}
        timeout = httpx.Timeout(line.timeout_seconds, read=line.timeout_seconds + call.waits_seconds)
        return httpx.Request(
            call.method,
            url,
            headers=headers,
            stream=_Lines(call.lines),
            extensions={"timeout": timeout.as_dict()},
        )

    @contextmanager
    def try_once(self) -> Iterator[None]:
        """Turn what can happen on the way into Unavailable."""
        try:
            yield
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
            raise  # no other try will end otherwise
        except httpx.RequestError as lost:
            self._unsure = self._unsure or not isinstance(lost, _NOTHING_SENT)
            raise Unavailable(
                f"the API at {self._line.address} does not answer ({type(lost).__name__})", unsure=self._unsure
            ) from lost

    def read(self, reply: httpx.Response) -> Answer:
        """Return an answer; raises Unavailable for one that passes by itself, Unauthorized and Refused for others."""
        told = _content(reply)
        if reply.is_success and isinstance(told, dict):
            return Answer(reply.status_code, told)
        problem = told if isinstance(told, dict) else {}
        if reply.status_code in _PASSING or problem.get("code") == "in_flight":
            unsure = self._unsure = self._unsure or reply.status_code in _UNSURE
            said = problem.get("detail") or f"the API at {self._line.address} answers {reply.status_code}"
            raise Unavailable(said, unsure=unsure, retry_after=_retry_after(reply))
        kind = Unauthorized if reply.status_code == 401 else Refused
        raise kind(
            _detail(reply, problem, self._line.address),
            code=str(problem.get("code") or f"http_{reply.status_code}"),
            status=reply.status_code,
            problems=_problems(problem),
            request_id=problem.get("request_id"),
            version=problem.get("version"),
            unsure=self._unsure,
        )

    def patience(self) -> dict[str, Any]:
        """Return when to try again and when to stop, as tenacity takes it."""
        return {
            "retry": retry_if_exception_type(Unavailable),
            "wait": _pause,
            "stop": self._would_be_too_late,
            "reraise": True,
        }

    def _would_be_too_late(self, state: RetryCallState) -> bool:
        end = min(self._begun + self._line.patience_seconds, self._call.give_up_at)
        return time.monotonic() + state.upcoming_sleep >= end


class _Lines(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that is sent piece by piece, either way, and as often as need be."""

    def __init__(self, lines: tuple[bytes, ...]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._lines), CHUNK_LINES):
            yield b"".join(self._lines[start : start + CHUNK_LINES])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


_JITTERED = wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS)


def _pause(state: RetryCallState) -> float:
    failed = state.outcome.exception() if state.outcome else None
    asked = failed.retry_after if isinstance(failed, Unavailable) else 0.0
    return asked + _JITTERED(state)


def _content(reply: httpx.Response) -> Any:
    """Read JSON exactly; None when it is none."""
    try:
        return json.loads(reply.content, parse_float=Decimal, parse_int=_whole)
    except (ValueError, RecursionError):
        return None


def _whole(digits: str) -> int | Decimal:
    """Read a whole number; one too long for int stays exact too."""
    return int(digits) if len(digits) <= _MOST_INT_DIGITS else Decimal(digits)


def _detail(reply: httpx.Response, problem: dict[str, Any], address: str) -> str:
    if problem.get("detail"):
        return str(problem["detail"])
    if reply.is_success:
        return f"what answers at {address} is not EasyFlow's API"
    return f"the API at {address} answers {reply.status_code}"


def _problems(problem: dict[str, Any]) -> list[FieldProblem]:
    try:
        return _PROBLEMS.validate_python(problem.get("problems") or [])
    except ValidationError:
        return []


def _retry_after(reply: httpx.Response) -> float:
    """Return the seconds of a Retry-After header, which may name a moment instead; 0 without a sensible one."""
    said = reply.headers.get("retry-after", "")
    if said.isdecimal():
        return float(said[:9])
    try:
        return max((parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return 0.0
