"""Admission: which blocked jobs of a key may go on. Its own short transaction, after enqueue and after finish."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import asyncpg

from easyflow.storage.database import committed
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
    wanted = _values(keys)
    if not wanted["keys"]:
        return []
    while True:
        async with committed(connection):
            locked = await statement("lock_keys").fetch(connection, **wanted)
            if len(locked) == len(wanted["keys"]):
                return await statement("admit_jobs").fetch(connection, **wanted)
        await statement("ensure_keys").fetch(connection, **wanted)


async def admit_free(connection: Connection, keys: Iterable[Key]) -> tuple[list[asyncpg.Record], set[Key]]:
    """Admit for those keys whose rows nobody holds, as `admit` does, and wait for none.

    Returns what moved, and the keys that were passed over: whoever holds them, another must come later.
    """
    wanted = set(keys)
    if not wanted:
        return [], set()
    for ensured in (False, True):
        async with committed(connection):
            free = keys_of(await statement("lock_free_keys").fetch(connection, **_values(wanted)))
            if free == wanted or (ensured and free):
                return await statement("admit_jobs").fetch(connection, **_values(free)), wanted - free
        if not ensured:
            await statement("ensure_keys").fetch(connection, **_values(wanted))
    return [], wanted


def _values(keys: Iterable[Key]) -> dict[str, list[Any]]:
    """Put keys into their one order, as every statement takes them."""
    in_order = sorted(set(keys))
    return {
        "queues": [k.queue for k in in_order],
        "keys": [k.key for k in in_order],
        "ordered": [k.ordered for k in in_order],
    }


async def sweep(connection: Connection, after: Key, max_keys: int = 500) -> tuple[list[asyncpg.Record], Key]:
    """Admit for up to `max_keys` keys that have blocked jobs, going on behind `after`.

    This is the floor: it finds what an enqueue inside a user's own transaction, or a process that died between its
    finish and its admission, left waiting. It waits for no key: what someone holds has its turn in the next sweep.
    Returns what moved, and where the next sweep goes on.
    """
    rows = await statement("find_blocked_keys").fetch(
        connection, after_queue=after.queue, after_key=after.key, after_ordered=after.ordered, max_keys=max_keys
    )
    keys = [Key(row["queue"], row["key"], row["ordered"]) for row in rows]
    moved, _ = await admit_free(connection, keys)
    return moved, keys[-1] if len(keys) == max_keys else FIRST_KEY


FIRST_KEY = Key("", "", False)
