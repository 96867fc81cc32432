"""Runs on their way through the storage: workflows registered, runs started, their jobs claimed and ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from easyflow.domain.outcome import Outcome, Succeeded
from easyflow.domain.workflow.reading import read
from easyflow.storage import claims, leases
from easyflow.storage.runs.inserting import NewRun
from easyflow.storage.runs.start import Started, start
from easyflow.storage.sql import Connection
from easyflow.storage.streams import Streams
from easyflow.storage.workflows import register
from tests.support.factories import QUEUE, ending

TASK = "work"


def step(name: str, *needs: str, **facts: Any) -> dict[str, Any]:
    """A step of a definition; without a kind of its own it is a job of the task `work`."""
    kinds = {"task", "wait_for_signal", "sleep", "child", "fail"}
    kind = {} if kinds & facts.keys() else {"task": TASK}
    return {"name": name, **kind, **({"needs": list(needs)} if needs else {}), **facts}


def workflow(*steps: dict[str, Any], name: str = "w", **facts: Any) -> dict[str, Any]:
    """A definition."""
    return {"name": name, **facts, "steps": list(steps)}


async def begin(connection: Connection, document: dict[str, Any], given: Any = None, **facts: Any) -> Started:
    """Register a definition, unless it is known, and start a run of it, in a transaction of their own."""
    definition = read(document)
    async with connection.transaction():
        version = await register(connection, definition, actor="test")
        return await start(connection, NewRun(definition, version.number, given or {}, **facts))


async def claim_all(
    connection: Connection, *, max_jobs: int = 500, tasks: tuple[str, ...] = (TASK,)
) -> list[asyncpg.Record]:
    """Claim whatever is ready."""
    return await claims.claim(
        connection,
        executor_id=uuid4(),
        claim_id=uuid4(),
        tasks=list(tasks),
        max_jobs=max_jobs,
        intervals=Streams().intervals([QUEUE]),
    )


def said(result: Any) -> Succeeded:
    """A success with this result."""
    return Succeeded(json.dumps(result))


Handler = Callable[[str, Any], Outcome]


async def work(
    connection: Connection, handlers: Mapping[str, Outcome | Handler] | None = None, *, tasks: tuple[str, ...] = (TASK,)
) -> list[str]:
    """Claim and end jobs of runs until none is ready; the names of their steps in the order in which they ended.

    `handlers` says how the job of a step ends; those of others succeed with no result.
    """
    order: list[str] = []
    while claimed := await claim_all(connection, tasks=tasks):
        endings = []
        for row in claimed:
            name = await name_of(connection, row["run_id"], row["step_no"])
            outcome = (handlers or {}).get(name, Succeeded())
            if callable(outcome):
                outcome = outcome(name, json.loads(row["payload"]))
            endings.append(ending(row, outcome))
            order.append(name if row["part"] != -1 else f"undo {name}")
        accepted = await leases.end(connection, uuid4(), endings)
        assert len(accepted) == len(endings)
    return order


async def name_of(connection: Connection, run_id: UUID, step_no: int) -> str:
    """The name of a run's step."""
    name = await connection.fetchval(
        """select case when r.numbers is null then w.definition -> 'steps' -> $2::int ->> 'name'
                       else r.numbers ->> $2::int end from easyflow.runs as r
           join easyflow.workflows as w on w.name = r.workflow and w.version = r.version where r.id = $1""",
        run_id,
        step_no,
    )
    return str(name)


async def states(connection: Connection, run_id: UUID) -> dict[str, str]:
    """The state of each step that is not BLOCKED."""
    rows = await connection.fetch("select step_no, state from easyflow.run_steps where run_id = $1", run_id)
    return {await name_of(connection, run_id, row["step_no"]): row["state"] for row in rows}


async def run_of(connection: Connection, run_id: UUID) -> asyncpg.Record:
    """A run's row."""
    row = await connection.fetchrow("select * from easyflow.runs where id = $1", run_id)
    assert row is not None
    return row
