"""Waiting for jobs and runs to end: for any number of requests one statement per look, no connection in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg

from easyflow.domain.states import TERMINAL
from easyflow.errors import StorageUnavailable
from easyflow.storage.database import Pool, acquired
from easyflow.storage.jobs import read_states
from easyflow.storage.sql import Connection

FIRST_LOOK_SECONDS = 0.02
LOOK_SECONDS = 0.25


Look = Callable[[Connection, list[UUID]], Awaitable[list[UUID]]]


async def ended_jobs(connection: Connection, job_ids: list[UUID]) -> list[UUID]:
    """Return those of some jobs that have ended."""
    return [row["job_id"] for row in await read_states(connection, job_ids) if row["state"] in TERMINAL]


class TerminalWatch:
    """Looks for the end of what requests wait for: soon after the first begins to wait, then gently."""

    def __init__(self, pool: Pool, look: Look = ended_jobs) -> None:
        """Look over connections of `pool`, one at a time; `look` says which of some ids have ended."""
        self._pool = pool
        self._ended_among = look
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
        """Return when the job, or the run, has ended, when `seconds` are over, or when the API stops; never fails."""
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
                ended = await self._ended_among(connection, list(self._ended))
        except (StorageUnavailable, asyncpg.PostgresError):
            return  # it may come back while they wait
        for each in ended:
            if each in self._ended:
                self._ended[each].set()
