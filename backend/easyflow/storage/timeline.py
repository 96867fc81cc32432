"""The timeline guard's rows: what a database says of its history, who found it changed, what operators said."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain.timeline import GuardState, Kept, Place, View, lsn
from easyflow.errors import Conflict, Invalid, Stale, StorageUnavailable
from easyflow.storage.admission import admit, keys_of
from easyflow.storage.database import committed
from easyflow.storage.sql import Connection, statement

CHUNK = 1000
REVIEW_SECONDS = 2.0
NOBODY = UUID(int=0)


async def look(connection: Connection, witness: UUID = NOBODY) -> View:
    """Look at the server behind this connection and at what its database says; works on a standby too."""
    return view_of(await read(connection, witness))


async def read(connection: Connection, witness: UUID = NOBODY) -> asyncpg.Record:
    """Return everything there is to see, see read_timeline.sql."""
    row = await statement("read_timeline").fetchrow(connection, witness=witness)
    assert row is not None
    return row


def view_of(row: asyncpg.Record) -> View:
    """Return what `read` returned as the guard's decisions take it."""
    kept = None
    if row["lineage"] is not None:
        found = _place(row, "found_") if row["found_database_oid"] is not None else None
        kept = Kept(
            row["lineage"],
            row["version"],
            row["epoch"],
            row["state"],
            _place(row, "kept_"),
            row["kept_commit_counter"],
            found,
        )
    return View(row["standby"], _place(row, ""), row["commit_counter"], kept, row["beats"])


async def adopt(connection: Connection) -> None:
    """Begin to watch a database that nobody has watched; of two callers one does it."""
    await statement("adopt_timeline").fetch(connection)


async def beat(connection: Connection, witness: UUID, beats: int, every_seconds: float) -> int:
    """Leave a mark that no earlier state of this database has; returns it once it is committed."""
    row = await statement("beat_timeline").fetchrow(
        connection, witness=witness, beats=beats, every_seconds=every_seconds
    )
    assert row is not None
    return int(row["beats"])


async def trip(connection: Connection, kept: Kept, *, actor: str, said: list[str], epoch: int) -> bool:
    """Let unsafe jobs wait, and say why; returns False when the row changed meanwhile: look again."""
    row = await statement("trip_timeline").fetchrow(
        connection, seen_version=kept.version, actor=actor, differences=said, epoch=epoch
    )
    return row is not None


async def release(
    connection: Connection,
    *,
    seen_version: int,
    lost: tuple[datetime, datetime] | None,
    actor: str,
    reason: str,
    request_id: str | None = None,
) -> int:
    """Take an operator's word for the time that was lost (None: nothing was), in the caller's transaction, audited.

    Returns the new version; once it is committed, `review` does the rest, here or in any worker.
    Of two operators who saw the same version one wins. Raises Stale with the present version, Conflict when the guard
    is not tripped, and Invalid when the time ends before it begins.
    """
    if lost is not None and lost[0] > lost[1]:
        message = "the lost time must not end before it begins"
        raise Invalid(message, [{"at": "lost_until", "message": message}])
    present = await read(connection)
    begun = await statement("begin_release").fetchrow(
        connection,
        seen_version=seen_version,
        actor=actor,
        reason=reason,
        lost_from=lost[0] if lost else None,
        lost_until=lost[1] if lost else None,
    )
    if begun is None:
        raise await _refusal(connection, seen_version)
    await _audit(connection, "release timeline", actor, reason, present, begun["version"], lost, request_id)
    return int(begun["version"])


async def review(connection: Connection, seconds: float = REVIEW_SECONDS) -> GuardState | None:
    """Do what a begun release asks for, at most for so long: park what existed in the lost time, then watch again.

    A chunk of a thousand jobs is one transaction. Any number of callers may do it at once, they take turns, and one
    that stops leaves the rest to the others. Jobs that are claimed are waited for: they may come back. Returns the
    guard's state now.
    """
    until = time.monotonic() + seconds
    kept = (await look(connection)).kept
    while kept is not None and kept.state == "releasing":
        done = await _park(connection, "ready", until) and await _park(connection, "parked", until)
        if not done or time.monotonic() > until:
            break
        left = await statement("read_unreviewed").fetchrow(connection)
        if left is not None and (left["unclaimed"] or left["running"]):
            break
        await statement("finish_release").fetchrow(connection, seen_version=kept.version)
        kept = (await look(connection)).kept
    return None if kept is None else kept.state


async def describe(connection: Connection) -> dict[str, Any]:
    """Return the guard as people see it: its state, since when, what differs, what was said, what a release waits for.

    The state is `unwatched` before any worker came. It is `blind` while no worker could read the system identifier.
    """
    row = await read(connection)
    left = await statement("read_unreviewed").fetchrow(connection) if row["state"] == "releasing" else None
    return {
        "state": row["state"] or "unwatched",
        "version": row["version"],
        "blind": row["lineage"] is not None and row["kept_system_identifier"] is None,
        "standby": row["standby"],
        "differences": row["differences"] or [],
        "tripped_at": row["tripped_at"],
        "tripped_by": row["tripped_by"],
        "lost_from": row["lost_from"],
        "lost_until": row["lost_until"],
        "reason": row["reason"],
        "released_by": row["released_by"],
        "released_at": row["released_at"],
        "parked": row["parked"] or 0,
        "running": left["running"] if left is not None else 0,
        "watched_since": row["watched_since"],
        "seen_at": row["seen_at"],
        "kept": _where(row, "kept_") if row["lineage"] is not None else None,
        "found": _where(row, ""),
    }


async def remove_old_witnesses(connection: Connection, days: int) -> None:
    """Remove marks of workers that have not beaten for so many days."""
    await statement("remove_old_witnesses").fetch(connection, days=days)


async def _park(connection: Connection, table: str, until: float) -> bool:
    """Park chunk after chunk; returns whether the end was reached in time."""
    chunk = statement("review_ready_jobs") if table == "ready" else statement("review_parked_jobs")
    after = NOBODY
    while True:
        async with committed(connection):
            under_way = await statement("lock_release").fetchrow(connection)
            if under_way is None:
                return True
            moved = await chunk.fetch(
                connection,
                after=after,
                max_jobs=CHUNK,
                release=under_way["version"],
                lost_from=under_way["lost_from"],
                lost_until=under_way["lost_until"],
                actor=under_way["released_by"],
                reason=under_way["reason"],
            )
            if moved:
                await statement("count_reviewed").fetch(connection, parked=len(moved))
        await admit(connection, keys_of(moved))
        if len(moved) < CHUNK:
            return True
        if time.monotonic() > until:
            return False
        after = max(row["job_id"] for row in moved)


async def _refusal(connection: Connection, seen_version: int) -> Exception:
    kept = (await look(connection)).kept
    if kept is None:
        return Conflict("nobody watches this database yet: start a worker")
    if kept.version != seen_version:
        return Stale(f"the guard is at version {kept.version} now, not {seen_version}", version=kept.version)
    if kept.state != "tripped":
        word = "is being released already" if kept.state == "releasing" else "is not tripped: nothing waits for it"
        return Conflict(f"the timeline guard {word}", version=kept.version)
    return StorageUnavailable("the guard changed just now; try again")


async def _audit(
    connection: Connection,
    act: str,
    actor: str,
    reason: str,
    present: asyncpg.Record,
    version: int,
    lost: tuple[datetime, datetime] | None,
    request_id: str | None,
) -> None:
    before: Mapping[str, Any] = {"version": present["version"], "differences": present["differences"]}
    after: Mapping[str, Any] = {
        "version": version,
        "lost_from": lost[0].astimezone(UTC).isoformat() if lost else None,
        "lost_until": lost[1].astimezone(UTC).isoformat() if lost else None,
    }
    await statement("record_audit").fetch(
        connection,
        actor=actor,
        act=act,
        object_kind="timeline",
        object_id=str(present["lineage"]),
        reason=reason,
        before=json.dumps(before),
        after=json.dumps(after),
        request_id=request_id,
    )


def _where(row: asyncpg.Record, prefix: str) -> dict[str, Any]:
    """Return where a database is, or was, for people; identifiers are larger than every reader's numbers."""
    place, counter = _place(row, prefix), row[f"{prefix}commit_counter"]
    return {
        "system_identifier": None if place.system_identifier is None else str(place.system_identifier),
        "timeline_id": place.timeline_id,
        "database_oid": place.database_oid,
        "commit_counter": None if counter is None else lsn(counter),
    }


def _place(row: asyncpg.Record, prefix: str) -> Place:
    return Place(row[f"{prefix}system_identifier"], row[f"{prefix}timeline_id"], row[f"{prefix}database_oid"])
