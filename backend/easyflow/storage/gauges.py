"""What monitoring asks of the database: a few counts, in bounded time and for a bounded number of queues."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from easyflow.storage.sql import Connection, statement


@dataclass(frozen=True, slots=True)
class Gauges:
    """Counts of one moment; `queues` and `doubts` are rows of read_queue_gauges.sql and read_doubt_gauges.sql."""

    queues: list[asyncpg.Record]
    doubts: list[asyncpg.Record]
    dead_letters_open: int
    workers: int
    executors: int
    unsafe_paused: bool


async def read(connection: Connection, *, max_queues: int, seconds: float) -> Gauges:
    """Count everything, the fullest `max_queues` queues by name and the rest in one row without a name.

    As many pairs of queue and task with jobs in doubt are told apart, and the rest is one row too.

    Raises asyncpg.QueryCanceledError when a count takes longer than `seconds`.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("select set_config('statement_timeout', $1, true)", str(int(seconds * 1000)))
        queues = await statement("read_queue_gauges").fetch(connection, max_queues=max_queues)
        doubts = await statement("read_doubt_gauges").fetch(connection, max_pairs=max_queues)
        fleet = await statement("read_fleet_gauges").fetchrow(connection)
    assert fleet is not None
    return Gauges(
        queues, doubts, fleet["dead_letters_open"], fleet["workers"], fleet["executors"], fleet["unsafe_paused"]
    )
