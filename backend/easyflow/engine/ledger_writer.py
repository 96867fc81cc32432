"""Committing intents and outcomes of effects: what concurrent attempts ask for shares statements and commits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import asyncpg

from easyflow.engine.connection import LOST, REFUSED_WAIT_SECONDS, UNSTORABLE, HeldConnection
from easyflow.engine.faults import storable
from easyflow.errors import EasyFlowError
from easyflow.observability import record
from easyflow.storage import effects, items
from easyflow.storage.effects import Closing, Intent
from easyflow.storage.items import Chunk
from easyflow.storage.sql import Connection

BATCH = 500
CHUNKS = 4

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Write = Callable[[Connection, Sequence[Asked]], Awaitable[Sequence[Answer]]]


class LedgerRefused(EasyFlowError):
    """PostgreSQL refuses what was to be written into the effect ledger."""

    code = "ledger_refused"


class LedgerWriter:
    """The effect ledger of one process; each call returns when its write is committed.

    Nobody waits for company: what is asked for while a write is under way goes into the next one. A database that is
    away is waited for, and everything is said again when its answer was lost: each write finds its own first try.
    """

    def __init__(self, connection: HeldConnection, may_act: Callable[[], bool] = lambda: True) -> None:
        """Write over `connection`, which is opened at the first write; `may_act` says whether the lease lasts."""
        self._connection = connection
        self._may_act = may_act
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()
        self._opening = _Batches(connection, self._lock, effects.open_intents)
        self._reopening = _Batches(connection, self._lock, _reopen)
        self._closing = _Batches(connection, self._lock, _close)
        self._emitting = _Batches(connection, self._lock, items.emit, CHUNKS)

    async def open(self, intent: Intent) -> asyncpg.Record:
        """Commit an intent; answers as open_effects.sql does."""
        return await self._opening.write(intent)

    async def reopen(self, intent: Intent) -> bool:
        """Commit an intent for an effect that is known already; False when the claim is lost."""
        return await self._reopening.write(intent)

    async def close(self, closing: Closing) -> bool:
        """Record an outcome; False when the claim is lost."""
        return await self._closing.write(closing)

    async def emit(self, chunk: Chunk) -> bool:
        """Keep items that a handler emits; False when the claim is lost."""
        return await self._emitting.write(chunk)

    def may_act(self) -> bool:
        """Say whether the lease behind the claims lasts."""
        return self._may_act()

    def terminate(self) -> None:
        """Cut the connection off, as a fault does."""
        self._connection.drop()

    def wait(self, doing: Coroutine[Any, Any, Any]) -> Any:
        """Do one of these for a handler that runs in a thread, and return when it is done."""
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result()


async def _reopen(connection: Connection, intents: Sequence[Intent]) -> list[bool]:
    accepted = await effects.reopen_intents(connection, intents)
    return [(each.job_id, each.ordinal) in accepted for each in intents]


async def _close(connection: Connection, closings: Sequence[Closing]) -> list[bool]:
    accepted = await effects.close(connection, closings)
    return [(each.job_id, each.ordinal) in accepted for each in closings]


class _Batches(Generic[Asked, Answer]):
    """Collects one kind of write and says it in batches, one at a time over the shared connection."""

    def __init__(
        self, connection: HeldConnection, lock: asyncio.Lock, write: Write[Asked, Answer], most: int = BATCH
    ) -> None:
        self._most = most
        self._connection = connection
        self._lock = lock
        self._write = write
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, asked: Asked) -> Answer:
        """Have one thing written; a caller that goes away leaves the write, which the fence judges."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._add((asked, answer))
        return await answer

    def _add(self, one: tuple[Asked, asyncio.Future[Answer]]) -> None:
        self._waiting.append(one)
        if self._writing is None:
            self._writing = asyncio.create_task(self._work())

    async def _work(self) -> None:
        batch: list[tuple[Asked, asyncio.Future[Answer]]] = []
        try:
            while self._waiting:
                async with self._lock:
                    batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                    await self._say(batch)
        except Exception as failed:
            record.loop_failed("ledger", failed)
            for _, waiting in [*batch, *self._waiting]:
                if not waiting.done():
                    waiting.set_exception(failed)
            self._waiting = []
        finally:
            self._writing = None

    async def _say(self, batch: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._until_answered([asked for asked, _ in batch])
        except (asyncpg.LockNotAvailableError, *UNSTORABLE) as refused:
            if len(batch) > 1:
                for one in batch:
                    await self._say([one])
            elif isinstance(refused, asyncpg.LockNotAvailableError):
                # Somebody holds this one lease: it comes again later, and nobody waits with it.
                asyncio.get_running_loop().call_later(REFUSED_WAIT_SECONDS, self._add, batch[0])
            elif not batch[0][1].done():
                batch[0][1].set_exception(LedgerRefused(storable(f"{type(refused).__name__}: {refused}", 1000)))
            return
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)

    async def _until_answered(self, asked: Sequence[Asked]) -> Sequence[Answer]:
        while True:
            try:
                async with self._connection.lent() as connection:
                    return await self._write(connection, asked)
            except (asyncpg.LockNotAvailableError, *UNSTORABLE):
                raise
            except LOST as gone:
                record.database_lost("ledger", type(gone).__name__)
            except (asyncpg.PostgresError, asyncpg.InternalClientError) as refused:
                record.loop_failed("ledger", refused)
                await asyncio.sleep(REFUSED_WAIT_SECONDS)
