"""What every request works with: settings, the database, the tasks, the bell; one per application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import asyncpg
from fastapi import FastAPI, Request

from easyflow.api.waiting import TerminalWatch
from easyflow.errors import StorageUnavailable
from easyflow.settings import Settings
from easyflow.storage.database import Pool, acquired, open_pool
from easyflow.storage.notifications import ReadyBell
from easyflow.storage.sql import Connection
from easyflow.submission.catalog import Catalog

CLOSE_SECONDS = 3.0

# Who is written down as the actor, as long as callers have no names.
ACTOR = "api"

# Classes of SQLSTATE that end with time: transaction rollback, out of resources, operator intervention, system error.
_PASSING = ("40", "53", "57", "58")
_READ_ONLY = "25006"
_NOT_MIGRATED = ("3F000", "42P01", "42703", "42883")


@dataclass(frozen=True)
class Backend:
    """The application's hold on everything outside of it."""

    settings: Settings
    pool: Pool
    bell: ReadyBell
    catalog: Catalog
    watch: TerminalWatch
    turn: asyncio.Semaphore

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises StorageUnavailable for everything about the database that passes by itself."""
        try:
            async with acquired(self.pool) as connection:
                yield connection
        except asyncpg.PostgresError as refused:
            raise _told(refused) from refused


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Backend]:
    """Open everything; the database may be away. At the end what rings still rings, and connections are closed."""
    pool = await open_pool(settings.submit_url, pooled=settings.behind_pooler)
    backend = Backend(settings, pool, ReadyBell(pool), Catalog(), TerminalWatch(pool), asyncio.Semaphore(1))
    try:
        yield backend
    finally:
        await backend.watch.close()
        await backend.bell.close()
        await _close(pool)


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()


def backend_of(request: Request) -> Backend:
    """Return the backend of the application that got this request."""
    return cast("FastAPI", request.app).state.backend  # type: ignore[no-any-return]


def _told(refused: asyncpg.PostgresError) -> Exception:
    state = str(getattr(refused, "sqlstate", None) or "")
    if state in _NOT_MIGRATED:
        return StorageUnavailable("the database is not at this release's schema; run: easyflow migrate")
    if state == _READ_ONLY:
        return StorageUnavailable("the database takes no writes at the moment")
    return StorageUnavailable() if state.startswith(_PASSING) else refused
