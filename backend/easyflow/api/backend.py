"""What every request works with: settings, the database, the tasks, the bell; one per application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import cast

import asyncpg
from fastapi import FastAPI, Request

from easyflow.api.live_updates import LiveUpdates
from easyflow.api.waiting import TerminalWatch
from easyflow.errors import StorageUnavailable
from easyflow.serving.guard import CALLER
from easyflow.settings import Settings
from easyflow.storage.database import Pool, acquired, open_pool
from easyflow.storage.enqueue import NewTicket, Stored
from easyflow.storage.notifications import ChangeBell, ReadyBell, bell_over
from easyflow.storage.runs.read import read_ended
from easyflow.storage.sql import Connection
from easyflow.submission.catalog import Catalog
from easyflow.submission.group_commit import GroupCommit

CLOSE_SECONDS = 3.0

# Classes of SQLSTATE that end with time: transaction rollback, out of resources, operator intervention, system error.
_PASSING = ("40", "53", "57", "58")
_READ_ONLY = "25006"
_NOT_MIGRATED = ("3F000", "42P01", "42703", "42883")


@dataclass(frozen=True)
class Backend:
    """The application's hold on everything outside of it."""

    settings: Settings
    pool: Pool
    group: GroupCommit
    bell: ReadyBell
    changes: ChangeBell
    live: LiveUpdates
    catalog: Catalog
    watch: TerminalWatch
    run_watch: TerminalWatch
    turn: asyncio.Semaphore

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises StorageUnavailable for everything about the database that passes by itself."""
        with _telling():
            async with acquired(self.pool) as connection:
                yield connection

    async def submit(self, ticket: NewTicket) -> Stored:
        """Store one checked job, with others of this moment; raises as `connection` and `GroupCommit.submit`."""
        with _telling():
            return await self.group.submit(ticket)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as refused:
        raise _told(refused) from refused


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Backend]:
    """Open everything; the database may be away. At the end what rings still rings, and connections are closed."""
    pool = await open_pool(settings.submit_url, pooled=settings.behind_pooler)
    backend = Backend(
        settings,
        pool,
        GroupCommit(pool),
        ReadyBell(pool),
        bell_over(pool),
        LiveUpdates(settings.direct_url, pool),
        Catalog(),
        TerminalWatch(pool),
        TerminalWatch(pool, read_ended),
        asyncio.Semaphore(1),
    )
    try:
        yield backend
    finally:
        await backend.watch.close()
        await backend.run_watch.close()
        await backend.live.close()
        await backend.bell.close()
        await backend.changes.close()
        await _close(backend.group, pool)


async def _close(group: GroupCommit, pool: Pool) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await group.close()
            await pool.close()
    except TimeoutError:
        pool.terminate()


def backend_of(request: Request) -> Backend:
    """Return the backend of the application that got this request."""
    return cast("FastAPI", request.app).state.backend  # type: ignore[no-any-return]


def actor_of(request: Request) -> str:
    """Return who is written down for an act: "dashboard" for a person on its page, "api" for a program."""
    caller: str | None = request.scope[CALLER]
    assert caller is not None, "an act needs a caller: its address must not be open"
    return caller


def _told(refused: asyncpg.PostgresError) -> Exception:
    state = str(getattr(refused, "sqlstate", None) or "")
    if state in _NOT_MIGRATED:
        return StorageUnavailable("the database is not at this release's schema; run: easyflow migrate")
    if state == _READ_ONLY:
        return StorageUnavailable("the database takes no writes at the moment")
    return StorageUnavailable() if state.startswith(_PASSING) else refused
