"""How a request to another host can end without a reply."""

from __future__ import annotations

from easyflow.errors import EasyFlowError


class OutboundError(EasyFlowError):
    """A request to another host brought no reply.

    The fact `sent` is False only when it is certain that no byte of a request left; messages name the host, never
    the path, the query or an address behind the name.
    """

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message, sent=sent)
        self.sent = sent


class OutboundRefused(OutboundError):
    """The request or its reply breaks a rule of EasyFlow; the same request will be refused again."""

    code = "outbound_refused"
    status = 422


class OutboundFailed(OutboundError):
    """The other host could not be reached or did not answer properly; another attempt may succeed."""

    code = "outbound_failed"
    status = 502
    retryable = True
