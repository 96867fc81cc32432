"""Every error as one shape: problem+json with the request's id, and never a word of what the client sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from easyflow.api.errors import MethodNotAllowed, NoSuchAddress, Unforeseen
from easyflow.domain.inspection import Fault
from easyflow.errors import EasyFlowError, Invalid
from easyflow.observability import requests as record

MOST_PROBLEMS = 100
REQUEST_ID = "easyflow.request_id"
_MESSAGE_CHARS = 300
_RETRY_SECONDS = {409: "1", 503: "2"}
_RETOLD = frozenset({"version", "state", "limit_bytes"})
_REWORDED = {
    "extra_forbidden": "this field is not known",
    "missing": "this field is required",
}


def install(app: FastAPI) -> None:
    """Answer every error of the routes, and every address without one, as a problem."""
    app.add_exception_handler(EasyFlowError, _refused)
    app.add_exception_handler(RequestValidationError, _wrong_query)
    app.add_exception_handler(HTTPException, _no_route)


def answer(scope: Any, error: Exception, headers: Mapping[str, str] | None = None) -> Response:
    """Return `error` as a response; one of the server's own is logged, and told only in general words."""
    request_id = scope[REQUEST_ID]
    told = error if isinstance(error, EasyFlowError) and error.status != 500 else Unforeseen()
    if told.status >= 500:
        route = getattr(scope.get("route"), "path", "")
        record.request_failed(request_id, scope["method"], route, told.status, error)
    sent = dict(headers or {})
    if told.retryable and told.status in _RETRY_SECONDS:
        sent["retry-after"] = _RETRY_SECONDS[told.status]
    return Response(orjson.dumps(_body(told, request_id)), told.status, sent, "application/problem+json")


def problems_of(
    wrong: ValidationError | RequestValidationError, at: str = "", whole: str = "body"
) -> list[dict[str, str]]:
    """Return what pydantic found, each at its place behind `at`, without the values it was given.

    What concerns no field in particular is at `at` itself, or, without one, at `whole`.
    """
    found = wrong.errors() if isinstance(wrong, RequestValidationError) else wrong.errors(include_url=False)
    return [_problem(error, at, whole) for error in found[:MOST_PROBLEMS]]


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, EasyFlowError)
    return answer(request.scope, error)


async def _wrong_query(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(request.scope, Invalid("the request does not fit", problems_of(error, whole="query")))


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return answer(request.scope, MethodNotAllowed(), {"allow": _allowed(request, error)})
    return answer(request.scope, NoSuchAddress())


def _allowed(request: Request, error: HTTPException) -> str:
    """Return the methods of this address: several routes may share it, and the router names those of one only."""
    path = request.scope["path"]
    addresses = getattr(request.app.state, "addresses", ())
    methods = {method for pattern, taken in addresses if pattern.match(path) for method in taken}
    return ", ".join(sorted(methods)) or (error.headers or {}).get("Allow", "")


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


def _problem(error: Any, at: str, whole: str) -> dict[str, str]:
    place = Fault("invalid", "")
    loc: Iterable[str | int] = error["loc"]
    parts = list(loc)[1:] if whole == "query" else list(loc)  # pydantic's places, behind FastAPI's "query" or "path"
    for part in reversed(parts):
        place.inside(part)
    message = _REWORDED.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    return {"at": place.place(at) or whole, "message": message}


def _short(text: str) -> str:
    """Cut what a client made long: schema errors name its keys."""
    return text if len(text) <= _MESSAGE_CHARS else f"{text[: _MESSAGE_CHARS - 1]}…"
