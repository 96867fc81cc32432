"""Queues: what is set for them, what waits in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg

from easyflow.storage.sql import Connection, statement

MOST_QUEUES = 10_000
COUNTED_TICKETS = 100_000


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What a claimer must know about the queues it serves."""

    open: tuple[str, ...]
    limited: tuple[str, ...]


async def read_settings(connection: Connection, names: list[str]) -> QueueSettings:
    """Return which of these queues are open, without a limit and with one; paused ones are in neither."""
    rows = {row["name"]: row for row in await statement("read_queue_settings").fetch(connection, names=names)}
    live = [name for name in names if name not in rows or not rows[name]["paused"]]
    limited = tuple(name for name in live if name in rows and rows[name]["concurrency"] is not None)
    return QueueSettings(tuple(name for name in live if name not in limited), limited)


async def ensure(connection: Connection, names: Iterable[str]) -> None:
    """Make sure these queues are listed."""
    await statement("ensure_queues").fetch(connection, names=sorted(set(names)))


async def list_all(connection: Connection, max_queues: int = MOST_QUEUES) -> list[asyncpg.Record]:
    """Return the first queues by name, each with its settings and its counts.

    Where `counts` is capped there are at least so many: about a hundred thousand tickets are counted, shared among
    the queues.
    """
    return await statement("list_queues").fetch(connection, max_queues=max_queues, looks=COUNTED_TICKETS)


async def change(
    connection: Connection,
    name: str,
    *,
    actor: str,
    paused: bool | None = None,
    concurrency: int | None = None,
    concurrency_per_key: int | None = None,
    reason: str | None = None,
    request_id: str | None = None,
) -> asyncpg.Record:
    """Change a queue's settings in the caller's transaction, audited; returns the queue.

    None leaves a setting, `concurrency=0` lifts the limit.
    """
    asked = {"paused": paused, "concurrency": concurrency, "concurrency_per_key": concurrency_per_key}
    row = await statement("set_queue").fetchrow(connection, name=name, **asked)
    assert row is not None
    await statement("record_audit").fetch(
        connection,
        actor=actor,
        act="set queue",
        object_kind="queue",
        object_id=name,
        reason=reason,
        before=None,
        after=json.dumps({word: value for word, value in asked.items() if value is not None}),
        request_id=request_id,
    )
    return row
