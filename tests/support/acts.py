"""Acts on jobs, dead letters and queues, each in a transaction of its own over a connection the test holds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from easyflow.storage import dead_letters, jobs, queues
from easyflow.storage.admission import admit
from easyflow.storage.database import committed
from easyflow.storage.sql import Connection


async def cancel(connection: Connection, job_id: UUID, *, actor: str = "test", reason: str | None = None) -> str:
    """Cancel a job and let others of its key go on; "cancelled" or "requested"."""
    async with committed(connection):
        moved = await jobs.cancel(connection, job_id, actor=actor, reason=reason)
    await admit(connection, moved.keys)
    return moved.outcome


async def run_now(connection: Connection, job_id: UUID, *, actor: str = "test", reason: str | None = None) -> str:
    """Let a scheduled job start now; its queue."""
    async with committed(connection):
        moved = await jobs.run_now(connection, job_id, actor=actor, reason=reason)
    await admit(connection, moved.keys)
    return str(moved.queue)


async def replay(connection: Connection, job_id: UUID, **said: Any) -> str:
    """Let a failed job run again; its queue."""
    async with committed(connection):
        moved = await dead_letters.replay(connection, job_id, **said)
    await admit(connection, moved.keys)
    return str(moved.queue)


async def discard(connection: Connection, job_id: UUID, **said: Any) -> int:
    """Set a dead letter aside; its new version."""
    async with committed(connection):
        return await dead_letters.discard(connection, job_id, **said)


async def change_queue(connection: Connection, name: str, **said: Any) -> asyncpg.Record:
    """Change a queue's settings; the queue."""
    async with committed(connection):
        return await queues.change(connection, name, **said)
