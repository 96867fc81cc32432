"""The idempotency keys of starts: one run for each key, found again by it when the answer was lost."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from easyflow.errors import Busy, KeyReused
from easyflow.storage.sql import Connection, statement

KIND = "run"


async def take(connection: Connection, key: str, digest: bytes) -> UUID | None:
    """Claim a key in the caller's transaction; returns the run that was started under it before, None for nobody.

    Waits for who takes it at this moment. Raises KeyReused for another digest, and Busy when the other is not done
    within the transaction's lock timeout.
    """
    try:
        new = await statement("take_batch_key").fetchrow(connection, kind=KIND, key=key, digest=digest, object_ids=[])
    except asyncpg.LockNotAvailableError as held:
        raise Busy from held
    if new is not None:
        return None
    found = await find(connection, key, digest)
    if found is None:
        raise Busy("the idempotency key expired this very moment; repeat the request")
    return found


async def keep(connection: Connection, key: str, run_id: UUID) -> None:
    """Say which run was started under a key, in the transaction that took it."""
    await statement("keep_run_key").fetch(connection, kind=KIND, key=key, run_id=run_id)


async def find(connection: Connection, key: str, digest: bytes) -> UUID | None:
    """Return the run that was started under a key; raises KeyReused when it was used for another start."""
    row = await statement("read_keys").fetchrow(connection, kind=KIND, keys=[key])
    if row is None:
        return None
    if row["digest"] != digest:
        raise KeyReused("this idempotency key was used before to start another run")
    run_id: UUID = row["object_ids"][0]
    return run_id
