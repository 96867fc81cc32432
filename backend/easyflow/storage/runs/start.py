"""Starting runs: stored with their first steps released, one transaction; of runs with one key, one is live."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from easyflow.storage.runs.advance import Advanced, go_on
from easyflow.storage.runs.changes import Changes
from easyflow.storage.runs.inserting import NewRun, insert_run
from easyflow.storage.runs.picture import lock
from easyflow.storage.sql import Connection, statement


@dataclass(frozen=True, slots=True)
class Started:
    """A run as it stands behind its start; `queued` behind the run that has its key, or to replace that one."""

    id: UUID
    advanced: Advanced
    queued: bool
    replaces: UUID | None


async def start(connection: Connection, new: NewRun) -> Started:
    """Store a run and release its first steps, in the caller's transaction; raises what `insert_run` raises.

    Cancel the run that it `replaces` behind the commit: then it is the next for its key.
    """
    inserted = await insert_run(connection, new)
    advanced = await go_on(connection, [inserted.picture], Changes())
    return Started(inserted.picture.id, advanced, inserted.queued, inserted.replaces)


async def start_queued(connection: Connection, workflow: str, key: str) -> Advanced:
    """Start the run that has queued longest for a key, in the caller's transaction.

    Raises asyncpg's UniqueViolationError when another run got the key at this very moment.
    """
    row = await statement("start_queued_run").fetchrow(connection, workflow=workflow, key=key)
    if row is None:
        return Advanced()
    return await go_on(connection, (await lock(connection, [row["id"]])).values(), Changes())
