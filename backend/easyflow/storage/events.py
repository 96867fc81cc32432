"""What happened to one job: its submit, its attempts, and the rare acts that are kept as events."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import asyncpg

from easyflow.errors import Missing
from easyflow.storage.composing import Total
from easyflow.storage.sql import Connection, statement


class History(NamedTuple):
    """Some events, oldest first, and how many there are."""

    rows: list[asyncpg.Record]
    total: Total


async def read(connection: Connection, job_id: UUID, max_events: int) -> History:
    """Return the latest events of a job: at, kind, actor, reason, detail (JSON text); raises Missing.

    A running attempt is told by its claim. The total is capped when the job has more events than asked for.
    """
    rows = await statement("read_events").fetch(connection, job_id=job_id, max_events=max_events + 1)
    if not rows:
        raise Missing(f"there is no job {job_id}")
    shown = rows[:max_events][::-1]
    return History(shown, Total(len(shown), "exact" if len(rows) <= max_events else "capped"))
