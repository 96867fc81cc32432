"""What only an HTTP request can get wrong."""

from __future__ import annotations

from easyflow.errors import EasyFlowError


class UnsupportedType(EasyFlowError):
    """The body must be JSON in UTF-8, sent as it is: Content-Type application/json, no Content-Encoding."""

    code = "unsupported_media_type"
    status = 415


class NotReady(EasyFlowError):
    """EasyFlow runs, but cannot work yet."""

    code = "not_ready"
    status = 503
    retryable = True


class TooManyStreams(EasyFlowError):
    """All places of the live stream are taken; poll, or try again shortly."""

    code = "too_many_streams"
    status = 503
    retryable = True
