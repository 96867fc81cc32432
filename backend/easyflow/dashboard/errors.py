"""What only the way to the API can get wrong."""

from __future__ import annotations

from easyflow.errors import EasyFlowError


class ApiAway(EasyFlowError):
    """The API does not answer; it may be starting."""

    code = "api_unavailable"
    status = 503
    retryable = True


class ApiBroke(EasyFlowError):
    """The API hung up before it answered; look whether the request was carried out before you repeat it."""

    code = "api_broke_off"
    status = 502
    retryable = True


class ApiSilent(EasyFlowError):
    """The API took the request and did not answer in time; look whether it was carried out before you repeat it."""

    code = "api_silent"
    status = 504
    retryable = True
