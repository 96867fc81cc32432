"""Driving statements of several connections step by step, so that a race happens the same way every time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from easyflow.storage.sql import Connection

DEADLINE_SECONDS = 10.0
POLL_SECONDS = 0.001

Result = TypeVar("Result")


class Step(Generic[Result]):
    """Something an actor is doing: finished, or standing behind another connection's lock."""

    def __init__(self, actor: Actor, doing: Coroutine[Any, Any, Result]) -> None:
        self._actor = actor
        self._task = asyncio.create_task(doing)

    @property
    def blocked(self) -> bool:
        """Whether it still waits; look again after `settle`."""
        return not self._task.done()

    async def settle(self) -> None:
        """Wait until it is finished or blocked; fails when neither happens in time."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self._task.done() and not await self._actor.waits():
            assert time.monotonic() < deadline, f"{self._actor.name} neither finished nor blocked"
            await asyncio.wait([self._task], timeout=POLL_SECONDS)

    async def result(self) -> Result:
        """Wait for its end; raises what it raised, and fails when nobody lets it go on in time."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._task


class Actor:
    """One held connection that does one thing at a time."""

    def __init__(self, name: str, connection: Connection, observer: Connection) -> None:
        self.name = name
        self.connection = connection
        self._observer = observer
        self._pid = connection.get_server_pid()

    async def start(self, doing: Coroutine[Any, Any, Result]) -> Step[Result]:
        """Start something on this actor's connection; returns once it is finished or blocked."""
        step = Step(self, doing)
        await step.settle()
        return step

    async def waits(self) -> bool:
        """Whether this connection stands behind another one's lock."""
        blockers = await self._observer.fetchval("select cardinality(pg_blocking_pids($1))", self._pid)
        return bool(blockers)


class Stage:
    """The actors of one test and the connection that watches them."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._observer: Connection | None = None

    async def actor(self, name: str) -> Actor:
        """One more actor; a deadlock among actors is found in 50 ms."""
        if self._observer is None:
            self._observer = await self._connect()
        connection = await self._connect()
        await connection.execute("set deadlock_timeout = '50ms'")
        return Actor(name, connection, self._observer)

    async def actors(self, *names: str) -> list[Actor]:
        """Several actors, in the order of their names."""
        return [await self.actor(name) for name in names]
