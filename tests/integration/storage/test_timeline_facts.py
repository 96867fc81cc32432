"""What the timeline guard keeps and reads: marks of workers, the highest counter, and as much as a role may see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from easyflow.domain.timeline import Kept
from easyflow.storage import timeline
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import birthday, stop_clock


@pytest.fixture
async def connection(connect: Connect) -> Connection:
    """A database that is watched, its clock at noon."""
    opened = await connect()
    await stop_clock(opened, await birthday(opened))
    await timeline.adopt(opened)
    return opened


async def test_marks_of_workers_long_gone_are_removed(connection: Connection) -> None:
    gone, here = uuid4(), uuid4()
    now = await connection.fetchval("select easyflow.clock()")
    await timeline.beat(connection, gone, 1, 5.0)
    await stop_clock(connection, now + timedelta(days=80))
    await timeline.beat(connection, here, 1, 5.0)
    await stop_clock(connection, now + timedelta(days=91))
    await timeline.remove_old_witnesses(connection, 90)
    assert [(await timeline.look(connection, each)).beats for each in (gone, here)] == [None, 1]


async def test_the_row_keeps_the_highest_counter_seen(connection: Connection) -> None:
    before = (await timeline.look(connection)).kept
    now = datetime.now(UTC)
    await stop_clock(connection, now + timedelta(days=3650))
    await timeline.beat(connection, uuid4(), 1, 5.0)
    after = (await timeline.look(connection)).kept
    assert before is not None
    assert after is not None
    assert before.counter is not None
    assert after.counter is not None
    assert after.counter > before.counter


async def test_a_role_that_may_not_read_the_identifier_reads_the_rest(connection: Connection, connect: Connect) -> None:
    name = f"weak_{uuid4().hex[:8]}"
    await connection.execute(f"create role {name}; grant usage on schema easyflow to {name}")
    await connection.execute(f"grant select on all tables in schema easyflow to {name}")
    await connection.execute("revoke execute on function pg_control_system() from public")
    weak = await connect()
    await weak.execute(f"set role {name}")
    view = await timeline.look(weak)
    assert view.place.system_identifier is None
    assert (view.place.timeline_id, view.standby) == (1, False)
    assert view.counter is not None
    assert isinstance(view.kept, Kept)
    await weak.execute("reset role")
    await connection.execute(f"drop owned by {name}; drop role {name}")
