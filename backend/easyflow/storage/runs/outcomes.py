"""The items of a map that have ended, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from easyflow.domain.workflow.states import StepState
from easyflow.storage.composing import COUNTED_AT_MOST, Total
from easyflow.storage.runs.read import read_map
from easyflow.storage.sql import Connection, statement


@dataclass(frozen=True, slots=True)
class OutcomePage:
    """Some items in the order of their numbers; `after` is where the next page begins, None at the end."""

    rows: list[asyncpg.Record]
    after: int | None
    total: Total


async def list_outcomes(
    connection: Connection,
    run_id: UUID,
    step: str,
    *,
    state: StepState | None,
    after: int,
    limit: int,
    max_bytes: int,
) -> OutcomePage:
    """Return up to `limit` items of a map that have ended, of one state if given, with numbers above `after`.

    Items and results up to `max_bytes` of them. Run it inside `lists.picture`. Raises Missing for no such run or step,
    Invalid for a step that is no map.
    """
    seen = await read_map(connection, run_id, step)
    bad = state is not None and state is not StepState.SUCCEEDED
    listing = statement("list_bad_outcomes") if bad else statement("list_outcomes")
    rows = await listing.fetch(
        connection,
        run_id=run_id,
        step_no=seen.step_no,
        state=state,
        after=after,
        max_items=limit + 1,
        source_step=seen.source_step,
        source_lease=seen.lease,
        max_bytes=max_bytes,
    )
    shown = rows[:limit]
    if bad:
        total = await _counted(connection, run_id, seen.step_no, state)
    else:
        ended = seen.counts["succeeded"] + (0 if state else seen.counts["failed"])
        total = Total(ended, "exact")
    return OutcomePage(shown, shown[-1]["item_no"] if len(rows) > limit else None, total)


async def _counted(connection: Connection, run_id: UUID, step_no: int, state: StepState | None) -> Total:
    row = await statement("count_bad_outcomes").fetchrow(
        connection, run_id=run_id, step_no=step_no, state=state, most=COUNTED_AT_MOST + 1
    )
    assert row is not None
    return Total(row["value"], "exact") if row["value"] <= COUNTED_AT_MOST else Total(COUNTED_AT_MOST, "capped")
