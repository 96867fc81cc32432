"""Sessions of the dashboard: the key is traded once for a cookie that no script can read."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from easyflow.access import sessions
from easyflow.access.errors import Unauthenticated
from easyflow.access.keys import ApiKey
from easyflow.access.sign_ins import SignInLimit
from easyflow.api import body, schemas
from easyflow.api.queries import NoQuery
from easyflow.api.shapes import reply
from easyflow.observability import requests as record
from easyflow.serving.guard import CALLER
from easyflow.serving.problems import REQUEST_ID

router = APIRouter(prefix="/session", tags=["session"])


class Session(schemas.Shape):
    """Whether a key is required here, and whether the caller is in."""

    required: bool
    signed_in: bool


class SignIn(BaseModel):
    """What a person types in."""

    model_config = ConfigDict(extra="forbid")

    key: SecretStr = Field(description="the API key", max_length=4096)


@router.get("", responses=schemas.answers(Session))
async def get_session(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
    """Say whether a key is required here, and whether the caller is in; without a key everybody is."""
    return _reply(request, signed_in=request.scope[CALLER] is not None)


@router.post("", responses=schemas.answers(Session, *schemas.BODY, 429), openapi_extra=schemas.takes(SignIn))
async def sign_in(request: Request) -> Response:
    """Trade the key for a session of twelve hours. Ten wrong keys within a minute let everybody wait."""
    said = await body.read_object(request, SignIn, body.ENVELOPE_BYTES)
    key = _key_of(request)
    if key is None:
        return _reply(request, signed_in=True)
    limit: SignInLimit = cast("FastAPI", request.app).state.sign_ins
    limit.check()
    if not key.matches(said.key.get_secret_value()):
        limit.failed()
        record.sign_in_failed(request.scope[REQUEST_ID])
        raise Unauthenticated("this is not the API key: look at EASYFLOW_API_KEY where the API runs")
    record.signed_in(request.scope[REQUEST_ID])
    return _reply(request, signed_in=True, token=sessions.issue(key))


@router.delete("", responses=schemas.answers(Session))
async def sign_out(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
    """Let the browser forget the session."""
    return _reply(request, signed_in=_key_of(request) is None, token="")


def _reply(request: Request, *, signed_in: bool, token: str | None = None) -> Response:
    answer = reply({"required": _key_of(request) is not None, "signed_in": signed_in})
    if token is not None:
        answer.headers["set-cookie"] = _cookie(request, token)
    return answer


def _cookie(request: Request, token: str) -> str:
    """Write the cookie for where the page is: that is behind at least one proxy, and only the browser knows all.

    The scheme of the page is in its Origin, which the guard has held against Host: so no header of a proxy needs to
    be believed. The path comes from the dashboard's server; a caller who makes one up spoils only its own cookie.
    """
    origin = request.headers.get("origin", request.url.scheme)
    return sessions.cookie(token, request.headers.get("x-forwarded-prefix", "/"), secure=origin.startswith("https"))


def _key_of(request: Request) -> ApiKey | None:
    return cast("FastAPI", request.app).state.key  # type: ignore[no-any-return]
