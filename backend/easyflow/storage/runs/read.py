"""Looking at one run: its facts, every step of its definition with its jobs, its history, and the items of its maps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from easyflow.domain.workflow.definition import Definition
from easyflow.domain.workflow.states import RUN_OVER, StepState
from easyflow.errors import Invalid, Missing
from easyflow.storage.jobs import read_states
from easyflow.storage.runs.naming import StepFace, by_number, faces_of
from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import DEFINITIONS

ENDED_BEFORE = "the run ended before"
_TIMES = ("due_at", "child_run", "released_at", "finished_at")


@dataclass(frozen=True, slots=True)
class RunSeen:
    """One run: `row` as in lists, `steps` in the order of the definition; `input`, `output` are JSON text."""

    row: dict[str, Any]
    input: str
    output: str | None
    steps: list[dict[str, Any]]


class History(NamedTuple):
    """Some events, oldest first, and whether there are more."""

    rows: list[dict[str, Any]]
    cut: bool


async def read_run(connection: Connection, run_id: UUID, *, max_bytes: int) -> RunSeen:
    """Return one run with every step; results up to `max_bytes` of them. Run it inside `lists.picture`.

    A step that has not begun is BLOCKED; when its run is over it is SKIPPED. Raises Missing.
    """
    rows = await read_run_rows(connection, [run_id])
    if not rows:
        raise Missing(f"there is no run {run_id}")
    row = rows[0]
    values = await statement("read_run_values").fetchrow(connection, run_id=run_id)
    assert values is not None
    faces = by_number(row, (await faces_of(connection, rows))[row["digest"]])
    stored = {step["step_no"]: step for step in await statement("show_run_steps").fetch(connection, run_ids=[run_id])}
    results = {
        each["step_no"]: each
        for each in await statement("read_shown_results").fetch(connection, run_id=run_id, max_bytes=max_bytes)
    }
    jobs = await _jobs(connection, stored.values())
    over = row["state"] in RUN_OVER
    steps = [_step(face, stored.get(number), results.get(number), jobs, over=over) for number, face in faces.items()]
    return RunSeen(row, values["input"], values["output"], steps)


async def read_run_rows(connection: Connection, run_ids: list[UUID]) -> list[dict[str, Any]]:
    """Return what a list shows of these runs, newest first; `steps` says how many are in which state.

    Run it inside `lists.picture` when the numbers must agree.
    """
    if not run_ids:
        return []
    rows = [dict(row) for row in await statement("read_runs").fetch(connection, run_ids=run_ids)]
    faces = await faces_of(connection, rows)
    for row in rows:
        row["steps"] = _counts(json.loads(row["steps"]), len(faces[row["digest"]]), over=row["state"] in RUN_OVER)
    return rows


async def read_events(connection: Connection, run_id: UUID, max_events: int) -> History:
    """Return the latest events of a run: at, kind, step, actor, reason, detail (JSON text); raises Missing."""
    rows = await statement("read_run_events").fetch(connection, run_id=run_id, max_events=max_events + 1)
    faces = await _faces(connection, run_id)
    told = [{**row, "step": faces[row["step_no"]].name if row["step_no"] in faces else None} for row in rows]
    return History(told[:max_events][::-1], len(told) > max_events)


async def read_definition(connection: Connection, run_id: UUID) -> Definition:
    """Return the definition a run is on; raises Missing."""
    row = await _version(connection, run_id)
    return await DEFINITIONS.get(connection, row["workflow"], row["version"], row["digest"])


async def read_ended(connection: Connection, run_ids: Iterable[UUID]) -> list[UUID]:
    """Return those of some runs that are over, in no order."""
    rows = await statement("find_ended_runs").fetch(connection, run_ids=list(run_ids))
    return [row["id"] for row in rows]


class MapSeen(NamedTuple):
    """A map as its items are looked at: where they are kept (`lease` is null behind another map), and its counts."""

    step_no: int
    source_step: int | None
    lease: int | None
    counts: Mapping[str, int]


async def read_map(connection: Connection, run_id: UUID, step: str) -> MapSeen:
    """Return a map of a run; raises Missing for no such run or step, Invalid for a step that is no map."""
    faces = await _faces(connection, run_id)
    numbers = {face.name: number for number, face in faces.items()}
    if step not in numbers:
        raise Missing(f"run {run_id} has no step of this name")
    face = faces[numbers[step]]
    if face.kind != "map":
        raise Invalid(f"step {step} is no map: it has no items", [{"at": "step", "message": "must be a map"}])
    row = await statement("read_map_step").fetchrow(connection, run_id=run_id, step_no=numbers[step])
    counts = {name: (row[name] if row else None) or 0 for name in ("items", "made", "succeeded", "failed")}
    source = numbers[step] if face.items_of is None else numbers[face.items_of]
    return MapSeen(numbers[step], source, row["source_lease"] if row else None, counts)


async def _faces(connection: Connection, run_id: UUID) -> Mapping[int, StepFace]:
    row = await _version(connection, run_id)
    return by_number(row, (await faces_of(connection, [row]))[row["digest"]])


async def _version(connection: Connection, run_id: UUID) -> asyncpg.Record:
    row = await statement("read_run_versions").fetchrow(connection, run_ids=[run_id])
    if row is None:
        raise Missing(f"there is no run {run_id}")
    return row


async def _jobs(connection: Connection, steps: Iterable[asyncpg.Record]) -> dict[UUID, asyncpg.Record]:
    ids = [id for step in steps for id in (step["job_id"], step["compensation_job"]) if id is not None]
    return {row["job_id"]: row for row in await read_states(connection, ids)} if ids else {}


def _counts(stored: dict[str, int], total: int, *, over: bool) -> dict[str, int]:
    counts = {state.value: stored.get(state, 0) for state in StepState}
    counts[StepState.SKIPPED if over else StepState.BLOCKED] += total - sum(stored.values())
    return counts


def _step(
    face: StepFace,
    row: asyncpg.Record | None,
    result: asyncpg.Record | None,
    jobs: Mapping[UUID, asyncpg.Record],
    *,
    over: bool,
) -> dict[str, Any]:
    names = ("name", "kind", "task", "workflow", "signal", "needs")
    said: dict[str, Any] = {name: getattr(face, name) for name in names}
    if row is None:
        state, reason = (StepState.SKIPPED, ENDED_BEFORE) if over else (StepState.BLOCKED, None)
        nothing = dict.fromkeys((*_TIMES, "items", "job", "compensation", "result", "result_bytes"))
        return said | {"state": state.value, "reason": reason} | nothing
    return said | {
        "state": row["state"],
        "reason": row["reason"],
        **{name: row[name] for name in _TIMES},
        "items": _items(row),
        "job": _job(row["job_id"], jobs),
        "compensation": row["compensation"]
        and {"state": row["compensation"], "job": _job(row["compensation_job"], jobs)},
        "result": result and result["result"],
        "result_bytes": result and result["result_bytes"],
    }


def _items(row: asyncpg.Record) -> dict[str, Any] | None:
    if row["items"] is None:
        return None
    names = ("made", "succeeded", "failed", "concurrency", "tolerated_failures", "tolerated_percent")
    return {"total": row["items"], **{name: row[name] for name in names}}


def _job(job_id: UUID | None, jobs: Mapping[UUID, asyncpg.Record]) -> dict[str, Any] | None:
    if job_id is None:
        return None
    job = jobs.get(job_id)
    return {"id": job_id, "state": job and job["state"], "retry_count": job["retry_count"] if job else 0}
