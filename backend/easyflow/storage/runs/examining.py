"""Examining which runs of a workflow may go on by another definition: chunk by chunk, without a lock or a long look."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from easyflow.domain import document
from easyflow.domain.workflow.definition import Definition
from easyflow.domain.workflow.evolution import Breaks, Fits, Reason, Standing, evolve, input_reasons, wants_input
from easyflow.domain.workflow.states import RunState, StepFact, StepState
from easyflow.storage.runs.picture import definition_of
from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import NO_LIMIT

CHUNK = 500
# An input may be a megabyte.
INPUTS_AT_ONCE = 20
SHAPES_KEPT = 10_000
FIRST = UUID(int=0)

_Shape = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """One run as it stood: `version` is the one it is on, `digest` says which content that is."""

    id: UUID
    version: int
    digest: bytes
    state: RunState
    verdict: Fits | Breaks

    @property
    def ending(self) -> bool:
        """Whether it will move to no version, as it is being stopped or taken back: nothing is wrong with that."""
        return isinstance(self.verdict, Breaks) and self.verdict.ending


class Examiner:
    """Judges runs against one definition; what is the same for many runs is decided once."""

    def __init__(self, new: Definition, mapping: Mapping[str, str] | None = None) -> None:
        """Begin with nothing decided."""
        self._new = new
        self._mapping = mapping
        self._known: dict[_Shape, Fits | Breaks] = {}

    async def walk(self, connection: Connection, chunk: int = CHUNK) -> AsyncIterator[list[Examined]]:
        """Judge every run of the workflow that is under way, or FAILED and not compensated, by id.

        Each chunk is looked at by statements of its own, so that nothing is held up however many runs there are.
        """
        after = FIRST
        while found := await statement("find_runs_of").fetch(
            connection, workflow=self._new.name, after=after, max_runs=chunk
        ):
            after = found[-1]["id"]
            yield await self.judge(connection, [row["id"] for row in found if row["movable"]])

    async def judge(self, connection: Connection, run_ids: Sequence[UUID]) -> list[Examined]:
        """Judge some runs, by id; those that do not exist are missing."""
        rows = await statement("read_standings").fetch(connection, run_ids=list(run_ids)) if run_ids else []
        verdicts = dict[UUID, Fits | Breaks]()
        asked = list[UUID]()
        for row in rows:
            old = await definition_of(connection, row)
            verdict = verdicts[row["id"]] = self._decide(row, old)
            if wants_input(old, self._new) and not (isinstance(verdict, Breaks) and verdict.ending):
                asked.append(row["id"])
        for id, reasons in (await self._against_inputs(connection, asked)).items():
            before = verdicts[id]
            verdicts[id] = Breaks((*reasons, *(before.reasons if isinstance(before, Breaks) else ())))
        return [
            Examined(row["id"], row["version"], row["digest"], RunState(row["state"]), verdicts[row["id"]])
            for row in rows
        ]

    def _decide(self, row: asyncpg.Record, old: Definition) -> Fits | Breaks:
        facts = (row[name] for name in ("digest", "numbers", "state", "stopping", "compensated", "steps"))
        shape = (*facts, *row["signals"])
        if shape not in self._known:
            if len(self._known) >= SHAPES_KEPT:
                self._known.clear()
            self._known[shape] = evolve(old, self._new, _standing(row, old), self._mapping)
        return self._known[shape]

    async def _against_inputs(self, connection: Connection, run_ids: Sequence[UUID]) -> dict[UUID, tuple[Reason, ...]]:
        found = dict[UUID, tuple[Reason, ...]]()
        for first in range(0, len(run_ids), INPUTS_AT_ONCE):
            some = list(run_ids[first : first + INPUTS_AT_ONCE])
            for row in await statement("read_run_inputs").fetch(connection, run_ids=some):
                reasons = input_reasons(self._new, document.parse(row["input"], max_bytes=NO_LIMIT))
                if reasons:
                    found[row["id"]] = reasons
        return found


def _standing(row: asyncpg.Record, definition: Definition) -> Standing:
    facts = {
        definition.by_number[number].name: StepFact(
            StepState(state), compensation=None if compensation is None else StepState(compensation)
        )
        for number, state, compensation in json.loads(row["steps"])
    }
    return Standing(
        RunState(row["state"]), facts, row["stopping"] is not None, row["compensated"], frozenset(row["signals"])
    )
