"""The events of the API, one function each; none ever logs what a client sent."""

from __future__ import annotations

import traceback
from pathlib import Path

import structlog

_log = structlog.get_logger("easyflow")
_FRAMES = 6


def request_failed(request_id: str, method: str, route: str, status: int, error: BaseException) -> None:
    """A request was answered with 5xx; the error's own words stay out of the log: they may repeat the request's."""
    _log.error(
        "request.failed",
        request_id=request_id,
        method=method,
        route=route,
        status=status,
        error=type(error).__name__,
        cause=type(error.__cause__).__name__ if error.__cause__ else None,
        sqlstate=getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None),
        where=_where(error),
    )


def api_listening(addresses: list[str]) -> None:
    """The API accepts connections."""
    _log.info("api.listening", addresses=addresses)


def api_stopped() -> None:
    """The API has answered what it had begun, and ended."""
    _log.info("api.stopped")


def live_updates_lost(why: str) -> None:
    """No changes are heard any more; browsers poll until they are."""
    _log.warning("live_updates.lost", why=why)


def live_updates_back() -> None:
    """Changes are heard again."""
    _log.info("live_updates.back")


def dashboard_listening(addresses: list[str], api_url: str) -> None:
    """The dashboard accepts connections and passes /api on to `api_url`."""
    _log.info("dashboard.listening", addresses=addresses, api_url=api_url)


def dashboard_stopped() -> None:
    """The dashboard's server has answered what it had begun, and ended."""
    _log.info("dashboard.stopped")


def sign_in_failed(request_id: str) -> None:
    """Somebody tried to sign in with a wrong key."""
    _log.warning("session.refused", request_id=request_id)


def signed_in(request_id: str) -> None:
    """Somebody signed in with the key."""
    _log.info("session.begun", request_id=request_id)


def _where(error: BaseException) -> str:
    """The innermost places the error came through, outermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames)
