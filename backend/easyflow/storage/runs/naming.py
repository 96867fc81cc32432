"""How the steps of runs are called and what they do, as whoever looks on is told: read once for each version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import KEPT

Row = Mapping[str, Any] | asyncpg.Record


@dataclass(frozen=True, slots=True)
class StepFace:
    """One step as its definition says; of `task`, `workflow` and `signal` at most one is there."""

    name: str
    kind: str
    task: str | None
    workflow: str | None
    signal: str | None
    items_of: str | None
    needs: tuple[str, ...]


# By digest: a number may be given again, to other content, in a database that lost its newest transactions.
_KEPT: dict[bytes, Sequence[StepFace]] = {}


async def faces_of(connection: Connection, runs: Iterable[Row]) -> Mapping[bytes, Sequence[StepFace]]:
    """Return the steps of some runs in the order of their definitions, by digest.

    Rows hold workflow, version and digest.
    """
    wanted = {row["digest"]: (row["workflow"], row["version"]) for row in runs}
    missing = [wanted[digest] for digest in wanted if digest not in _KEPT]
    if missing:
        if len(_KEPT) >= KEPT:
            _KEPT.clear()
        rows = await statement("read_step_names").fetch(
            connection, names=[name for name, _ in missing], versions=[version for _, version in missing]
        )
        _KEPT.update({row["digest"]: _faces(row["steps"]) for row in rows})
    return {digest: _KEPT.get(digest, ()) for digest in wanted}


async def step_names(connection: Connection, jobs: Iterable[Row]) -> list[str | None]:
    """Return the step of each job, from its run_id and step_no; None for a job of no run, or of one that is gone."""
    rows = list(jobs)
    run_ids = {row["run_id"] for row in rows if row["run_id"] is not None}
    if not run_ids:
        return [None] * len(rows)
    runs = await statement("read_run_versions").fetch(connection, run_ids=sorted(run_ids))
    faces = await faces_of(connection, runs)
    of_run = {run["id"]: by_number(run, faces[run["digest"]]) for run in runs}
    found = [of_run.get(row["run_id"], {}).get(row["step_no"]) for row in rows]
    return [None if face is None else face.name for face in found]


def by_number(run: Row, steps: Sequence[StepFace]) -> Mapping[int, StepFace]:
    """Return the steps of a run by the numbers that name them in it, in the order of its definition."""
    if run["numbers"] is None:
        return dict(enumerate(steps))
    numbers = {name: number for number, name in enumerate(json.loads(run["numbers"]))}
    return {numbers[step.name]: step for step in steps}


def _faces(text: str) -> Sequence[StepFace]:
    return [StepFace(**{**said, "needs": tuple(said["needs"])}) for said in json.loads(text)]
