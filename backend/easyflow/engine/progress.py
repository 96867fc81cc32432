"""Storing what running handlers say about their progress: the last word of each second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import asyncpg

from easyflow.engine.attempt import Attempt
from easyflow.engine.connection import LOST, HeldConnection
from easyflow.engine.faults import storable
from easyflow.observability import record
from easyflow.storage.sql import statement

EVERY_SECONDS = 1.0
NOTE_CHARS = 1000
LARGEST = 2**63 - 1


class ProgressWriter:
    """Looks at running attempts each second; opens its connection only when one has something to say."""

    def __init__(
        self, url: str, running: Callable[[], Iterable[Attempt]], ring: Callable[..., None] = lambda *topics: None
    ) -> None:
        """Write about what `running` returns, and `ring` for it."""
        self._connection = HeldConnection(url, "easyflow progress")
        self._running = running
        self._ring = ring

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.run_once()
            except LOST as gone:
                record.database_lost("progress", type(gone).__name__)
            except asyncpg.PostgresError as failed:
                record.loop_failed("progress", failed)

    async def run_once(self) -> int:
        """Store the new words of all running attempts; returns how many there were."""
        said = [
            (attempt, context._progress)
            for attempt in self._running()
            if (context := attempt.context) is not None and context._progress is not None
        ]
        if not said:
            return 0
        for attempt, _ in said:
            assert attempt.context is not None
            attempt.context._progress = None
        notes = [None if progress.note is None else storable(str(progress.note), NOTE_CHARS) for _, progress in said]
        async with self._connection.lent() as connection:
            await statement("record_progress").fetch(
                connection,
                job_ids=[attempt.row["job_id"] for attempt, _ in said],
                claim_tokens=[attempt.row["claim_token"] for attempt, _ in said],
                done=[_whole(progress.done) for _, progress in said],
                totals=[None if progress.total is None else _whole(progress.total) for _, progress in said],
                notes=notes,
            )
        self._ring("jobs")
        return len(said)


def _whole(count: float) -> int:
    """Bring a count into what the column holds: one odd number must not silence the other jobs."""
    try:
        return min(max(int(count), -LARGEST), LARGEST)
    except (TypeError, ValueError, OverflowError):
        return 0
