"""A claimer in the test's own process, and what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from easyflow.engine.claimer import Claimer, Room
from easyflow.engine.connection import HeldConnection
from easyflow.storage.queues import QueueSettings
from easyflow.storage.sql import Connection
from tests.support.factories import TASK


class Hands:
    """Claims jobs of one task and keeps them; at most `room` at once."""

    def __init__(
        self, url: str, executor_id: UUID, served: QueueSettings, *, seconds: float = 30.0, room: int = 20
    ) -> None:
        self.accepted: list[asyncpg.Record] = []
        self.connection = HeldConnection(url, "claim", seconds)
        self.claimer = Claimer(
            self.connection,
            executor_id,
            self._allowed,
            lambda: Room(room, len(self.accepted)),
            self.accepted.extend,
            0.05,
            1,
            served,
        )

    async def _allowed(self, connection: Connection) -> list[str]:
        return [TASK]


@asynccontextmanager
async def claiming(hands: Hands) -> AsyncIterator[None]:
    """The claimer runs, and has stopped at the end."""
    running = asyncio.create_task(hands.claimer.run())
    try:
        yield
    finally:
        hands.claimer.stop()
        await running
        await hands.connection.close()
