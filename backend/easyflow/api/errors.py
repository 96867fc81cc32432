"""What only an HTTP request can get wrong."""

from __future__ import annotations

from easyflow.errors import EasyFlowError


class NoSuchAddress(EasyFlowError):
    """There is nothing at this address; the addresses begin with /api/v1."""

    code = "not_found"
    status = 404


class MethodNotAllowed(EasyFlowError):
    """This address does not take that method; the header Allow names what it takes."""

    code = "method_not_allowed"
    status = 405


class UnsupportedType(EasyFlowError):
    """The body must be JSON in UTF-8, sent as it is: Content-Type application/json, no Content-Encoding."""

    code = "unsupported_media_type"
    status = 415


class NotReady(EasyFlowError):
    """EasyFlow runs, but cannot work yet."""

    code = "not_ready"
    status = 503
    retryable = True


class Unforeseen(EasyFlowError):
    """Something went wrong inside EasyFlow; its log has the details under this request id."""

    code = "internal"
