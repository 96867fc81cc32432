"""The loop of runs: what is due in them, what is to stop, and who is next for a key; safe in any number of workers."""

from __future__ import annotations

from contextlib import suppress

import asyncpg

from easyflow.storage import admission
from easyflow.storage.database import committed
from easyflow.storage.runs.advance import Advanced
from easyflow.storage.runs.children import rejoin
from easyflow.storage.runs.start import start_queued
from easyflow.storage.runs.stopping import FIRST, stop_jobs
from easyflow.storage.runs.timers import BATCH, ring
from easyflow.storage.sql import Connection, statement


class RunKeeper:
    """Lets runs go on that wait for something other than a job. Nothing is lost when nobody does so for a while."""

    async def run_once(self, connection: Connection) -> list[dict[str, str]]:
        """Look once at everything; returns the queues that got jobs."""
        advanced = await ring(connection)
        advanced.add(await rejoin(connection))
        advanced.add(await self._stopping(connection))
        advanced.add(await self._queued(connection))
        return [{"queue": queue} for queue in sorted(advanced.queues)]

    async def _stopping(self, connection: Connection) -> Advanced:
        advanced, last = Advanced(), FIRST
        while True:
            rows = await statement("find_stopping_runs").fetch(connection, after=last, max_runs=BATCH)
            for row in rows:
                last = row["id"]
                stopped, keys = await stop_jobs(connection, last)
                advanced.add(stopped)
                await admission.admit(connection, keys)
            if len(rows) < BATCH:
                return advanced

    async def _queued(self, connection: Connection) -> Advanced:
        advanced = Advanced()
        for row in await statement("find_free_run_keys").fetch(connection, max_keys=BATCH):
            with suppress(asyncpg.UniqueViolationError):
                async with committed(connection):
                    advanced.add(await start_queued(connection, row["workflow"], row["key"]))
        return advanced
