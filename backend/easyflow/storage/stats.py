"""Everything at a glance: what is in each state, who works, how fast, and why jobs fail; each part bounded."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from easyflow.storage import queues
from easyflow.storage.sql import Connection, statement

COUNTED_AT_MOST = 10_000
QUEUES_SHOWN = 500
CAUSES_SHOWN = 10
# Of a minute with more jobs than this the roll-up tells, which the workers renew every twenty seconds.
COUNTED_NOW = 100_000


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows as the statements of the same names return them; `states` holds OPEN dead letters as well."""

    states: list[asyncpg.Record]
    queues: list[asyncpg.Record]
    workers: asyncpg.Record
    minutes: list[asyncpg.Record]
    causes: list[asyncpg.Record]
    guard: asyncpg.Record | None


async def read(connection: Connection, *, minutes: int, lease_seconds: float) -> Picture:
    """Return what goes on, with the last `minutes` minutes, oldest first; run it inside `lists.picture`.

    A worker that said nothing for `lease_seconds` is silent. Nothing here reads a table from end to end.
    """
    counted = await statement("count_workers").fetchrow(connection, lease_seconds=lease_seconds, most=COUNTED_AT_MOST)
    assert counted is not None
    return Picture(
        await statement("count_states").fetch(connection, most=COUNTED_AT_MOST),
        await queues.list_all(connection, QUEUES_SHOWN),
        counted,
        await statement("read_throughput").fetch(connection, minutes=minutes, most=COUNTED_NOW),
        await statement("read_causes").fetch(connection, most=COUNTED_AT_MOST, max_causes=CAUSES_SHOWN),
        await statement("read_guard").fetchrow(connection),
    )
