"""Admission: which blocked jobs of a key may go on. Its own short transaction, after enqueue and after finish."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import asyncpg

from easyflow.storage.sql import Connection, statement


class Key(NamedTuple):
    """A concurrency key, or (`ordered`) an ordering key, of one queue."""

    queue: str
    key: str
    ordered: bool


def keys_of(rows: Iterable[asyncpg.Record]) -> set[Key]:
    """Return the keys among rows that carry queue, key, ordered."""
    return {Key(row["queue"], row["key"], bool(row["ordered"])) for row in rows if row["key"] is not None}


async def admit(connection: Connection, keys: Iterable[Key]) -> list[asyncpg.Record]:
    """Move the next blocked jobs of each key to READY while its limit has room; returns job_id, queue.

    Opens its own transaction: the key rows are locked in their one order by a first statement, and the count is made
    by a second, whose snapshot sees every move that was committed before the lock. In one statement a finish and an
    enqueue each overlooked the other and left a job blocked for ever.
    """
    ordered_keys = sorted(set(keys))
    if not ordered_keys:
        return []
    values = {
        "queues": [k.queue for k in ordered_keys],
        "keys": [k.key for k in ordered_keys],
        "ordered": [k.ordered for k in ordered_keys],
    }
    while True:
        async with connection.transaction():
            locked = await statement("lock_keys").fetch(connection, **values)
            if len(locked) == len(ordered_keys):
                return await statement("admit_jobs").fetch(connection, **values)
        await statement("ensure_keys").fetch(connection, **values)


async def sweep(connection: Connection, after: Key, max_keys: int = 500) -> tuple[list[asyncpg.Record], Key]:
    """Admit for up to `max_keys` keys that have blocked jobs, going on behind `after`.

    This is the floor: it finds what an enqueue inside a user's own transaction, or a process that died between its
    finish and its admission, left waiting. Returns what moved, and where the next sweep goes on.
    """
    rows = await statement("find_blocked_keys").fetch(
        connection, after_queue=after.queue, after_key=after.key, after_ordered=after.ordered, max_keys=max_keys
    )
    keys = [Key(row["queue"], row["key"], row["ordered"]) for row in rows]
    moved = await admit(connection, keys)
    return moved, keys[-1] if len(keys) == max_keys else FIRST_KEY


FIRST_KEY = Key("", "", False)
