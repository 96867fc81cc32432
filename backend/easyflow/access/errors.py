"""How a caller is turned away."""

from __future__ import annotations

from easyflow.errors import EasyFlowError


class Unauthenticated(EasyFlowError):
    """This needs the API key: send Authorization: Bearer, or sign in on the dashboard."""

    code = "unauthenticated"
    status = 401


class TooManySignIns(EasyFlowError):
    """Too many sign-ins failed in the last minute; wait, then try again."""

    code = "too_many_sign_ins"
    status = 429
    retryable = True
