"""Recording how attempts ended: in batches, under each claim's token, and never given up while the process lives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg

from easyflow.domain.outcome import Failed, Fault
from easyflow.engine.connection import LOST, HeldConnection
from easyflow.engine.faults import storable
from easyflow.engine.marks import Marks
from easyflow.observability import record
from easyflow.storage.admission import Key, admit, keys_of
from easyflow.storage.leases import Ending, Writer, by_kind
from easyflow.storage.sql import Connection

BATCH = 500
GATHER_SECONDS = 0.001
REFUSED_WAIT_SECONDS = 0.5
# What is wrong with the values themselves: by class 22, 23 and 54 of SQLSTATE.
UNSTORABLE = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)


class Finisher:
    """Takes endings from attempts and writes them, oldest first.

    A database that is away is waited for: the endings stay in memory, and the fence decides when it is back whether
    they still count. A mark is cleared only when its ending is recorded.
    """

    def __init__(
        self,
        connection: HeldConnection,
        executor_id: UUID,
        marks: Marks,
        on_admitted: Callable[[], None],
        on_recorded: Callable[[], None],
        on_failed: Callable[[], None],
    ) -> None:
        """Write over `connection`; tell when a finish let other jobs of a key go, a batch is recorded, a job FAILED."""
        self._connection = connection
        self._executor_id = executor_id
        self._marks = marks
        self._on_admitted = on_admitted
        self._on_recorded = on_recorded
        self._on_failed = on_failed
        self._waiting: deque[tuple[Ending, int | None]] = deque()
        self._keys: set[Key] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, ending: Ending, slot: int | None) -> None:
        """Have an ending recorded shortly; `slot` is its started mark, if it had one."""
        if slot is not None:
            self._marks.over(slot)
        self._waiting.append((ending, slot))
        self._idle.clear()
        self._wake.set()

    def admit_soon(self, keys: set[Key]) -> None:
        """Have keys admitted whose job a transactional attempt has just completed itself."""
        if keys:
            self._keys |= keys
            self._idle.clear()
            self._wake.set()

    @property
    def waiting(self) -> int:
        """How many endings are not recorded yet."""
        return len(self._waiting)

    async def drained(self) -> None:
        """Wait until everything added so far is recorded."""
        await self._idle.wait()

    async def run(self) -> None:
        """Record endings until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            while self._waiting or self._keys:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                for write, endings in by_kind([ending for ending, _ in batch]):
                    await self._record(write, endings)
                for _, slot in batch:
                    if slot is not None:
                        self._marks.end(slot)
                await self._admit()
                self._on_recorded()
            if not self._wake.is_set():
                self._idle.set()

    async def _record(self, write: Writer, endings: Sequence[Ending]) -> None:
        try:
            accepted = await self._try(write, endings)
        except asyncpg.PostgresError as refused:
            await self._isolate(write, endings, refused)
            return
        self._keys |= keys_of(accepted)
        if accepted and isinstance(endings[0].outcome, Failed):
            self._on_failed()
        if len(accepted) < len(endings):
            known = {row["job_id"] for row in accepted}
            for ending in endings:
                if ending.job_id not in known:
                    record.finish_rejected(ending.job_id, ending.lease_no, type(ending.outcome).__name__)

    async def _try(self, write: Writer, endings: Sequence[Ending]) -> list[asyncpg.Record]:
        while True:
            connection: Connection = await self._connection.get()
            try:
                return await write(connection, self._executor_id, endings)
            except UNSTORABLE:
                raise
            except LOST as gone:
                record.database_lost("finish", type(gone).__name__)
                self._connection.drop()
            except (asyncpg.PostgresError, asyncpg.InternalClientError) as refused:
                # A full disk, a deadlock, a standby: nothing the endings could help, so they are kept and said again.
                record.loop_failed("finish", refused)
                self._connection.drop()
                await asyncio.sleep(REFUSED_WAIT_SECONDS)

    async def _isolate(self, write: Writer, endings: Sequence[Ending], refused: asyncpg.PostgresError) -> None:
        """Halve a batch that PostgreSQL refuses, until the culprit stands alone; it ends FAILED with a stub."""
        if len(endings) > 1:
            middle = len(endings) // 2
            await self._record(write, endings[:middle])
            await self._record(write, endings[middle:])
            return
        (culprit,) = endings
        why = storable(f"{type(refused).__name__}: {refused}", 1000)
        record.ending_unstorable(culprit.job_id, why)
        if not isinstance(culprit.outcome, Failed) or culprit.outcome.fault.type != "Unstorable":
            culprit.outcome = Failed("result cannot be stored", Fault("Unstorable", why))
            for again, one in by_kind([culprit]):
                await self._record(again, one)

    async def _admit(self) -> None:
        keys, self._keys = self._keys, set()
        if not keys:
            return
        try:
            if await admit(await self._connection.get(), keys):
                self._on_admitted()
        except LOST as gone:
            record.database_lost("admission", type(gone).__name__)
            self._connection.drop()
        except asyncpg.PostgresError as failed:
            record.loop_failed("admission", failed)
