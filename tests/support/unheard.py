"""Requests to PostgreSQL of which the client never hears what became: carried out or not."""

from __future__ import annotations

from typing import Literal

from tests.support.proxy import Proxy

COMMIT = "COMMIT"

# The answer is lost; or the request never arrives.
Fault = Literal["swallow", "refuse"]
FAULTS: tuple[Fault, ...] = ("swallow", "refuse")


def strike(proxy: Proxy, what: str, fault: Fault, times: int = 1) -> None:
    """Have the next requests with a statement go unheard, as `Proxy.swallow` and `Proxy.refuse` name them."""
    if fault == "swallow":
        proxy.swallow(what, times)
    else:
        proxy.refuse(what, times)


def struck(proxy: Proxy, what: str) -> int:
    """How many requests with a statement went unheard so far."""
    return proxy.swallowed[what] + proxy.refused[what]
