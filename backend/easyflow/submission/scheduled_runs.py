"""How a schedule starts its workflow: in the newest version at the slot, and with what is told behind the commit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from easyflow.errors import Conflict, Missing
from easyflow.storage.runs import acts
from easyflow.storage.runs.advance import Advanced
from easyflow.storage.runs.inserting import NewRun
from easyflow.storage.runs.start import start
from easyflow.storage.sql import Connection
from easyflow.storage.workflows import DEFINITIONS, read_version


class ScheduledRuns:
    """The runs of one tick. What they cancel, the loop of runs stops behind the commit."""

    def __init__(self) -> None:
        """Begin with none."""
        self._advanced = Advanced()

    async def start(
        self,
        connection: Connection,
        workflow: str,
        input: Any,
        /,
        *,
        tags: Sequence[str],
        schedule: str,
        slot: datetime,
    ) -> UUID:
        """Start a run, and cancel the one that its key replaces; raises as `storage.slots.Start` says."""
        row = await read_version(connection, workflow)
        definition = await DEFINITIONS.get(connection, row["name"], row["version"], row["digest"])
        new = NewRun(definition, row["version"], input, tuple(tags), schedule=(schedule, slot))
        started = await start(connection, new)
        self._advanced.add(started.advanced)
        if started.replaces is not None:
            with suppress(Conflict, Missing):  # it ended meanwhile
                await self.cancel(connection, started.replaces, reason=f"replaced by run {started.id}")
        return started.id

    async def cancel(self, connection: Connection, run_id: UUID, /, *, reason: str) -> None:
        """Have a run stop; raises Conflict or Missing when there is nothing to stop."""
        acted = await acts.cancel(connection, run_id, acts.Caller("scheduler", reason))
        self._advanced.add(acted.advanced)

    async def committed(self, connection: Connection) -> list[dict[str, str]]:
        """Return the queues that got jobs."""
        return [{"queue": queue} for queue in sorted(self._advanced.queues)]
