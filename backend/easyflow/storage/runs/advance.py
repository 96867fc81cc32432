"""Going on: what ended is noted, what may begin begins, a run that is over ends: in the transaction of its cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from easyflow.domain.workflow.definition import Step
from easyflow.domain.workflow.moves import begin
from easyflow.domain.workflow.release import next_steps
from easyflow.domain.workflow.states import StepState
from easyflow.storage.runs.beginning import begin_step, settle
from easyflow.storage.runs.changes import COMPENSATION, Changes, Compensated, Ended, Outcome
from easyflow.storage.runs.concluding import conclude_run
from easyflow.storage.runs.maps import note_items, settle_maps, top_up
from easyflow.storage.runs.picture import RunPicture, lock, read_values
from easyflow.storage.sql import Connection


@dataclass(frozen=True, slots=True)
class StepEnding:
    """A job of a run that has come to its end, as the statement that ended it says.

    `items` is how many of a map it held, `failed` which of them failed though the job SUCCEEDED, by position.
    """

    run_id: UUID
    step_no: int
    part: int | None
    items: int | None
    job_id: UUID
    state: StepState
    reason: str | None = None
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Advanced:
    """What came of it: the queues that got jobs, to be told after the commit."""

    queues: set[str] = field(default_factory=set)

    def add(self, other: Advanced) -> None:
        """Take in what else came of the same cause."""
        self.queues |= other.queues


async def advance(connection: Connection, endings: Sequence[StepEnding]) -> Advanced:
    """Note that jobs of runs have ended and let their runs go on, in the caller's transaction, behind what ended them.

    An ending that is not that of the job its step has now changes nothing.
    """
    if not endings:
        return Advanced()
    runs = await lock(connection, (ending.run_id for ending in endings))
    changes = Changes()
    for ending in endings:
        if ending.run_id in runs:
            _note(runs[ending.run_id], ending, changes)
    return await go_on(connection, runs.values(), changes)


async def go_on(connection: Connection, runs: Iterable[RunPicture], changes: Changes) -> Advanced:
    """Let locked runs go on as far as they can, and write that together with the `changes` that led to it."""
    all_runs = list(runs)
    while await _go_on_once(connection, all_runs, changes):
        pass
    all_runs += changes.children
    for run in all_runs:
        if run.live:
            await conclude_run(connection, run, changes)
        changes.counts += [(run.id, run.definition.by_name[name].number, run.maps[name]) for name in run.counted]
    return Advanced(await changes.write(connection))


async def _go_on_once(connection: Connection, runs: Sequence[RunPicture], changes: Changes) -> bool:
    """End maps, begin steps, make jobs; True when a map has used up items of which none could become a job.

    No job of it will end, so that nobody else would look at it again.
    """
    everyone = [*runs, *changes.children]
    for run in everyone:
        settle_maps(run, changes)
    await changes.write_outcomes(connection)
    again = False
    for run in await _release(connection, [run for run in everyone if run.live and run.releases], changes):
        for step in _going_maps(run):
            again |= await top_up(connection, run, step, changes)
    return again


def _note(run: RunPicture, ending: StepEnding, changes: Changes) -> None:
    """Note one ending in the picture of its run, and in what is to be written."""
    step = run.definition.by_number.get(ending.step_no)
    row = None if step is None else run.rows.get(step.name)
    if step is None or row is None:
        return
    if ending.part == COMPENSATION:
        if row["compensation_job"] == ending.job_id:
            run.facts[step.name].compensation = ending.state
            changes.compensated.append(Compensated(run.id, ending.step_no, ending.state))
    elif ending.part is not None:
        outcome = Outcome(
            run.id,
            ending.step_no,
            ending.job_id,
            ending.part,
            ending.items or 1,
            ending.state,
            ending.reason,
            ending.failed,
        )
        note_items(run, step, outcome, changes)
    elif row["job_id"] == ending.job_id and row["state"] == StepState.RUNNING:
        run.end(step, ending.state, ending.reason)
        changes.ended.append(Ended(run.id, ending.step_no, ending.state, ending.reason))


async def _release(connection: Connection, runs: Sequence[RunPicture], changes: Changes) -> list[RunPicture]:
    """Begin and skip steps until nothing more may begin; what is read is read for all runs at once.

    Returns the runs, with the children that began on the way.
    """
    released = list(runs)
    going = {run.id: run for run in runs}
    looked: set[UUID] = set()
    while going:
        now = {id: next_steps(run.definition, run.facts, run.candidates(id in looked)) for id, run in going.items()}
        looked |= going.keys()
        going = {id: run for id, run in going.items() if now[id].begin or now[id].skip}
        for id, run in going.items():
            for step, reason in now[id].skip:
                settle(run, changes, step, StepState.SKIPPED, reason)
        read = {id: {name for step in now[id].begin for name in step.references} for id in going if now[id].begin}
        await read_values(connection, read, going, {id for id in read if any(s.reads_input for s in now[id].begin)})
        born = len(changes.children)
        for id, run in going.items():
            for step in now[id].begin:
                await begin_step(connection, run, step, begin(step, run.variables(step.references)), changes)
        children = [run for run in changes.children[born:] if run.live]
        released += children
        going |= {run.id: run for run in children}
    return released


def _going_maps(run: RunPicture) -> list[Step]:
    return [run.definition.by_name[name] for name in run.maps if run.facts[name].state is StepState.RUNNING]
