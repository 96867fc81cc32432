"""Which exceptions prove that nothing happened on the other side; every other one leaves the outcome open."""

from __future__ import annotations

import sys

from easyflow.domain.effects import DidNotHappen
from easyflow.outbound.errors import OutboundError

# Statuses from 400 to 499 refuse a request; these two do not say whether it was acted on.
UNCLEAR = frozenset({408, 409})


def is_definite(raised: BaseException) -> bool:
    """Say whether an exception out of an effect's call is a definite refusal.

    True for DidNotHappen, for a connection that was never made, and for an answer that refuses the request (a status
    from 400 to 499 on the exception's `response`, as httpx and requests raise it). A timeout, a connection that broke
    later, a failing server, a cancellation and anything unknown leave it open: what is not certain is not claimed.
    """
    if isinstance(raised, DidNotHappen | ConnectionRefusedError):
        return True
    if isinstance(raised, OutboundError):
        return not raised.sent
    httpx = sys.modules.get("httpx")
    if httpx is not None and isinstance(
        raised, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.UnsupportedProtocol
    ):
        return True
    status = getattr(getattr(raised, "response", None), "status_code", None)
    return isinstance(status, int) and 400 <= status < 500 and status not in UNCLEAR
