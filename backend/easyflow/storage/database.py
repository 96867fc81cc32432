"""Connections: held asyncpg connections for the hot path, a pool for the API, a SQLAlchemy engine for the rest.

Nothing here depends on session settings: they do not survive a pooler.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qs, urlsplit

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from easyflow.errors import EasyFlowError, Misconfigured, StorageUnavailable
from easyflow.storage.sql import Connection

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Session = AsyncSession
Engine = AsyncEngine

# A plan made while a table was small is dropped after this long; see docs/decisions on thin tickets.
STATEMENT_LIFETIME_SECONDS = 10
COMMAND_SECONDS = 30.0
CONNECT_SECONDS = 10.0

UNREACHABLE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke off in the middle of an exchange
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)


def plain_url(url: str) -> str:
    """Return a PostgreSQL address as asyncpg takes it; raises Misconfigured when it is none."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgresql", "postgres"):
        raise Misconfigured("the database address must begin with postgresql://")
    return f"postgresql://{rest}"


def sqlalchemy_url(url: str) -> str:
    """Return a PostgreSQL address with the driver SQLAlchemy must use."""
    return plain_url(url).replace("postgresql://", "postgresql+asyncpg://", 1)


def display_url(url: str) -> str:
    """Return the address without its password, fit for people and logs."""
    parts = urlsplit(plain_url(url))
    host = parts.hostname or (parse_qs(parts.query).get("host") or ["localhost"])[0]
    user = f"{parts.username}@" if parts.username else ""
    return f"postgresql://{user}{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


async def connect(url: str, name: str = "easyflow") -> Connection:
    """Open one held connection past any pooler; raises StorageUnavailable."""
    try:
        return await asyncpg.connect(
            plain_url(url),
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            max_cached_statement_lifetime=STATEMENT_LIFETIME_SECONDS,
            server_settings={"application_name": name},
        )
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as refused:
        raise StorageUnavailable(f"{display_url(url)} refuses: {refused}") from None
    except UNREACHABLE as gone:
        raise StorageUnavailable(f"cannot reach {display_url(url)}: {type(gone).__name__}") from gone


async def open_pool(url: str, *, size: int = 10, pooled: bool = False) -> Pool:
    """Open a pool of up to `size` connections; `pooled` when a transaction-mode pooler stands in between.

    It opens lazily: a database that is away raises StorageUnavailable at first use, not here.
    """
    return await asyncpg.create_pool(
        plain_url(url),
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        max_cached_statement_lifetime=STATEMENT_LIFETIME_SECONDS,
        statement_cache_size=0 if pooled else 100,
        reset=_nothing_to_reset,
    )


async def _nothing_to_reset(connection: object) -> None:
    """Spare each loan a round trip: nobody leaves session state behind, and open transactions are ended anyway."""


@asynccontextmanager
async def acquired(pool: Pool, timeout_seconds: float = 5.0) -> AsyncIterator[Connection]:
    """Lend a connection of the pool; raises StorageUnavailable when none comes in time or the database goes away."""
    with storage_errors():
        async with pool.acquire(timeout=timeout_seconds) as connection:
            yield connection  # type: ignore[misc]


class storage_errors:
    """Turn every way a database can be away into StorageUnavailable; other errors pass."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, UNREACHABLE) and not isinstance(error, EasyFlowError):
            raise StorageUnavailable from error


async def driver_connection(session: Session) -> Connection:
    """Return the asyncpg connection inside a session's transaction, which is begun if it was not."""
    adapted = await (await session.connection()).get_raw_connection()
    connection = cast("Connection", adapted.driver_connection)
    if not connection.is_in_transaction():
        await session.execute(text("select 1"))
    return connection


def open_engine(url: str, size: int, idle_seconds: float) -> AsyncEngine:
    """Make the SQLAlchemy engine behind `ctx.session`, at most `size` connections.

    A transaction that its handler leaves idle for longer than `idle_seconds` is ended by the server: it would pin a
    snapshot, and every other worker's claims with it.
    """
    return create_async_engine(
        sqlalchemy_url(url),
        pool_size=size,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args={
            "timeout": CONNECT_SECONDS,
            "async_creator_fn": _reached,
            "server_settings": {
                "application_name": "easyflow transactional",
                "idle_in_transaction_session_timeout": str(int(idle_seconds * 1000)),
            },
        },
    )


async def _reached(**address: Any) -> Connection:
    """Connect as the driver does; a database that is away is told apart from every OSError of a handler's own."""
    with storage_errors():
        connection: Connection = await asyncpg.connect(**address)
        return connection
