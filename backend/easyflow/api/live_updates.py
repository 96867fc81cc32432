"""Telling browsers what changed, so that they look again: any number of them over one listening connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncpg
from fastapi.sse import ServerSentEvent
from tenacity import AsyncRetrying, RetryCallState, RetryError, retry_if_exception_type, wait_random_exponential

from easyflow.api.errors import TooManyStreams
from easyflow.errors import StorageUnavailable
from easyflow.observability import requests as record
from easyflow.storage.database import Pool
from easyflow.storage.listening import ChangeLine
from easyflow.storage.notifications import QUIET_SECONDS, TOPICS, Topic

MOST_SEATS = 500
LINGER_SECONDS = 5.0
HELLO_SECONDS = 2.0
LOOK_SECONDS = 0.5
CHECK_EVERY_SECONDS = 10.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 5.0
RETRY_MILLISECONDS = 2000

_AWAY = (StorageUnavailable, asyncpg.PostgresError)


@dataclass(slots=True, eq=False)
class Seat:
    """One browser's place: which topics it has yet to hear of. It never holds a topic twice."""

    last_id: str | None
    topics: set[Topic] = field(default_factory=set)
    greeted: bool = False
    polling: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, topics: frozenset[Topic]) -> None:
        """Have it told of these."""
        self.topics |= topics
        self.woken.set()

    def degrade(self) -> None:
        """Have it told to poll."""
        self.polling = True
        self.woken.set()


class LiveUpdates:
    """Listens while somebody looks on, and tells each seat at most once a second what has changed since.

    Ids rise, also over restarts: they begin at the start's time in microseconds. Per topic only the id of its latest
    change is kept, which is enough to say what any id of this listening has missed.
    """

    def __init__(self, url: str, pool: Pool) -> None:
        """Listen at `url`, the address past any pooler; nothing is opened before the first seat is taken."""
        self._url = url
        self._pool = pool
        self._seats: set[Seat] = set()
        self._id = time.time_ns() // 1000
        self._known_since = self._id
        self._changed_at: dict[Topic, int] = {}
        self._degraded = False
        self._settled = asyncio.Event()
        self._closing = asyncio.Event()
        self._left_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    @property
    def seats(self) -> int:
        """How many look on."""
        return len(self._seats)

    @contextmanager
    def seat(self, last_id: str | None) -> Iterator[Seat]:
        """Take a seat for the block; raises TooManyStreams when all are taken."""
        if len(self._seats) >= MOST_SEATS:
            raise TooManyStreams
        taken = Seat(last_id)
        self._seats.add(taken)
        if self._task is None and not self._closing.is_set():
            self._task = asyncio.create_task(self._listen_while_wanted())
        try:
            yield taken
        finally:
            self._seats.discard(taken)
            self._left_at = time.monotonic()

    async def events(self, seat: Seat) -> AsyncIterator[ServerSentEvent]:
        """Yield what a seat is told, until the API stops: `hello` first; from then on no change is kept from it."""
        await _within(HELLO_SECONDS, self._settled, self._closing)
        self._greet(seat)
        yield ServerSentEvent(event="hello", data={"id": str(self._id)}, id=str(self._id), retry=RETRY_MILLISECONDS)
        while True:
            await seat.woken.wait()
            if self._closing.is_set():
                return
            seat.woken.clear()
            if seat.polling:
                seat.polling = False
                yield ServerSentEvent(event="degraded", data={"polling": True})
            if seat.topics:
                topics, seat.topics = sorted(seat.topics), set()
                yield ServerSentEvent(event="changed", data={"topics": topics}, id=str(self._id))
                await _within(QUIET_SECONDS, self._closing)

    def release(self) -> None:
        """Let every seat's stream end, and that of everyone who comes."""
        self._closing.set()
        for seat in self._seats:
            seat.woken.set()

    async def close(self) -> None:
        """Release everyone and stop listening."""
        self.release()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _greet(self, seat: Seat) -> None:
        seat.greeted = True
        if missed := self._missed(seat.last_id):
            seat.add(missed)
        if self._degraded or not self._settled.is_set():
            seat.degrade()
        if self._closing.is_set():
            seat.woken.set()

    def _missed(self, last_id: str | None) -> frozenset[Topic]:
        """Return what changed after an id; all topics when that cannot be known."""
        if last_id is None:
            return frozenset()
        known = int(last_id) if last_id.isdecimal() and len(last_id) < 20 else 0
        if not self._known_since <= known <= self._id:
            return TOPICS
        return frozenset(topic for topic, at in self._changed_at.items() if at > known)

    def _hear(self, topics: frozenset[Topic]) -> None:
        self._id += 1
        self._changed_at |= dict.fromkeys(topics, self._id)
        for seat in self._seats:
            seat.add(topics)

    def _wanted(self) -> bool:
        return bool(self._seats) or time.monotonic() - self._left_at < LINGER_SECONDS

    async def _listen_while_wanted(self) -> None:
        try:
            while self._wanted():
                line = await self._opened()
                self._restored()
                try:
                    await self._hold(line)
                finally:
                    await line.close()
                await _within(FIRST_WAIT_SECONDS, self._closing)  # a line that breaks at once must not make us spin
        except RetryError:
            self._forget()  # nobody looks on any more
        finally:
            self._task = None

    async def _opened(self) -> ChangeLine:
        """Open the line, trying again while somebody looks on; raises RetryError when nobody does."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_AWAY),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            stop=lambda _: not self._wanted(),
            before_sleep=self._not_opened,
        )
        return await retrying(ChangeLine.open, self._url, self._pool, self._hear)

    async def _hold(self, line: ChangeLine) -> None:
        """Return when the line is lost, or when nobody has looked on for some seconds."""
        checked_at = time.monotonic()
        while self._wanted():
            if await _within(LOOK_SECONDS, line.lost):
                self._lost("the connection ended")
                return
            if time.monotonic() - checked_at > CHECK_EVERY_SECONDS:
                try:
                    await line.check()
                except _AWAY as away:
                    self._lost(type(away).__name__)
                    return
                checked_at = time.monotonic()
        self._forget()

    def _not_opened(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._lost(str(error))

    def _lost(self, why: str) -> None:
        """Tell every seat to poll, once for each time the line is lost."""
        if not self._degraded:
            self._degraded = True
            record.live_updates_lost(why)
            for seat in self._seats:
                if seat.greeted:
                    seat.degrade()
        self._settled.set()

    def _restored(self) -> None:
        """Have everyone look again at everything: what changed in between was not heard."""
        if self._degraded:
            record.live_updates_back()
        self._degraded = False
        self._id += 1
        self._known_since = self._id
        self._settled.set()
        for seat in self._seats:
            seat.polling = False
            if seat.greeted:
                seat.add(TOPICS)

    def _forget(self) -> None:
        """Begin anew with the next seat: nothing is heard from here on."""
        self._degraded = False
        self._settled.clear()


async def _within(seconds: float, *events: asyncio.Event) -> bool:
    """Wait for the first of some events; returns False when none came in time."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()
