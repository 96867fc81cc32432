"""Wake-up calls between processes. Nothing depends on one arriving: polling is the floor.

NOTIFY takes a database-wide lock at commit, so it is sent outside the submitting transaction, and at most once per
queue in a few milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from easyflow.errors import StorageUnavailable
from easyflow.storage.database import Pool, acquired
from easyflow.storage.sql import Connection

READY = "easyflow_ready"
CONTROL = "easyflow_control"
DEBOUNCE_SECONDS = 0.003


async def notify_ready(connection: Connection, queues: Iterable[str]) -> None:
    """Tell workers that these queues have something; call it after the commit."""
    for queue in sorted(set(queues)):
        await connection.execute("select pg_notify($1, $2)", READY, queue)


async def notify_control(connection: Connection) -> None:
    """Tell workers that a queue's settings or a job's cancel flag changed; call it after the commit."""
    await connection.execute("select pg_notify($1, '')", CONTROL)


class ReadyBell:
    """Rings for queues on behalf of many requests: one NOTIFY per queue and few milliseconds."""

    def __init__(self, pool: Pool) -> None:
        """Ring over connections of `pool`."""
        self._pool = pool
        self._waiting: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def ring(self, queues: Iterable[str]) -> None:
        """Have workers woken for these queues shortly; returns at once and never fails."""
        self._waiting.update(queues)
        if self._task is None and self._waiting:
            self._task = asyncio.get_running_loop().create_task(self._send())

    async def close(self) -> None:
        """Send what still waits."""
        if self._task:
            await self._task

    async def _send(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(DEBOUNCE_SECONDS)
                queues, self._waiting = self._waiting, set()
                async with acquired(self._pool) as connection:
                    await notify_ready(connection, queues)
        except StorageUnavailable:
            self._waiting.clear()
        finally:
            self._task = None
