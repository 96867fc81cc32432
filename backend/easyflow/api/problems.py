"""Every error as one shape: problem+json with the request's id, and never a word of what the client sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from easyflow.domain.inspection import Fault
from easyflow.errors import EasyFlowError, Invalid
from easyflow.serving.errors import MethodNotAllowed, NoSuchAddress
from easyflow.serving.problems import answer

MOST_PROBLEMS = 100
_REWORDED = {
    "extra_forbidden": "this field is not known",
    "missing": "this field is required",
}


def install(app: FastAPI) -> None:
    """Answer every error of the routes, and every address without one, as a problem."""
    app.add_exception_handler(EasyFlowError, _refused)
    app.add_exception_handler(RequestValidationError, _wrong_query)
    app.add_exception_handler(HTTPException, _no_route)


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
    return answer(request.scope, NoSuchAddress("there is nothing at this address; the addresses begin with /api/v1"))


def _allowed(request: Request, error: HTTPException) -> str:
    """Return the methods of this address: several routes may share it, and the router names those of one only."""
    path = request.scope["path"]
    addresses = getattr(request.app.state, "addresses", ())
    methods = {method for pattern, taken in addresses if pattern.match(path) for method in taken}
    return ", ".join(sorted(methods)) or (error.headers or {}).get("Allow", "")


def _problem(error: Any, at: str, whole: str) -> dict[str, str]:
    place = Fault("invalid", "")
    loc: Iterable[str | int] = error["loc"]
    parts = list(loc)[1:] if whole == "query" else list(loc)  # pydantic's places, behind FastAPI's "query" or "path"
    for part in reversed(parts):
        place.inside(part)
    message = _REWORDED.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    return {"at": place.place(at) or whole, "message": message}
