"""Wake-up calls between processes. Nothing depends on one arriving: polling is the floor.

NOTIFY takes a database-wide lock at commit, so it is sent outside the submitting transaction, and at most once per
queue in a few milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal, get_args

import asyncpg

from easyflow.errors import StorageUnavailable
from easyflow.storage.database import Pool, acquired
from easyflow.storage.sql import Connection

READY = "easyflow_ready"
CONTROL = "easyflow_control"
CHANGED = "easyflow_changed"
DEBOUNCE_SECONDS = 0.003
GATHER_SECONDS = 0.02
QUIET_SECONDS = 1.0

Topic = Literal["jobs", "dead-letters", "queues", "workers", "runs"]
TOPICS: frozenset[Topic] = frozenset(get_args(Topic))


async def notify_ready(connection: Connection, queues: Iterable[str]) -> None:
    """Tell workers that these queues have something; call it after the commit."""
    for queue in sorted(set(queues)):
        await connection.execute("select pg_notify($1, $2)", READY, queue)


async def notify_control(connection: Connection) -> None:
    """Tell workers that a queue's settings or a job's cancel flag changed; call it after the commit."""
    await connection.execute("select pg_notify($1, '')", CONTROL)


async def notify_changed(connection: Connection, *topics: Topic) -> None:
    """Tell who looks on (the dashboard) what changed, in one call; call it after the commit."""
    await connection.execute("select pg_notify($1, $2)", CHANGED, ",".join(sorted(topics)))


def topics_in(payload: object) -> frozenset[Topic]:
    """Return the topics a notice names; words of another release are left out."""
    named = set(str(payload).split(","))
    return frozenset(topic for topic in TOPICS if topic in named)


class ReadyBell:
    """Rings for queues on behalf of many requests: one NOTIFY per queue and few milliseconds."""

    def __init__(self, pool: Pool) -> None:
        """Ring over connections of `pool`."""
        self._pool = pool
        self._waiting: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def ring(self, queues: Iterable[str]) -> None:
        """Have workers woken for these queues shortly; returns at once and never fails."""
        self._waiting.update(queues)
        if self._task is None and self._waiting:
            self._task = asyncio.get_running_loop().create_task(self._send())

    async def close(self) -> None:
        """Send what still waits."""
        if self._task:
            await self._task

    async def _send(self) -> None:
        try:
            while self._waiting:
                queues, self._waiting = self._waiting, set()
                async with acquired(self._pool) as connection:
                    await notify_ready(connection, queues)
                # After it: the first is heard at once, what follows rings together.
                await asyncio.sleep(DEBOUNCE_SECONDS)
        except StorageUnavailable:
            self._waiting.clear()
        finally:
            self._task = None


class ChangeBell:
    """Says what changed at most once a second, however often it is rung: first after 20 ms, then with what came since.

    Whoever rings never waits and never fails; while the database is away, topics gather or are dropped.
    """

    def __init__(
        self, send: Callable[[frozenset[Topic]], Awaitable[None]], quiet_seconds: float = QUIET_SECONDS
    ) -> None:
        """Say it by `send`, one call at a time and in nobody's transaction; then be quiet for so long."""
        self._send = send
        self._quiet_seconds = quiet_seconds
        self._waiting: set[Topic] = set()
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def ring(self, *topics: Topic) -> None:
        """Have these topics told shortly; returns at once."""
        self._waiting.update(topics)
        if self._task is None and not self._closing.is_set():
            self._task = asyncio.get_running_loop().create_task(self._say())

    async def close(self) -> None:
        """Say now what still waits; what is rung later is dropped."""
        self._closing.set()
        if self._task:
            await self._task

    async def _say(self) -> None:
        try:
            while self._waiting:
                await self._pause(GATHER_SECONDS)
                topics, self._waiting = frozenset(self._waiting), set()
                await self._send(topics)
                await self._pause(self._quiet_seconds)
        except (StorageUnavailable, asyncpg.PostgresError):
            self._waiting.clear()
        finally:
            self._task = None

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return


def bell_over(pool: Pool) -> ChangeBell:
    """Make a bell that sends over connections of `pool`."""

    async def send(topics: frozenset[Topic]) -> None:
        async with acquired(pool) as connection:
            await notify_changed(connection, *topics)

    return ChangeBell(send)
