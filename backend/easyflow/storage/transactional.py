"""A transactional task's transaction: its writes and the job's completion commit together, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from easyflow.domain.states import State
from easyflow.errors import EasyFlowError, LostClaim, Misconfigured, StorageUnavailable
from easyflow.failpoints import Point, exchange, reach
from easyflow.storage.admission import Key, keys_of
from easyflow.storage.database import UNREACHABLE, driver_connection, storage_errors
from easyflow.storage.items import Chunk, emit_with_job
from easyflow.storage.leases import Ending, failed_items, finish
from easyflow.storage.runs.endings import after


class FencedSession(Session):
    """The session below a handler's: whatever way leads to a commit, it leads here."""

    may_commit = False


@event.listens_for(FencedSession, "before_commit")
def _refuse(session: FencedSession) -> None:
    """Refuse a commit by the handler, also at the end of `session.begin()`: it would go past the fence."""
    if not session.may_commit and not session.in_nested_transaction():
        raise Misconfigured("do not commit ctx.session: EasyFlow commits it together with the job's completion")


class TaskSession(AsyncSession):
    """The session a handler gets: EasyFlow commits it, behind the fence."""

    sync_session_class = FencedSession


class CancelRequested(EasyFlowError):
    """Someone asked for the job to be cancelled before it was done; everything this attempt wrote is rolled back."""

    code = "cancel_requested"
    status = 409


class CommitUnknown(EasyFlowError):
    """The answer to a COMMIT was lost; the job's lease tells whether it happened."""

    code = "commit_unknown"
    status = 503


@asynccontextmanager
async def open_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """Lend a session that begins at its first statement; rolled back unless `complete` committed it.

    A connection whose last call did not end cleanly is thrown away, never lent again.
    """
    session = TaskSession(engine, expire_on_commit=False)
    try:
        yield session
    except BaseException:
        await asyncio.shield(_discard(session))
        raise
    await session.close()


async def emit(session: AsyncSession, chunk: Chunk) -> bool:
    """Keep items in the session's own transaction; False when another claim owns the job now.

    They are there with the job's completion or not at all, and what the handler rolls back to a savepoint takes them
    back too. So they need no lock of their own: a stale claim's are rolled back with everything else.
    """
    with storage_errors():
        return await emit_with_job(await driver_connection(session), chunk)


async def complete(session: AsyncSession, executor_id: UUID, ending: Ending) -> set[Key]:
    """Record the success inside the session's own transaction, as its last statement, and commit.

    Returns the keys to be admitted. Raises LostClaim when another claim owns the job now: then the handler's writes
    are rolled back too; CancelRequested when the job is to be cancelled, likewise. Raises CommitUnknown when the
    COMMIT was sent and its answer did not come.
    """
    with storage_errors():
        connection = await driver_connection(session)
        accepted = await finish(connection, executor_id, [ending])
        if not accepted:
            raise LostClaim
        if accepted[0]["state"] == State.CANCELLED:
            raise CancelRequested
        if ending.place is not None:
            await after(connection, accepted, {ending.job_id: ending.place}, failed_items([ending]))
    try:
        await reach(Point.P8, [ending], connection)
        await _commit(session, exchange(Point.P9, Point.P10, session.commit(), connection, [ending]))
    except (DBAPIError, *UNREACHABLE) as gone:
        if lost_database(gone):
            raise CommitUnknown from gone
        raise
    return keys_of(accepted)


async def _commit(session: AsyncSession, commit: Coroutine[Any, Any, None]) -> None:
    """Commit, and let no cancellation cut it in half: what was begun is waited for."""
    cast("FencedSession", session.sync_session).may_commit = True
    committing = asyncio.ensure_future(commit)
    while not committing.done():
        try:
            await asyncio.shield(committing)
        except asyncio.CancelledError:
            if committing.cancelled():
                raise
    committing.result()


async def _discard(session: AsyncSession) -> None:
    try:
        await session.rollback()
    except (DBAPIError, *UNREACHABLE):
        await session.invalidate()
    finally:
        await session.close()


def lost_database(error: BaseException) -> bool:
    """Say whether a handler failed because its transaction's database connection went away.

    Only what the driver says counts: an OSError or a TimeoutError may as well be the handler's own, and handed back
    without charge it would run again for ever.
    """
    if isinstance(error, DBAPIError):
        return bool(error.connection_invalidated) or isinstance(getattr(error.orig, "__cause__", None), _GONE)
    return isinstance(error, (StorageUnavailable, *_GONE))


_GONE = tuple(kind for kind in UNREACHABLE if issubclass(kind, asyncpg.PostgresError))
