"""What any server of ours may have to answer."""

from __future__ import annotations

from easyflow.errors import EasyFlowError


class NoSuchAddress(EasyFlowError):
    """There is nothing at this address."""

    code = "not_found"
    status = 404


class MethodNotAllowed(EasyFlowError):
    """This address does not take that method; the header Allow names what it takes."""

    code = "method_not_allowed"
    status = 405


class Unforeseen(EasyFlowError):
    """Something went wrong inside EasyFlow; its log has the details under this request id."""

    code = "internal"
