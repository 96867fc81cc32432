"""What stands around the data: the server's settings, what housekeeping left, who pins old snapshots."""

from __future__ import annotations

import asyncpg

from easyflow.storage.sql import Connection, statement


async def read_server(connection: Connection) -> asyncpg.Record:
    """Return the server's version and settings as this user's sessions have them; works without EasyFlow's schema."""
    row = await statement("read_server").fetchrow(connection)
    assert row is not None
    return row


async def read_upkeep(connection: Connection) -> asyncpg.Record:
    """Return days of partitions ahead, the instant of a stopped clock, and how many workers and executors live."""
    row = await statement("read_upkeep").fetchrow(connection)
    assert row is not None
    return row


async def old_transactions(connection: Connection, older_than_seconds: float) -> list[asyncpg.Record]:
    """Return transactions of this database open for longer, oldest first; they keep dead rows in the tables."""
    return await statement("find_old_transactions").fetch(connection, older_than_seconds=older_than_seconds)
