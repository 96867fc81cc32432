"""One connection that hears what changes, and knows whether it really hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

import asyncpg

from easyflow.errors import StorageUnavailable
from easyflow.storage.database import UNREACHABLE, Pool, acquired, connect, storage_errors
from easyflow.storage.notifications import CHANGED, Topic, topics_in
from easyflow.storage.sql import Connection

PROOF_SECONDS = 3.0
CHECK_SECONDS = 5.0
CLOSE_SECONDS = 1.0
APPLICATION = "easyflow listen"


class ChangeLine:
    """A held connection that listens for notices of change; not shared between loops."""

    def __init__(self, connection: Connection, hear: Callable[[frozenset[Topic]], None]) -> None:
        """Wrap an open connection; `open` makes one."""
        self._connection = connection
        self._hear = hear
        self._proof = ""
        self._proven = asyncio.Event()
        self.lost = asyncio.Event()
        connection.add_termination_listener(lambda _: self.lost.set())

    @classmethod
    async def open(cls, url: str, pool: Pool, hear: Callable[[frozenset[Topic]], None]) -> ChangeLine:
        """Listen at `url`, and return once a notice sent over `pool` was heard; raises StorageUnavailable.

        Without that proof a pooler in between would let us listen, and swallow every notice.
        """
        line = cls(await connect(url, APPLICATION), hear)
        try:
            with storage_errors():
                await line._connection.add_listener(CHANGED, line._on_notice)
            await line._prove(pool)
        except BaseException:
            await line.close()
            raise
        return line

    async def check(self) -> None:
        """Ask for a sign of life; raises StorageUnavailable without one: a dead network says nothing by itself."""
        with storage_errors():
            async with asyncio.timeout(CHECK_SECONDS):
                await self._connection.fetchval("select 1")

    async def close(self) -> None:
        """Stop listening."""
        try:
            await self._connection.close(timeout=CLOSE_SECONDS)
        except (*UNREACHABLE, asyncpg.PostgresError):
            self._connection.terminate()

    async def _prove(self, pool: Pool) -> None:
        self._proof = f"proof:{uuid4()}"
        async with acquired(pool) as other:
            await other.execute("select pg_notify($1, $2)", CHANGED, self._proof)
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                await self._proven.wait()
        except TimeoutError:
            raise StorageUnavailable("no notices arrive: a pooler may stand in between") from None

    def _on_notice(self, connection: object, pid: int, channel: str, payload: object) -> None:
        if payload == self._proof:
            self._proven.set()
        elif topics := topics_in(payload):
            self._hear(topics)
