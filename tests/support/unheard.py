"""Requests to PostgreSQL of which the client never hears what became: carried out or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from easyflow.storage.sql import Connection
from tests.support.api import Api, running_api
from tests.support.proxy import Proxy, running_proxy

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


@asynccontextmanager
async def api_behind(url: str, connection: Connection) -> AsyncIterator[tuple[Api, Proxy]]:
    """The API on a line that loses what it is told to, warmed up so that no statement is new to a connection."""
    async with running_proxy(url) as proxy, running_api(proxy.url) as client:
        yield Api(client, connection), proxy
