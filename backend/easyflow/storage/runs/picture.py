"""What is known of some locked runs: their definitions, the states of their steps, and the values these left behind."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain import document
from easyflow.domain.workflow.definition import Definition, Step
from easyflow.domain.workflow.maps import MapFact
from easyflow.domain.workflow.numbering import numbered
from easyflow.domain.workflow.states import RUN_OVER, RunState, StepFact, StepState
from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import DEFINITIONS, KEPT, NO_LIMIT

UNREAD: Any = object()

_COUNTS = [each.name for each in fields(MapFact)][:-1]


_NUMBERED: dict[tuple[bytes, str], Definition] = {}


@dataclass(slots=True)
class RunPicture:
    """One locked run. `facts` and `rows` are by step name; a step without them is BLOCKED."""

    row: asyncpg.Record
    definition: Definition
    facts: dict[str, StepFact] = field(default_factory=dict)
    rows: dict[str, asyncpg.Record] = field(default_factory=dict)
    input: Any = UNREAD
    results: dict[str, Any] = field(default_factory=dict)
    maps: dict[str, MapFact] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    ended: int = 0
    latest: list[str] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        """The run's id."""
        id: UUID = self.row["id"]
        return id

    @property
    def live(self) -> bool:
        """Whether it is under way: it is not over, and does not queue behind the run that has its key."""
        begun = self.row["started_at"] is not None or self.row["stopping"] is not None
        return begun and self.row["state"] not in RUN_OVER

    @property
    def releases(self) -> bool:
        """Whether further steps may begin."""
        return self.row["state"] == RunState.RUNNING and self.row["stopping"] is None

    def end(self, step: Step, state: StepState, reason: str | None = None) -> None:
        """Note that a step is over, behind all that ended before."""
        self.ended += 1
        self.latest.append(step.name)
        self.facts[step.name] = StepFact(state, self.ended, reason)

    def candidates(self, looked: bool) -> list[Step] | None:
        """Return the steps that need one which has ended since this was asked last.

        None, for a run that goes on for another reason and was not `looked` at yet: all of them may have to begin.
        """
        latest, self.latest = self.latest, []
        if not latest:
            return [] if looked else None
        dependents = self.definition.dependents
        if len(latest) == 1:
            return list(dependents[latest[0]])
        found = {step.number: step for name in latest for step in dependents[name]}
        return [found[number] for number in sorted(found)]

    def variables(self, steps: Iterable[str]) -> dict[str, Any]:
        """Return what expressions may read, with the results of these steps."""
        return {
            "input": None if self.input is UNREAD else self.input,
            "steps": {
                name: {"result": self.results.get(name), "state": self.facts.get(name, StepFact()).state.value}
                for name in steps
            },
            "run": {
                "id": str(self.id),
                "workflow": self.row["workflow"],
                "version": self.row["version"],
                "started_at": (self.row["started_at"] or self.row["created_at"]).isoformat(),
            },
        }


async def lock(connection: Connection, run_ids: Iterable[UUID]) -> dict[UUID, RunPicture]:
    """Lock runs in the order of their ids, and return them with their steps as they are behind the lock.

    Runs that do not exist are missing.
    """
    rows = await statement("lock_runs").fetch(connection, run_ids=sorted(set(run_ids)))
    return await look_at(connection, rows)


async def look_at(connection: Connection, rows: Iterable[asyncpg.Record]) -> dict[UUID, RunPicture]:
    """Return the pictures of runs whose rows are locked already."""
    pictures = {row["id"]: RunPicture(row, await definition_of(connection, row)) for row in rows}
    steps = await statement("read_run_steps").fetch(connection, run_ids=list(pictures)) if pictures else []
    for row in sorted(steps, key=lambda step: (step["finished_at"] is None, step["finished_at"], step["step_no"])):
        run = pictures[row["run_id"]]
        name = run.definition.by_number[row["step_no"]].name
        run.rows[name] = row
        run.ended += row["finished_at"] is not None
        compensation = None if row["compensation"] is None else StepState(row["compensation"])
        run.facts[name] = StepFact(StepState(row["state"]), run.ended, row["reason"], compensation)
        if row["counts"] is not None:
            run.maps[name] = MapFact(
                **dict(zip(_COUNTS, row["counts"], strict=True)), tolerated_percent=row["tolerated_percent"]
            )
    return pictures


async def definition_of(connection: Connection, row: asyncpg.Record) -> Definition:
    """Return the definition a run is on, with the numbers that its steps have in this run."""
    definition = await DEFINITIONS.get(connection, row["workflow"], row["version"], row["digest"])
    if row["numbers"] is None:
        return definition
    key = row["digest"], row["numbers"]
    if key not in _NUMBERED:
        if len(_NUMBERED) >= KEPT:
            _NUMBERED.clear()
        _NUMBERED[key] = numbered(definition, json.loads(row["numbers"]))
    return _NUMBERED[key]


async def read_values(
    connection: Connection,
    wanted: Mapping[UUID, Iterable[str]],
    runs: Mapping[UUID, RunPicture],
    inputs_of: Container[UUID] | None = None,
) -> None:
    """Read the results of some steps of runs that are over, and the runs' inputs, unless they are known.

    `inputs_of` spares the inputs of the others.
    """
    inputs = [id for id in wanted if runs[id].input is UNREAD and (inputs_of is None or id in inputs_of)]
    if inputs:
        for row in await statement("read_run_inputs").fetch(connection, run_ids=inputs):
            runs[row["id"]].input = document.parse(row["input"], max_bytes=NO_LIMIT)
    missing = [
        (id, runs[id].definition.by_name[name].number)
        for id, names in wanted.items()
        for name in sorted(set(names) - runs[id].results.keys())
    ]
    if not missing:
        return
    rows = await statement("read_step_results").fetch(
        connection, run_ids=[id for id, _ in missing], step_nos=[number for _, number in missing]
    )
    for row in rows:
        run = runs[row["run_id"]]
        result = None if row["result"] is None else document.parse(row["result"], max_bytes=NO_LIMIT)
        run.results[run.definition.by_number[row["step_no"]].name] = result
