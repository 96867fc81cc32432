"""What monitoring asks of the database: a few counts, in bounded time and for a bounded number of queues."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from easyflow.storage.sql import Connection, statement


@dataclass(frozen=True, slots=True)
class Gauges:
    """Counts of one moment; `queues` are rows of queue, ready, running, parked, oldest_ready_seconds."""

    queues: list[asyncpg.Record]
    dead_letters_open: int
    workers: int
    executors: int


async def read(connection: Connection, *, max_queues: int, seconds: float) -> Gauges:
    """Count everything, the fullest `max_queues` queues by name and the rest in one row without a name.

    Raises asyncpg.QueryCanceledError when a count takes longer than `seconds`.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("select set_config('statement_timeout', $1, true)", str(int(seconds * 1000)))
        queues = await statement("read_queue_gauges").fetch(connection, max_queues=max_queues)
        fleet = await statement("read_fleet_gauges").fetchrow(connection)
    assert fleet is not None
    return Gauges(queues, fleet["dead_letters_open"], fleet["workers"], fleet["executors"])
