"""The timeline guard at work: a supervisor watches, and executors claim over no connection that was not compared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from easyflow.domain.timeline import Kept, Memory, Place, differences, is_guarded, is_news, remembered
from easyflow.engine.channel import Message
from easyflow.engine.state_folder import StateFolder, from_json, to_json
from easyflow.observability import record
from easyflow.registry import TaskType
from easyflow.storage import timeline
from easyflow.storage.sql import Connection

AGAIN_SECONDS = 0.25
REVIEW_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Standing:
    """What one look came to; guarded tasks may run only while it is `open`, nothing at all on a standby."""

    open: bool
    standby: bool
    memory: Memory | None
    kept: Kept | None
    place: Place
    said: tuple[str, ...] = ()


async def examine(connection: Connection, memory: Memory | None, worker_id: UUID) -> Standing:
    """Compare the server behind a connection with what is remembered; what speaks against it is written down there."""
    view = await timeline.look(connection, memory.witness if memory else worker_id)
    if view.standby:
        return Standing(False, True, memory, view.kept, view.place)
    if view.kept is None:
        await timeline.adopt(connection)
        view = await timeline.look(connection, memory.witness if memory else worker_id)
        assert view.kept is not None
    said = differences(view, memory)
    if said and is_news(view.kept, view, memory):
        epoch = memory.epoch if memory and memory.lineage == view.kept.lineage else view.kept.epoch
        await timeline.trip(connection, view.kept, actor=f"worker:{worker_id}", said=said, epoch=epoch)
    is_open = view.kept.state == "watching" and not said
    known = remembered(view, memory, worker_id, is_open)
    return Standing(is_open, False, known, view.kept, view.place, tuple(said))


class Watch:
    """A supervisor's part: it looks at every turn, leaves its mark, and keeps what it was told in the state folder."""

    def __init__(self, worker_id: UUID, folder: StateFolder, every_seconds: float, ring: Callable[..., None]) -> None:
        """Know nothing yet: guarded tasks wait for the first look. A beat is left every `every_seconds`."""
        self._worker_id = worker_id
        self._folder = folder
        self._every_seconds = every_seconds
        self._ring = ring
        self._beaten_at = float("-inf")
        self._review_at = float("-inf")
        self._open: bool | None = None
        self._blind_said = False
        self._memory: Memory | None = None

    def message(self) -> Message:
        """Tell executors what is remembered, and whether guarded tasks wait."""
        return {"timeline": to_json(self._memory), "paused": not self._open}

    async def turn(self, connection: Connection) -> bool:
        """Look once; returns whether executors must be told. Raises what the connection raises."""
        before = self.message()
        if self._memory is None:
            await self._recall(connection)
        standing = await examine(connection, self._memory, self._worker_id)
        self._memory = standing.memory
        self._say(standing)
        self._open = standing.open
        if standing.open and time.monotonic() - self._beaten_at >= self._every_seconds:
            await self._beat(connection)
        if standing.kept is not None and standing.kept.state == "releasing":
            await self._review(connection)
        return self.message() != before

    async def _review(self, connection: Connection) -> None:
        """Help with a release, and rest as long as it took: it may wait for hours, and reads all that is parked."""
        began = time.monotonic()
        if began >= self._review_at:
            await timeline.review(connection, REVIEW_SECONDS)
            self._review_at = 2 * time.monotonic() - began

    async def _recall(self, connection: Connection) -> None:
        """Take up what an earlier worker on this machine was told of this database."""
        kept = (await timeline.look(connection)).kept
        if kept is not None:
            self._memory = await asyncio.to_thread(self._folder.read, kept.lineage)

    async def _beat(self, connection: Connection) -> None:
        """Leave the next mark; it counts, here and in the folder, once its commit was heard."""
        memory = self._memory
        assert memory is not None
        beats = memory.beats + 1 if memory.witness == self._worker_id else 1
        await timeline.beat(connection, self._worker_id, beats, self._every_seconds)
        self._memory = replace(memory, witness=self._worker_id, beats=beats)
        self._beaten_at = time.monotonic()
        await asyncio.to_thread(self._folder.write, self._memory)

    def _say(self, standing: Standing) -> None:
        if standing.open and standing.place.system_identifier is None and not self._blind_said:
            self._blind_said = True
            record.timeline_blind()
        if standing.open == self._open or standing.standby:
            return
        if not standing.open:
            record.timeline_tripped(self._worker_id, standing.said)
        elif self._open is False:
            record.timeline_released(self._worker_id)
        if self._open is not None or not standing.open:
            self._ring("jobs", "queues", "workers")


class ConnectionGuard:
    """An executor's part: which of its tasks may be claimed over a connection."""

    def __init__(self, worker_id: UUID, tasks: Iterable[TaskType]) -> None:
        """Compare on behalf of this worker; until its supervisor has spoken, guarded tasks wait."""
        known = list(tasks)
        self._worker_id = worker_id
        self._all = sorted(task.name for task in known)
        self._unguarded = sorted(t.name for t in known if not is_guarded(t.effects, t.key_window_seconds))
        self._memory: Memory | None = None
        self._told_paused = True
        self._compared: Connection | None = None
        self._standing: Standing | None = None
        self._looked_at = float("-inf")

    def hear(self, message: dict[str, Any]) -> bool:
        """Take the supervisor's word: what it remembers counts from the next comparison on.

        Returns whether other tasks may be claimed than before.
        """
        told = from_json(message["timeline"])
        own = self._memory
        if told is not None and own is not None and (told.lineage, told.epoch) == (own.lineage, own.epoch):
            told = replace(told, counter=max(filter(None, (told.counter, own.counter)), default=None))
        self._memory = told or own
        changed: bool = message["paused"] != self._told_paused
        if changed:
            self._told_paused = message["paused"]
            self._compared = None
        return changed

    async def allowed(self, connection: Connection) -> list[str]:
        """Return the tasks that may be claimed over this connection; compares first when it was never compared."""
        standing = self._standing
        if standing is None or connection is not self._compared or self._is_old(standing):
            standing = self._standing = await examine(connection, self._memory, self._worker_id)
            self._memory, self._compared, self._looked_at = standing.memory, connection, time.monotonic()
        if standing.standby:
            return []
        return self._all if standing.open and not self._told_paused else self._unguarded

    def _is_old(self, standing: Standing) -> bool:
        return not standing.open and time.monotonic() - self._looked_at > AGAIN_SECONDS
