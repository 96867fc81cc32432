"""Every error as one shape: problem+json with the request's id, and never a word of what the client sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from easyflow.errors import EasyFlowError
from easyflow.observability import requests as record
from easyflow.serving.errors import Unforeseen

REQUEST_ID = "easyflow.request_id"
_MESSAGE_CHARS = 300
_RETRY_SECONDS = {409: 1, 502: 2, 503: 2, 504: 2}
_RETOLD = frozenset({"version", "state", "limit_bytes", "run_id"})


def answer(scope: Any, error: Exception, headers: Mapping[str, str] | None = None) -> Response:
    """Return `error` as a response; one of the server's own is logged, and told only in general words."""
    request_id = scope[REQUEST_ID]
    told = error if isinstance(error, EasyFlowError) and error.status != 500 else Unforeseen()
    if told.status >= 500:
        route = getattr(scope.get("route"), "path", "")
        record.request_failed(request_id, scope["method"], route, told.status, error)
    sent = dict(headers or {})
    if told.retryable and (seconds := told.facts.get("retry_after_seconds", _RETRY_SECONDS.get(told.status))):
        sent["retry-after"] = str(seconds)
    if told.status == 401:
        sent["www-authenticate"] = "Bearer"
    return Response(orjson.dumps(_body(told, request_id)), told.status, sent, "application/problem+json")


def _body(error: EasyFlowError, request_id: str) -> dict[str, Any]:
    problems = getattr(error, "problems", None) or error.facts.get("problems") or []
    return {
        "type": f"urn:easyflow:{error.code}",
        "title": (type(error).__doc__ or error.code).strip().splitlines()[0],
        "status": error.status,
        "detail": _short(error.message),
        "code": error.code,
        "request_id": request_id,
        "problems": [{"at": _short(each["at"]), "message": _short(each["message"])} for each in problems],
        **{name: fact for name, fact in error.facts.items() if name in _RETOLD},
    }


def _short(text: str) -> str:
    """Cut what a client made long: schema errors name its keys."""
    return text if len(text) <= _MESSAGE_CHARS else f"{text[: _MESSAGE_CHARS - 1]}…"
