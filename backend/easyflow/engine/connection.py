"""A held connection that comes back: opened when needed, thrown away whenever a call on it did not end cleanly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from easyflow.errors import StorageUnavailable
from easyflow.observability import record
from easyflow.storage.database import COMMAND_SECONDS, UNREACHABLE, connect
from easyflow.storage.sql import Connection

FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 2.0
LOCK_SECONDS = 1.0
IDLE_TRANSACTION_SECONDS = 10.0
# Behind a client that is gone without a word: first sign after 10 s of silence, the end after 10 s without an answer.
SILENCE_SECONDS = 10

LOST = (*UNREACHABLE, StorageUnavailable)
# What is wrong with the values themselves: by class 22, 23 and 54 of SQLSTATE.
UNSTORABLE = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
# Before what the server refused for another reason is said again: a full disk, a standby.
REFUSED_WAIT_SECONDS = 0.5


class HeldConnection:
    """One connection for one loop; not shared between tasks.

    The server bounds what anyone on it can hold up: a wait for a lock, a statement, a transaction whose client says
    nothing more, a client that is gone. They limit how long a trouble lasts; that nothing goes wrong does not depend
    on them.
    """

    def __init__(self, url: str, name: str, seconds: float = COMMAND_SECONDS) -> None:
        """Remember where to connect; nothing is opened yet. A call without an answer in `seconds` is lost."""
        self._url = url
        self._name = name
        self._seconds = seconds
        self._connection: Connection | None = None
        self._wait = FIRST_WAIT_SECONDS

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Connection]:
        """Lend the connection for one exchange, as `get` does.

        It is kept when the exchange ended with an answer or with the server's refusal. Whatever else ends it, also the
        task's own cancellation, may have cut a statement in half: then it is thrown away.
        """
        connection = await self.get()
        try:
            yield connection
        except BaseException as ended:
            refused = isinstance(ended, asyncpg.PostgresError) and not isinstance(ended, LOST)
            if not refused or connection.is_closed() or connection.is_in_transaction():
                self.drop()
            raise

    async def get(self) -> Connection:
        """Return the open connection, waiting with back-off for as long as the database is away."""
        while self._connection is None or self._connection.is_closed():
            try:
                self._connection = await connect(
                    self._url, self._name, seconds=self._seconds, server_settings=_bounds(self._seconds), primary=True
                )
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


def _bounds(seconds: float) -> dict[str, str]:
    """Return the server's bounds. A statement ends a little before its client gives up: a refusal is an answer."""
    return {
        "lock_timeout": _milliseconds(min(LOCK_SECONDS, seconds / 2)),
        "statement_timeout": _milliseconds(seconds * 0.9),
        "idle_in_transaction_session_timeout": _milliseconds(IDLE_TRANSACTION_SECONDS),
        "tcp_user_timeout": _milliseconds(SILENCE_SECONDS),
        "tcp_keepalives_idle": str(SILENCE_SECONDS),
        "tcp_keepalives_interval": str(SILENCE_SECONDS // 5),
        "tcp_keepalives_count": "5",
    }


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
