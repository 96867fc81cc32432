"""Claiming: batches from the queues this executor serves, no more than it can soon start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg

from easyflow.engine.connection import LOST, HeldConnection
from easyflow.failpoints import Point, exchange, reach
from easyflow.observability import record
from easyflow.storage.claims import claim, claim_limited, hand_back_claims
from easyflow.storage.queues import QueueSettings
from easyflow.storage.sql import Connection
from easyflow.storage.streams import Rescan, Streams

MOST_PER_CLAIM = 500
PREFETCH_SECONDS = 0.05
RESCAN_SHARE = 0.05
RESCAN_EVERY_SECONDS = 1.0
UNHEARD_EVERY_SECONDS = 1.0
UNHEARD_SECONDS = 60.0
GIVE_UP_SECONDS = 2.0


class Pace:
    """How many jobs a second end here, smoothed; it sets how many are worth claiming ahead.

    Ends count and not starts: many may start at once and then stay for an hour.
    """

    def __init__(self) -> None:
        """Begin with nothing known: claim only for free slots."""
        self._ended = 0
        self._since = time.monotonic()
        self._rate = 0.0

    def end(self) -> None:
        """Count one end: room for the next."""
        self._ended += 1

    def prefetch(self) -> int:
        """Return how many jobs start within 50 ms at the measured pace.

        More would hoard slow jobs and let them overtake urgent ones that arrive later.
        """
        now = time.monotonic()
        elapsed = now - self._since
        if elapsed > PREFETCH_SECONDS:
            self._rate += (self._ended / elapsed - self._rate) * (1 - 0.5 ** (elapsed / PREFETCH_SECONDS))
            self._ended, self._since = 0, now
        return min(int(self._rate * PREFETCH_SECONDS), 2 * MOST_PER_CLAIM)


@dataclass(slots=True)
class Room:
    """What the executor can take: free slots, and jobs it already has beyond the running ones."""

    free: int
    waiting: int


@dataclass(slots=True)
class Claimer:
    """The claim loop of one executor."""

    connection: HeldConnection
    executor_id: UUID
    allowed: Callable[[Connection], Awaitable[list[str]]]
    room: Callable[[], Room]
    accept: Callable[[list[asyncpg.Record]], None]
    poll_seconds: float
    executors: int
    queues: QueueSettings = field(default_factory=lambda: QueueSettings((), ()))
    pace: Pace = field(default_factory=Pace)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    freed: asyncio.Event = field(default_factory=asyncio.Event)
    _streams: Streams = field(default_factory=Streams)
    _rescan: Rescan = field(init=False)
    _rescanned_at: float = 0.0
    _turn: int = 0
    _stopping: bool = False
    _unheard: dict[UUID, float] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)
    _looked_at: float = float("-inf")

    def __post_init__(self) -> None:
        """Share the time allowed for rescans with the worker's other executors."""
        self._rescan = Rescan(RESCAN_SHARE / self.executors)

    async def run(self) -> None:
        """Claim until stopped: as soon as there is room, and at least once each poll interval."""
        while not self._stopping:
            # Cleared before looking: a call that comes while we look must not be lost.
            self.freed.clear()
            self.arrived.clear()
            wanted = self._wanted()
            if wanted <= 0:
                await self._wait(self.freed)
                continue
            try:
                async with self.connection.lent() as connection:
                    short = await self._turn_once(connection, wanted)
            except LOST as gone:
                record.database_lost("claim", type(gone).__name__)
                self._streams.forget()
                self._looked_at = float("-inf")
                continue
            except asyncpg.PostgresError as failed:
                record.loop_failed("claim", failed)
                short = True
            if short:
                await reach(Point.P0)
                await self._wait(self.arrived)

    def stop(self) -> None:
        """Claim no more; `run` returns when a claim that is under way has been heard."""
        self._stopping = True
        self.arrived.set()
        self.freed.set()

    def settle(self) -> None:
        """Wake the loop when there is room worth a claim."""
        if self._wanted() > 0:
            self.freed.set()

    def _wanted(self) -> int:
        """Return how many jobs to ask for: none while what was claimed ahead is still more than half there."""
        room = self.room()
        prefetch = self.pace.prefetch()
        missing = room.free + prefetch - room.waiting
        return 0 if missing <= prefetch // 2 else min(missing, MOST_PER_CLAIM)

    def awaits(self, claim_id: UUID) -> bool:
        """Say whether the reply to a claim is still to come, or its jobs are already being looked for."""
        return claim_id in self._unheard

    async def give_up(self) -> None:
        """Hand back what claims took whose replies have not come; for when `run` has ended."""
        if not self._unheard:
            return
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS), self.connection.lent() as connection:
                self._looked_at = float("-inf")
                await self._hand_back_unheard(connection)
        except (*LOST, asyncpg.PostgresError) as gone:
            record.database_lost("claim", type(gone).__name__)

    async def _turn_once(self, connection: Connection, wanted: int) -> bool:
        """Claim once from all queues; returns whether less was there than wanted."""
        if self._unheard:
            await self._hand_back_unheard(connection)
        queues = self._rotated(self.queues.open)
        got = await self._claim_open(queues, wanted) if queues else 0
        for queue in self._rotated(self.queues.limited):
            free = min(self.room().free - self.room().waiting, MOST_PER_CLAIM)
            if free > 0:
                await self._claim_limited_unless_held(queue, free)
        return got < wanted

    async def _hand_back_unheard(self, connection: Connection) -> None:
        """Hand back what claims took whose replies were lost.

        Such a claim may still run when its connection is gone, and commit later: it is looked for more than once.
        """
        now = time.monotonic()
        if now - self._looked_at < UNHEARD_EVERY_SECONDS:
            return
        self._looked_at = now
        lost = await hand_back_claims(connection, self.executor_id, list(self._unheard))
        if lost:
            record.claim_handed_back(self.executor_id, lost)
        self._unheard = {claim: at for claim, at in self._unheard.items() if now - at < UNHEARD_SECONDS}

    async def _claim_open(self, queues: list[str], wanted: int) -> int:
        now = time.monotonic()
        if now - self._rescanned_at > RESCAN_EVERY_SECONDS and self._rescan.due(now):
            return await self._rescan_queues(queues, wanted)
        got = await self._claim(queues, wanted)
        if got < wanted and self._rescan.due(time.monotonic()):
            got += await self._rescan_queues(queues, wanted - got)
        return got

    async def _rescan_queues(self, queues: list[str], wanted: int) -> int:
        """Claim from the front: find tickets whose transactions committed behind the cursors."""
        began = time.monotonic()
        self._streams.forget()
        got = await self._claim(queues, wanted)
        self._rescanned_at = time.monotonic()
        self._rescan.took(self._rescanned_at, self._rescanned_at - began)
        return got

    async def _claim(self, queues: list[str], wanted: int) -> int:
        connection = await self.connection.get()
        tasks = await self.allowed(connection)
        if not tasks:
            return 0
        claim_id = uuid4()
        self._unheard[claim_id] = time.monotonic()
        taking = claim(
            connection,
            executor_id=self.executor_id,
            claim_id=claim_id,
            tasks=tasks,
            max_jobs=wanted,
            intervals=self._streams.intervals(queues),
        )
        rows = await exchange(Point.P1, Point.P2, taking, connection)
        self._heard(claim_id, rows)
        self._streams.advance(rows)
        return len(rows)

    async def _claim_limited_unless_held(self, queue: str, wanted: int) -> None:
        """Claim from a limited queue; while someone holds its row, only look, or every other queue would wait too."""
        try:
            await self._claim_limited(queue, wanted)
            self._held.discard(queue)
        except asyncpg.LockNotAvailableError as refused:
            if queue not in self._held:
                record.loop_failed("claim", refused)
            self._held.add(queue)

    async def _claim_limited(self, queue: str, wanted: int) -> None:
        connection = await self.connection.get()
        tasks = await self.allowed(connection)
        if not tasks:
            return
        claim_id = uuid4()
        self._unheard[claim_id] = time.monotonic()
        taking = claim_limited(
            connection,
            executor_id=self.executor_id,
            claim_id=claim_id,
            tasks=tasks,
            max_jobs=wanted,
            queue=queue,
            intervals=Streams().intervals([queue]),
            wait=queue not in self._held,
        )
        try:
            rows = await exchange(Point.P1, Point.P2, taking, connection)
        except asyncpg.LockNotAvailableError:
            self._heard(claim_id, [])
            raise
        self._heard(claim_id, rows)

    def _heard(self, claim_id: UUID, rows: list[asyncpg.Record]) -> None:
        """Forget a claim's id once its reply is here: the jobs are known by their tokens now."""
        del self._unheard[claim_id]
        if rows:
            self.accept(rows)

    def _rotated(self, queues: tuple[str, ...]) -> list[str]:
        """Begin each time with another queue: the first names of a claim win."""
        if not queues:
            return []
        self._turn += 1
        start = self._turn % len(queues)
        return [*queues[start:], *queues[:start]]

    async def _wait(self, event: asyncio.Event) -> None:
        if self._stopping:
            return
        try:
            async with asyncio.timeout(self.poll_seconds):
                await event.wait()
        except TimeoutError:
            return
