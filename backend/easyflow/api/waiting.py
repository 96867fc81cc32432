"""Waiting for jobs to end, for any number of requests with one statement per look and no connection in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID

import asyncpg

from easyflow.domain.states import TERMINAL
from easyflow.errors import StorageUnavailable
from easyflow.storage.database import Pool, acquired
from easyflow.storage.jobs import read_states

FIRST_LOOK_SECONDS = 0.02
LOOK_SECONDS = 0.25


class TerminalWatch:
    """Looks for the end of the jobs that requests wait for: soon after the first begins to wait, then gently."""

    def __init__(self, pool: Pool) -> None:
        """Look over connections of `pool`, one at a time."""
        self._pool = pool
        self._waiting: Counter[UUID] = Counter()
        self._ended: dict[UUID, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None
        self._pause = FIRST_LOOK_SECONDS
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._waiting.total()

    async def until_terminal(self, job_id: UUID, seconds: float) -> None:
        """Return when the job has ended, when `seconds` are over, or when the API stops; never fails."""
        if self._closed:
            return
        ended = self._ended.setdefault(job_id, asyncio.Event())
        self._waiting[job_id] += 1
        self._pause = FIRST_LOOK_SECONDS
        if self._task is None:
            self._task = asyncio.create_task(self._look_while_wanted())
        try:
            async with asyncio.timeout(seconds):
                await ended.wait()
        except TimeoutError:
            return
        finally:
            self._forget(job_id, ended)

    def release(self) -> None:
        """Let everyone go who waits, and everyone who comes."""
        self._closed = True
        for ended in self._ended.values():
            ended.set()

    async def close(self) -> None:
        """Release everyone and stop looking."""
        self.release()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _forget(self, job_id: UUID, ended: asyncio.Event) -> None:
        self._waiting[job_id] -= 1
        if not self._waiting[job_id]:
            del self._waiting[job_id]
            if self._ended.get(job_id) is ended:
                del self._ended[job_id]

    async def _look_while_wanted(self) -> None:
        try:
            while self._ended:
                await asyncio.sleep(self._pause)
                self._pause = min(self._pause * 2, LOOK_SECONDS)
                await self._look()
        finally:
            self._task = None

    async def _look(self) -> None:
        try:
            async with acquired(self._pool) as connection:
                states = await read_states(connection, list(self._ended))
        except (StorageUnavailable, asyncpg.PostgresError):
            return  # it may come back while they wait
        for row in states:
            if row["state"] in TERMINAL and row["job_id"] in self._ended:
                self._ended[row["job_id"]].set()
