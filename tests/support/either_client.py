"""Both clients behind one face, so that each test of a client is a test of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from easyflow.client import AsyncClient, Client

Kind = Literal["blocking", "asyncio"]
KINDS: tuple[Kind, ...] = ("blocking", "asyncio")


class EitherClient:
    """Call a method by its name; an iterator comes back as a list."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self.client = client

    async def __call__(self, method: str, *words: Any, **options: Any) -> Any:
        """Call the method and return what it returns."""
        if isinstance(self.client, AsyncClient):
            called = getattr(self.client, method)(*words, **options)
            return [each async for each in called] if isinstance(called, AsyncIterator) else await called
        return await asyncio.to_thread(self._blocking, method, words, options)

    def _blocking(self, method: str, words: tuple[Any, ...], options: dict[str, Any]) -> Any:
        called = getattr(self.client, method)(*words, **options)
        return list(called) if method.startswith("list_") else called


@asynccontextmanager
async def either_client(kind: Kind, api_url: str, **options: Any) -> AsyncIterator[EitherClient]:
    """A client of one kind, closed at the end."""
    if kind == "asyncio":
        async with AsyncClient(api_url, **options) as client:
            yield EitherClient(client)
    else:
        with Client(api_url, **options) as blocking:
            yield EitherClient(blocking)
