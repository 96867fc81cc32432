"""A held connection that comes back: opened when needed, dropped whenever a call on it did not end cleanly."""

from __future__ import annotations

import asyncio

from easyflow.errors import StorageUnavailable
from easyflow.observability import record
from easyflow.storage.database import UNREACHABLE, connect
from easyflow.storage.sql import Connection

FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 2.0

LOST = (*UNREACHABLE, StorageUnavailable)


class HeldConnection:
    """One connection for one loop; not shared between tasks."""

    def __init__(self, url: str, name: str) -> None:
        """Remember where to connect; nothing is opened yet."""
        self._url = url
        self._name = name
        self._connection: Connection | None = None
        self._wait = FIRST_WAIT_SECONDS

    async def get(self) -> Connection:
        """Return the open connection, waiting with back-off for as long as the database is away."""
        while self._connection is None or self._connection.is_closed():
            try:
                self._connection = await connect(self._url, self._name)
            except StorageUnavailable as away:
                record.database_away(self._name, str(away), self._wait)
                await asyncio.sleep(self._wait)
                self._wait = min(self._wait * 2, LONGEST_WAIT_SECONDS)
        self._wait = FIRST_WAIT_SECONDS
        return self._connection

    def drop(self) -> None:
        """Throw the connection away; the next `get` opens another."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Close it in order."""
        if self._connection is not None and not self._connection.is_closed():
            try:
                await self._connection.close(timeout=2)
            except LOST:
                self._connection.terminate()
