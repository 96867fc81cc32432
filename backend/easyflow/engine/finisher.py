"""Recording how attempts ended: in batches, under each claim's token, and never given up while the process lives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain.outcome import Failed, Fault, Outcome
from easyflow.domain.states import State
from easyflow.engine.connection import LOST, REFUSED_WAIT_SECONDS, UNSTORABLE, HeldConnection
from easyflow.engine.faults import storable
from easyflow.engine.marks import Marks
from easyflow.failpoints import Point, exchange, reach
from easyflow.observability import record
from easyflow.storage.admission import Key, admit, admit_free, keys_of
from easyflow.storage.endings import held_by_others, read_back
from easyflow.storage.leases import Ending, Writer, by_kind
from easyflow.storage.notifications import notify_ready
from easyflow.storage.sql import Connection

BATCH = 500
GATHER_SECONDS = 0.001
HELD_WAIT_SECONDS = 0.25

Ask = Callable[[Connection], Coroutine[Any, Any, list[asyncpg.Record]]]


class Finisher:
    """Takes endings from attempts and writes them, oldest first.

    A database that is away is waited for: the endings stay in memory, and the fence decides when it is back whether
    they still count. What was sent and not answered is sent again under its token; when that is refused, it is read
    back whether the first was recorded. A lease that someone else has locked waits aside, alone. A mark is cleared
    only when its ending is recorded.
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
        self._batch: list[tuple[Ending, int | None]] = []
        self._aside: list[tuple[Ending, int | None]] = []
        self._held: set[UUID] = set()
        self._unheard: dict[UUID, set[type[Outcome]]] = {}
        self._keys: set[Key] = set()
        self._held_keys: set[Key] = set()
        self._queues: set[str] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, ending: Ending, slot: int | None, unheard: type[Outcome] | None = None) -> None:
        """Have an ending recorded shortly; `slot` is its started mark, if it had one.

        `unheard` is the kind of ending that the attempt itself has sent before and that may have been committed.
        """
        if unheard is not None:
            self._unheard[ending.claim_token] = {unheard}
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
        return len(self._waiting) + len(self._aside)

    def tokens(self) -> set[UUID]:
        """Return the claim tokens of all endings that are not recorded yet."""
        return {ending.claim_token for ending, _ in (*self._waiting, *self._batch, *self._aside)}

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
                await self._record_batch()
                await self._admit()
                await self._wake_others()
                self._on_recorded()
            if not self._wake.is_set() and not self._aside:
                self._idle.set()

    async def _record_batch(self) -> None:
        self._batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        for write, endings in by_kind([ending for ending, _ in self._batch], self._queues.update):
            await self._record(write, endings)
        batch, self._batch = self._batch, []
        for ending, slot in batch:
            if ending.claim_token in self._held:
                self._set_aside(ending, slot)
            elif slot is not None:
                self._marks.end(slot)

    async def _record(self, write: Writer, endings: Sequence[Ending]) -> None:
        """Record what can be recorded; a lease that someone holds waits aside, and nobody with it."""
        if any(ending.claim_token in self._held for ending in endings):
            endings = await self._free(endings)
        while endings:
            try:
                accepted = await self._insist(partial(_send, write, self._executor_id, endings), endings)
            except asyncpg.LockNotAvailableError as refused:
                sent, endings = endings, await self._free(endings)
                if len(endings) == len(sent):  # it is none of their leases: a whole table, or it is free again
                    record.loop_failed("finish", refused)
                    await asyncio.sleep(REFUSED_WAIT_SECONDS)
                continue
            except asyncpg.PostgresError as refused:
                await self._isolate(write, endings, refused)
                return
            await self._judge(endings, accepted)
            return

    async def _judge(self, endings: Sequence[Ending], accepted: list[asyncpg.Record]) -> None:
        """Act on the database's answer; what it refuses may have been recorded by a write before, unheard."""
        known = {row["job_id"] for row in accepted}
        refused = [ending for ending in endings if ending.job_id not in known]
        unheard = [ending for ending in refused if ending.claim_token in self._unheard]
        if unheard:
            accepted = accepted + await self._insist(
                partial(read_back, executor_id=self._executor_id, endings=unheard, sent=self._unheard)
            )
            known = {row["job_id"] for row in accepted}
        for ending in endings:
            self._unheard.pop(ending.claim_token, None)
        self._keys |= keys_of(accepted)
        if any(row["state"] == State.FAILED for row in accepted):
            self._on_failed()
        for ending in refused:
            if ending.job_id not in known:
                record.finish_rejected(ending.job_id, ending.lease_no, type(ending.outcome).__name__)

    async def _insist(self, ask: Ask, sent: Sequence[Ending] = ()) -> list[asyncpg.Record]:
        """Ask until there is an answer; what is `sent` is noted as unheard when there was none.

        Raises what PostgreSQL says about the values themselves, and LockNotAvailableError.
        """
        while True:
            try:
                async with self._connection.lent() as connection:
                    await reach(Point.P8, sent, connection)
                    return await exchange(Point.P9, Point.P10, ask(connection), connection, sent)
            except (*UNSTORABLE, asyncpg.LockNotAvailableError):
                raise
            except LOST as gone:
                record.database_lost("finish", type(gone).__name__)
                for ending in sent:
                    self._unheard.setdefault(ending.claim_token, set()).add(type(ending.outcome))
            except asyncpg.PostgresError as refused:
                # A full disk, a deadlock, a standby: nothing the endings could help, so they are kept and said again.
                record.loop_failed("finish", refused)
                self._connection.drop()
                await asyncio.sleep(REFUSED_WAIT_SECONDS)

    async def _free(self, endings: Sequence[Ending]) -> list[Ending]:
        """Return the endings whose leases nobody holds, and remember the others."""
        held = {row["claim_token"] for row in await self._insist(partial(held_by_others, endings=endings))}
        self._held = (self._held - {ending.claim_token for ending in endings}) | held
        return [ending for ending in endings if ending.claim_token not in held]

    def _set_aside(self, ending: Ending, slot: int | None) -> None:
        if not self._aside:
            asyncio.get_running_loop().call_later(HELD_WAIT_SECONDS, self._look_again)
        self._aside.append((ending, slot))

    def _look_again(self) -> None:
        self._waiting.extend(self._aside)
        self._aside = []
        self._wake.set()

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
            for again, one in by_kind([culprit], self._queues.update):
                await self._record(again, one)

    async def _admit(self) -> None:
        """Let the next jobs of each key go. A key whose row someone holds is left to the sweep, and not waited for."""
        keys, self._keys = self._keys, set()
        if not keys:
            return
        moved: list[asyncpg.Record] = []
        try:
            async with self._connection.lent() as connection:
                try:
                    moved = await admit(connection, keys - self._held_keys)
                except asyncpg.LockNotAvailableError:
                    self._held_keys |= keys
                moved += await self._admit_free(connection, keys & self._held_keys)
        except LOST as gone:
            record.database_lost("admission", type(gone).__name__)
            self._keys |= keys  # it counts, so that it may as well happen twice
        except asyncpg.PostgresError as failed:
            record.loop_failed("admission", failed)
        if moved:
            self._on_admitted()

    async def _wake_others(self) -> None:
        """Say which queues got jobs, as runs went on: here at once, elsewhere by a call that nothing depends on."""
        queues, self._queues = self._queues, set()
        if not queues:
            return
        self._on_admitted()
        try:
            async with self._connection.lent() as connection:
                await notify_ready(connection, queues)
        except LOST as gone:
            record.database_lost("finish", type(gone).__name__)

    async def _admit_free(self, connection: Connection, keys: set[Key]) -> list[asyncpg.Record]:
        if not keys:
            return []
        moved, held = await admit_free(connection, keys)
        self._held_keys = (self._held_keys - keys) | held
        return moved


def _send(
    write: Writer, executor_id: UUID, endings: Sequence[Ending], connection: Connection
) -> Coroutine[Any, Any, list[asyncpg.Record]]:
    return write(connection, executor_id, endings)
