"""Runs that move between versions of their workflow: versions registered, moves made, jobs counted by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from easyflow.domain.workflow.reading import read
from easyflow.storage.runs import acts
from easyflow.storage.runs.acts import Caller
from easyflow.storage.runs.migrating import Migrated, migrate, target
from easyflow.storage.sql import Connection
from easyflow.storage.workflows import register
from tests.support.runs import name_of

OPERATOR = Caller("olga", "the fixed version")


async def keep(connection: Connection, document: dict[str, Any]) -> int:
    """Register a definition; its version."""
    return (await register(connection, read(document), actor="test")).number


async def move(
    connection: Connection,
    run_ids: Sequence[UUID],
    version: int | None = None,
    mapping: Mapping[str, str] | None = None,
    *,
    name: str = "w",
) -> Migrated:
    """Move runs to a version of their workflow, the newest when none is named, in a transaction of its own."""
    to = await target(connection, name, version, mapping)
    async with connection.transaction():
        return await migrate(connection, to, run_ids, OPERATOR)


async def send(connection: Connection, run_id: UUID, name: str = "approval") -> None:
    """Give a run a signal, in a transaction of its own."""
    async with connection.transaction():
        await acts.signal(connection, run_id, name, True, OPERATOR)


async def jobs_by_step(connection: Connection, run_id: UUID) -> Counter[str]:
    """How many jobs each step of a run has, by the name it has now."""
    rows = await connection.fetch("select step_no from easyflow.jobs where run_id = $1", run_id)
    return Counter([await name_of(connection, run_id, row["step_no"]) for row in rows])
