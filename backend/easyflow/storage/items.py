"""Items that steps hand over to the maps behind them: rows under the claim of the attempt that emits them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from easyflow.storage.sql import Connection, statement

LOOKED_AT_ONCE = 200
REMOVED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items of one attempt, as JSON texts, numbered from `first` on."""

    job_id: UUID
    claim_token: UUID
    run_id: UUID
    step_no: int
    first: int
    items: tuple[str, ...]


class StepOfRun(NamedTuple):
    """A step of a run, by number."""

    run_id: UUID
    step_no: int


FIRST_STEP = StepOfRun(UUID(int=0), -1)


async def emit(connection: Connection, chunks: Sequence[Chunk]) -> list[bool]:
    """Keep chunks in one statement, and so one transaction; says for each whether its claim still held.

    Nothing of a chunk is kept under a claim that is lost. Said twice, the second finds the rows of the first.
    """
    rows = await statement("emit_items").fetch(
        connection,
        job_ids=[each.job_id for each in chunks],
        claim_tokens=[each.claim_token for each in chunks],
        run_ids=[each.run_id for each in chunks],
        step_nos=[each.step_no for each in chunks],
        places=[place for place, each in enumerate(chunks, 1) for _ in each.items],
        item_nos=[number for each in chunks for number in range(each.first, each.first + len(each.items))],
        items=list(chain.from_iterable(each.items for each in chunks)),
    )
    return [row["held"] for row in rows]


async def emit_with_job(connection: Connection, chunk: Chunk) -> bool:
    """Keep a chunk in the caller's transaction, which must end its job too; False when the claim is lost.

    The items are numbered behind those that the attempt has there, whatever the chunk says. Said twice, they are there
    twice.
    """
    row = await statement("emit_items_with_job").fetchrow(
        connection,
        job_id=chunk.job_id,
        claim_token=chunk.claim_token,
        run_id=chunk.run_id,
        step_no=chunk.step_no,
        items=list(chunk.items),
    )
    return row is not None and row["emitted"] == len(chunk.items)


async def remove_stale(connection: Connection, after: StepOfRun = FIRST_STEP) -> StepOfRun:
    """Remove what attempts left behind that came to nothing, of the next steps behind `after`; where to go on.

    One statement removes some thousand items at most: a step that has more is looked at again. Behind the last step it
    begins with the first again.
    """
    row = await statement("remove_stale_items").fetchrow(
        connection,
        after_run=after.run_id,
        after_step=after.step_no,
        max_steps=LOOKED_AT_ONCE,
        max_items=REMOVED_AT_ONCE,
    )
    assert row is not None
    if row["removed"] == REMOVED_AT_ONCE:
        return after
    return FIRST_STEP if row["run_id"] is None else StepOfRun(row["run_id"], row["step_no"])
