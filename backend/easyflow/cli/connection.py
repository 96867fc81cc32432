"""The operator's way to the database: which one it is, who asks, and one connection for one command."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import asyncpg

from easyflow.errors import EasyFlowError, Misconfigured
from easyflow.local.running import join_running_stack
from easyflow.settings import Settings, settings
from easyflow.storage.certainty import Lend
from easyflow.storage.database import connect, display_url, storage_errors
from easyflow.storage.sql import Connection

T = TypeVar("T")

CLOSE_SECONDS = 5.0

_NOT_MIGRATED = (
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
)


def known_settings() -> Settings:
    """Return the settings, with the database of the stack that runs in this folder when none was named.

    Raises Misconfigured when there is no database either way.
    """
    join_running_stack(Path.cwd())
    known = settings()
    if not (known.database_url or known.database_direct_url):
        raise Misconfigured(
            "EASYFLOW_DATABASE_URL is not set and no development stack runs in this folder: set it, or start the stack"
        )
    return known


def with_database(work: Callable[[Connection, Settings], Awaitable[T]]) -> T:
    """Run one command's work over a connection of its own; starts an event loop, so call it where none runs.

    Raises EasyFlowError in one sentence for whatever the database has against it.
    """
    return asyncio.run(_run(work, known_settings()))


def actor() -> str:
    """Name who acts, for the audit: the account of this process, not what the environment says."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


@asynccontextmanager
async def connected(known: Settings) -> AsyncIterator[Connection]:
    """Open a connection for the block; raises EasyFlowError in one sentence for what the database has against it."""
    connection = await connect(known.direct_url, "easyflow cli")
    try:
        with storage_errors():
            yield connection
    except _NOT_MIGRATED:
        raise Misconfigured(
            f"{display_url(known.direct_url)} does not have this release's schema: run `easyflow migrate`"
        ) from None
    except asyncpg.PostgresError as refused:
        raise EasyFlowError(f"the database refuses: {str(refused).splitlines()[0]}") from refused
    finally:
        await _close(connection)


def lending(connection: Connection, known: Settings) -> Lend:
    """Lend the command's own connection, or, once that is lost, another for each time; raises StorageUnavailable."""

    @asynccontextmanager
    async def lend() -> AsyncIterator[Connection]:
        with storage_errors():
            if not connection.is_closed():
                yield connection
                return
            other = await connect(known.direct_url, "easyflow cli")
            try:
                yield other
            finally:
                await _close(other)

    return lend


async def _run(work: Callable[[Connection, Settings], Awaitable[T]], known: Settings) -> T:
    async with connected(known) as connection:
        return await work(connection, known)


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=CLOSE_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
