"""Endings of jobs that belong to runs: found by their places, and the runs let go on in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

import asyncpg

from easyflow.domain.states import TERMINAL
from easyflow.domain.workflow.states import StepState
from easyflow.storage.runs.advance import Advanced, StepEnding, advance
from easyflow.storage.sql import Connection, statement


class Place(NamedTuple):
    """Where in a run a job belongs; see `run_id`, `step_no`, `part`, `items` of the table of jobs."""

    run_id: UUID
    step_no: int
    part: int | None
    items: int | None = None


async def after(
    connection: Connection,
    rows: Iterable[asyncpg.Record],
    places: Mapping[UUID, Place] | None = None,
    failed_items: Mapping[UUID, Mapping[int, str]] | None = None,
) -> Advanced:
    """Let runs go on behind a statement that moved jobs: `rows` are what it returned, job_id and state of each.

    Jobs that have not ended, and those of no run, are passed over. `places`, where the caller knows them, spare a look
    as long as no job FAILED: why one did, its dead letter says. `failed_items` are those of jobs that SUCCEEDED.
    """
    ended = {row["job_id"]: StepState(row["state"]) for row in rows if row["state"] in TERMINAL}
    if places is None or StepState.FAILED in ended.values():
        return await after_all(connection, ended)
    known = [(id, state, places[id]) for id, state in ended.items() if id in places]
    said = failed_items or {}
    failed = {id: said[id] for id, state in ended.items() if id in said and state is StepState.SUCCEEDED}
    return await advance(
        connection, [StepEnding(*place, id, state, failed=failed.get(id, {})) for id, state, place in known]
    )


async def after_all(connection: Connection, ended: Mapping[UUID, StepState]) -> Advanced:
    """Let runs go on whose jobs have ended in these states."""
    places = await statement("read_places").fetch(connection, job_ids=list(ended)) if ended else []
    return await advance(
        connection,
        [
            StepEnding(
                *Place(row["run_id"], row["step_no"], row["part"], row["items"]),
                row["job_id"],
                ended[row["job_id"]],
                row["reason"],
            )
            for row in places
        ],
    )


def place_of(row: asyncpg.Record) -> Place | None:
    """Return the place of a claimed job, None when it belongs to no run."""
    return None if row.get("run_id") is None else Place(row["run_id"], row["step_no"], row["part"], row["items"])
