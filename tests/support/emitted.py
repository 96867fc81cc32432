"""Items that attempts emit: claims of a step that a map goes over, chunks under them, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.storage import items, workers
from easyflow.storage.items import Chunk
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection
from tests.support.factories import claim, start_executor
from tests.support.runs import TASK, begin, step, workflow

# A step that hands items over, and the map that goes over them.
HANDING_OVER = workflow(step("parse"), step("each", "parse", map={"items_of": "parse"}))


def chunk_of(claimed: asyncpg.Record, values: Sequence[Any], first: int = 0) -> Chunk:
    """Items of an attempt, numbered from `first` on."""
    texts = tuple(json.dumps(value) for value in values)
    return Chunk(claimed["job_id"], claimed["claim_token"], claimed["run_id"], claimed["step_no"], first, texts)


async def emit(connection: Connection, claimed: asyncpg.Record, values: Sequence[Any], first: int = 0) -> bool:
    """Emit items under a claim; whether it still held."""
    (held,) = await items.emit(connection, [chunk_of(claimed, values, first)])
    return held


async def kept(connection: Connection, run_id: UUID) -> dict[int, list[Any]]:
    """What the steps of a run have emitted, by lease, in order; fails when the numbers of one have a gap."""
    rows = await connection.fetch(
        "select lease_no, item_no, item::text from easyflow.run_items where run_id = $1 order by 1, 2", run_id
    )
    found: dict[int, list[Any]] = {}
    for row in rows:
        of_lease = found.setdefault(row["lease_no"], [])
        assert row["item_no"] == len(of_lease), f"lease {row['lease_no']} has no item {len(of_lease)}"
        of_lease.append(json.loads(row["item"]))
    return found


async def parsing(connection: Connection, executor_id: UUID | None = None) -> asyncpg.Record:
    """The claim of a step that shall hand items over, in a run of its own."""
    run = await begin(connection, HANDING_OVER)
    (row,) = await claim(connection, tasks=[TASK], executor_id=executor_id)
    assert row["run_id"] == run.id
    return row


async def taken_over(connection: Connection, old: asyncpg.Record, executor_id: UUID) -> asyncpg.Record:
    """Let the executor of a claim die and another one claim the job; the present claim."""
    await workers.retire(connection, executor_id)
    await rescue(connection, [executor_id], lambda token: "bystander", Limits(3, 10))
    (present,) = await claim(connection, tasks=[TASK])
    assert present["job_id"] == old["job_id"]
    return present


async def two_claims(connection: Connection) -> tuple[asyncpg.Record, asyncpg.Record]:
    """The same step claimed twice, first by an executor that died: both claims."""
    executor_id = await start_executor(connection)
    old = await parsing(connection, executor_id)
    return old, await taken_over(connection, old, executor_id)
