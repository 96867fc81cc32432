"""Connections: held asyncpg connections for the hot path, a pool for the API, a SQLAlchemy engine for the rest.

Nothing here depends on session settings: they do not survive a pooler.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.transaction import Transaction
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from easyflow.errors import CommitUnknown, EasyFlowError, Misconfigured, StorageUnavailable
from easyflow.storage.sql import Connection

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Lent: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Session = AsyncSession
Engine = AsyncEngine
T = TypeVar("T")

# A plan made while a table was small is dropped after this long; see docs/decisions on thin tickets.
STATEMENT_LIFETIME_SECONDS = 10
COMMAND_SECONDS = 30.0
CONNECT_SECONDS = 10.0
GOODBYE_SECONDS = 1.0

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


async def connect(
    url: str,
    name: str = "easyflow",
    *,
    seconds: float = COMMAND_SECONDS,
    server_settings: Mapping[str, str] | None = None,
    primary: bool = False,
) -> Connection:
    """Open one held connection past any pooler; raises StorageUnavailable.

    Each call on it that has no answer in `seconds` raises TimeoutError, and so does connecting (in ten at most).
    `server_settings` hold for this connection alone; a pooler may refuse them. With `primary` a standby counts as away.
    """
    try:
        return await asyncpg.connect(
            plain_url(url),
            timeout=min(CONNECT_SECONDS, seconds),
            command_timeout=seconds,
            max_cached_statement_lifetime=STATEMENT_LIFETIME_SECONDS,
            server_settings={"application_name": name, **(server_settings or {})},
            target_session_attrs=SessionAttribute.primary if primary else None,
        )
    except asyncpg.TargetServerAttributeNotMatched:
        raise StorageUnavailable(f"{display_url(url)} is a standby: it takes no writes") from None
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as refused:
        raise StorageUnavailable(f"{display_url(url)} refuses: {refused}") from None
    except asyncpg.ProtocolViolationError as refused:
        raise StorageUnavailable(
            f"{display_url(url)} refuses: {refused}; past a pooler the address is EASYFLOW_DATABASE_DIRECT_URL"
        ) from None
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
    """Lend a connection of the pool; raises StorageUnavailable when none comes in time or the database goes away.

    A connection whose block was cancelled or lost the database is closed, never lent again.
    """
    with storage_errors():
        lent = await _acquire(pool, timeout_seconds)
        connection = cast("Connection", lent)
        try:
            yield connection
        except (asyncio.CancelledError, *UNREACHABLE):
            await discard(connection)
            raise
        finally:
            await pool.release(lent)


@asynccontextmanager
async def committed(connection: Connection) -> AsyncIterator[None]:
    """Run the block in a transaction of its own: committed at its end, rolled back by whatever it raises.

    A task that is cancelled during the COMMIT waits for its answer first. Raises CommitUnknown when that answer is
    lost: read back on another connection, or repeat what cannot happen twice. The connection is closed whenever a call
    on it did not end cleanly, by cancellation or otherwise, so that nobody gets it in the middle of anything.
    """
    transaction = connection.transaction()
    try:
        await transaction.start()
        yield
    except (asyncio.CancelledError, GeneratorExit, *UNREACHABLE):
        await discard(connection)
        raise
    except BaseException:
        await _roll_back(connection, transaction)
        raise
    try:
        await uncut(transaction.commit())
    except asyncio.CancelledError:
        await discard(connection)
        raise
    except UNREACHABLE as lost:
        await discard(connection)
        raise CommitUnknown from lost


@asynccontextmanager
async def self_committing(connection: Connection) -> AsyncIterator[None]:
    """Run one statement that is a transaction by itself; raises CommitUnknown when its answer is lost.

    Closes the connection whenever the call did not end cleanly, as `committed` does.
    """
    try:
        yield
    except asyncio.CancelledError:
        await discard(connection)
        raise
    except UNREACHABLE as lost:
        await discard(connection)
        raise CommitUnknown from lost


@asynccontextmanager
async def afterwards(connection: Connection) -> AsyncIterator[None]:
    """Let what follows a commit fail in silence: the commit stands, and others find out by looking."""
    try:
        yield
    except (StorageUnavailable, asyncpg.PostgresError, *UNREACHABLE):
        await discard(connection)


async def uncut(work: Coroutine[Any, Any, T]) -> T:
    """Wait for `work` to its end, whoever cancels meanwhile; only then raise CancelledError, else answer as it does."""
    running = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as asked:
            cancelled = asked
    if cancelled is None:
        return running.result()
    running.exception()  # nobody is left to hear it
    raise cancelled


async def discard(connection: Connection) -> None:
    """Close a connection that may be in the middle of anything; what it runs is cancelled, what is open rolled back."""
    with suppress(*UNREACHABLE):  # closed all the same
        await uncut(connection.close(timeout=GOODBYE_SECONDS))


async def _acquire(pool: Pool, timeout_seconds: float) -> Lent:
    """Take a connection of the pool; one that must be opened first is opened to the end, whoever cancels meanwhile."""
    if pool.get_idle_size():
        return await pool.acquire(timeout=timeout_seconds)
    opening = asyncio.ensure_future(pool.acquire(timeout=timeout_seconds))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # Cut off half way it would be lost, and whoever comes next would have to open another.
        giving_back = asyncio.ensure_future(_give_back(pool, opening))
        _GIVING_BACK.add(giving_back)
        giving_back.add_done_callback(_GIVING_BACK.discard)
        raise


_GIVING_BACK: set[asyncio.Future[None]] = set()


async def _give_back(pool: Pool, opening: asyncio.Future[Lent]) -> None:
    with suppress(asyncpg.PostgresError, *UNREACHABLE):
        await pool.release(await opening)


async def _roll_back(connection: Connection, transaction: Transaction) -> None:
    try:
        await uncut(transaction.rollback())
    except asyncio.CancelledError:
        await discard(connection)
        raise
    except UNREACHABLE:
        await discard(connection)


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
