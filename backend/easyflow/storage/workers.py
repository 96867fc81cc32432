"""Workers and their executors: who is alive, and until when the database may believe it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from easyflow.storage.sql import Connection, statement


async def register(
    connection: Connection, worker_id: UUID, *, host: str, pid: int, version: str, queues: list[str], tasks: list[str]
) -> None:
    """Announce a worker; calling it again changes nothing."""
    await statement("register_worker").fetch(
        connection, worker_id=worker_id, host=host, pid=pid, version=version, queues=queues, tasks=tasks
    )


async def set_tasks(connection: Connection, worker_id: UUID, tasks: list[str]) -> None:
    """Say which tasks a worker can run; its executors tell once they have loaded them."""
    await statement("set_worker_tasks").fetch(connection, worker_id=worker_id, tasks=tasks)


async def set_state(connection: Connection, worker_id: UUID, state: str) -> None:
    """Say that a worker is `draining` or `stopped`."""
    await statement("set_worker_state").fetch(connection, worker_id=worker_id, state=state)


async def register_executor(connection: Connection, executor_id: UUID, worker_id: UUID, lease_seconds: float) -> None:
    """Give an executor its row and first lease; its process is started afterwards."""
    await statement("register_executor").fetch(
        connection, executor_id=executor_id, worker_id=worker_id, lease_seconds=lease_seconds
    )


async def renew(
    connection: Connection, worker_id: UUID, executor_ids: Sequence[UUID], lease_seconds: float
) -> set[UUID]:
    """Prolong the executors' leases; returns those still live. Any other was declared dead: kill it."""
    rows = await statement("renew_leases").fetch(
        connection, worker_id=worker_id, executor_ids=list(executor_ids), lease_seconds=lease_seconds
    )
    return {row["id"] for row in rows}


async def list_all(connection: Connection, max_workers: int) -> list[asyncpg.Record]:
    """Return workers, newest first, with how many live executors they have and how many jobs these hold."""
    return await statement("list_workers").fetch(connection, max_workers=max_workers)


async def retire(connection: Connection, executor_id: UUID) -> None:
    """Declare one executor dead, so that its leases can be taken back and it can renew none."""
    await statement("retire_executor").fetch(connection, executor_id=executor_id)


async def retire_expired(connection: Connection) -> list[UUID]:
    """Declare every executor dead whose lease ran out; returns them."""
    return [row["id"] for row in await statement("retire_expired_executors").fetch(connection)]


async def dead_holders(connection: Connection) -> list[UUID]:
    """Return dead executors that still hold leases."""
    return [row["executor_id"] for row in await statement("find_dead_holders").fetch(connection)]


async def cancelled_jobs(connection: Connection, executor_ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Return (executor, job) of running jobs that were asked to stop."""
    rows = await statement("find_cancelled").fetch(connection, executor_ids=list(executor_ids))
    return [(row["executor_id"], row["job_id"]) for row in rows]
