"""Maps: jobs are made for the next items as earlier ones end, so that a million items are never in memory at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from easyflow.domain import document
from easyflow.domain.workflow.definition import Step, TaskStep
from easyflow.domain.workflow.expressions import ExpressionFailed
from easyflow.domain.workflow.maps import MapFact
from easyflow.domain.workflow.moves import item_payload
from easyflow.domain.workflow.states import StepFact, StepState
from easyflow.storage.runs.changes import Changes, Ended, Outcome, RawJson, Released, StepJob, payload_text
from easyflow.storage.runs.picture import RunPicture, read_values
from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import NO_LIMIT


async def begin_map(
    connection: Connection, run: RunPicture, step: Step, items: Sequence[Any] | None, changes: Changes
) -> None:
    """Release a map over a list, or over what another step left; without items it is over at once."""
    assert isinstance(step.kind, TaskStep)
    each = step.kind.map
    assert each is not None
    lease: int | None = 0
    if items is None:
        assert each.items_of is not None
        count, lease = await _source(connection, run, each.items_of)
    else:
        count = len(items)
        if items:
            await statement("add_items").fetch(
                connection, run_id=run.id, step_no=step.number, items=document.dumps(items)
            )
    fact = MapFact(count, 0, 0, 0, lease, -1, each.concurrency, each.tolerated_failures, each.tolerated_percent)
    run.maps[step.name] = fact
    state = StepState.RUNNING if count else StepState.SUCCEEDED
    changes.released.append(
        Released(
            run.id,
            step.number,
            state,
            items=count,
            source_lease=lease,
            concurrency=each.concurrency,
            tolerated_failures=each.tolerated_failures,
            tolerated_percent=each.tolerated_percent,
        )
    )
    if count:
        run.facts[step.name] = StepFact(state)
    else:
        run.end(step, state)
        run.results[step.name] = {"total": 0, "succeeded": 0, "failed": 0}


async def _source(connection: Connection, run: RunPicture, name: str) -> tuple[int, int | None]:
    """Return how many items a step has left, and the lease under which they were emitted; None for those of a map."""
    if name in run.maps:  # counted behind the lock, and perhaps not written yet
        return run.maps[name].succeeded, None
    number = run.definition.by_name[name].number
    source = await statement("count_source").fetchrow(connection, run_id=run.id, step_no=number)
    return (source["items"], source["source_lease"]) if source else (0, 0)


async def top_up(connection: Connection, run: RunPicture, step: Step, changes: Changes) -> bool:
    """Make jobs for the next items of a map, as many as its window has room for.

    Returns whether there were items and none of the map is in a job now: each failed before it could be.
    """
    assert isinstance(step.kind, TaskStep)
    each = step.kind.map
    fact = run.maps[step.name]
    assert each is not None
    wanted = fact.wanted(each.batch_size)
    if not wanted:
        return False
    rows = await _read_items(connection, run, step, fact, wanted)
    variables: dict[str, Any] = {}
    if step.kind.input is not None:
        await read_values(connection, {run.id: step.references}, {run.id: run})
        variables = run.variables(step.references)
    for first in range(0, len(rows), each.batch_size):
        batch = rows[first : first + each.batch_size]
        try:
            payload = _payload(step.kind, [row["item"] for row in batch], fact.made, variables)
            made = StepJob.new(run.id, step, step.kind.task, step.kind.settings, payload, fact.made, len(batch))
            changes.jobs.append(made)
        except ExpressionFailed as failed:
            changes.outcomes.append(
                Outcome(run.id, step.number, None, fact.made, len(batch), StepState.FAILED, str(failed))
            )
            fact.failed += len(batch)
        fact.made += len(batch)
    if rows:
        fact.source_item = rows[-1]["item_no"]
    run.counted.add(step.name)
    return bool(rows) and not fact.live


async def _read_items(
    connection: Connection, run: RunPicture, step: Step, fact: MapFact, wanted: int
) -> list[asyncpg.Record]:
    assert isinstance(step.kind, TaskStep)
    assert step.kind.map is not None
    source = step.kind.map.items_of
    step_no = step.number if source is None else run.definition.by_name[source].number
    if fact.source_lease is None:
        return await statement("read_map_results").fetch(
            connection, run_id=run.id, step_no=step_no, after=fact.source_item, max_items=wanted
        )
    return await statement("read_items").fetch(
        connection,
        run_id=run.id,
        step_no=step_no,
        lease_no=fact.source_lease,
        after=fact.source_item,
        max_items=wanted,
    )


def _payload(kind: TaskStep, items: Sequence[str], position: int, variables: Mapping[str, Any]) -> str:
    """Return a job's payload as JSON text; without a template of its own the items go in as they are."""
    assert kind.map is not None
    if kind.input is None:
        return payload_text(RawJson(items[0] if kind.map.batch_size == 1 else f'{{"items":[{",".join(items)}]}}'))
    read = [document.parse(item, max_bytes=NO_LIMIT) for item in items]
    return payload_text(item_payload(kind, read, position, variables))


def note_items(run: RunPicture, step: Step, outcome: Outcome, changes: Changes) -> None:
    """Count what became of the items of one job."""
    fact = run.maps.get(step.name)
    if fact is None:
        return
    good = outcome.count - len(outcome.failed) if outcome.state is StepState.SUCCEEDED else 0
    fact.succeeded += good
    fact.failed += outcome.count - good
    run.counted.add(step.name)
    changes.outcomes.append(outcome)


def settle_maps(run: RunPicture, changes: Changes) -> None:
    """End the maps whose last items have ended, and those that a stopped run does not go on with."""
    for name, fact in run.maps.items():
        if run.facts[name].state is not StepState.RUNNING:
            continue
        step = run.definition.by_name[name]
        state = fact.ending()
        if state is None and not fact.live and run.row["stopping"] is not None:
            state = StepState.CANCELLED
        if state is not None:
            run.end(step, state, fact.reason())
            changes.ended.append(Ended(run.id, step.number, state, fact.reason()))
            run.results[name] = {"total": fact.items, "succeeded": fact.succeeded, "failed": fact.failed}
