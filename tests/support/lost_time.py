"""A timeline guard that has tripped, and what an operator says of the time that was lost."""

from __future__ import annotations

from datetime import datetime, timedelta

from easyflow.domain.states import Effects
from easyflow.domain.timeline import Kept
from easyflow.storage import timeline
from easyflow.storage.database import committed
from easyflow.storage.sql import Connection
from easyflow.storage.tasks import TaskRow, register
from tests.support.factories import birthday, stop_clock

Lost = tuple[datetime, datetime]


def task_row(name: str, effects: Effects, window: float | None = None) -> TaskRow:
    """A task of a class, whose receiver remembers keys for so many seconds."""
    return TaskRow(name, effects, "default", 5, 60.0, "shared", "d", "", "{}", None, window)


async def watched(connection: Connection) -> Connection:
    """Have the guard watch the connection's database, with a task of each class's name and one `window`; returns it."""
    rows = [task_row(str(effects), effects) for effects in Effects]
    await register(connection, [*rows, task_row("window", Effects.KEYED, 3600.0)])
    await stop_clock(connection, await birthday(connection))
    await timeline.adopt(connection)
    return connection


async def tripped(connection: Connection) -> Kept:
    """Trip the guard; what the database says then."""
    before = (await timeline.look(connection)).kept
    assert before is not None
    assert await timeline.trip(connection, before, actor="worker:1", said=["it went back"], epoch=1)
    after = (await timeline.look(connection)).kept
    assert after is not None
    return after


async def release(connection: Connection, seen: int, lost: Lost | None, reason: str = "it burned") -> int:
    """Say what was lost, as an operator does."""
    async with committed(connection):
        return await timeline.release(connection, seen_version=seen, lost=lost, actor="ann", reason=reason)


async def window(connection: Connection, *, hours: float = 0.5) -> Lost:
    """The hours until now and a moment more."""
    now = await connection.fetchval("select easyflow.clock()")
    return now - timedelta(hours=hours), now + timedelta(seconds=1)
