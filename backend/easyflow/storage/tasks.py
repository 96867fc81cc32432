"""Registered tasks: what workers announced that they can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from easyflow.storage.sql import Connection, statement


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task as the database keeps it; schemas are JSON text."""

    name: str
    effects: str
    queue: str
    max_attempts: int
    timeout_seconds: float
    isolation: str
    code_digest: str
    description: str
    payload_schema: str
    result_schema: str | None
    key_window_seconds: float | None = None


async def register(connection: Connection, tasks: Sequence[TaskRow]) -> None:
    """Announce tasks; the last announcement of a name counts."""
    await statement("register_tasks").fetch(
        connection,
        names=[t.name for t in tasks],
        effects=[t.effects for t in tasks],
        queues=[t.queue for t in tasks],
        max_attempts=[t.max_attempts for t in tasks],
        timeouts=[t.timeout_seconds for t in tasks],
        isolations=[t.isolation for t in tasks],
        code_digests=[t.code_digest for t in tasks],
        descriptions=[t.description for t in tasks],
        payload_schemas=[t.payload_schema for t in tasks],
        result_schemas=[t.result_schema for t in tasks],
        key_windows=[t.key_window_seconds for t in tasks],
    )


async def read(connection: Connection, names: list[str] | None = None) -> list[asyncpg.Record]:
    """Return registered tasks by name; all of them without `names`."""
    return await statement("read_tasks").fetch(connection, names=names)
