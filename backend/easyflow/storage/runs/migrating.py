"""Moving runs to another version of their workflow: looked at first, then all or nothing for each run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from easyflow.domain.workflow.definition import Definition, SignalStep
from easyflow.domain.workflow.evolution import Breaks, Fits, Reason, Standing, evolve, input_reasons, wants_input
from easyflow.domain.workflow.numbering import MOST_NUMBERS, Numbers, numbers_after, numbers_of
from easyflow.domain.workflow.states import RunState, StepState
from easyflow.errors import Conflict, Invalid, Missing, TooLarge
from easyflow.storage.runs.acts import Acted, Caller, write_down
from easyflow.storage.runs.advance import Advanced, go_on
from easyflow.storage.runs.changes import Changes
from easyflow.storage.runs.examining import CHUNK, Examined, Examiner
from easyflow.storage.runs.inserting import pinned_children
from easyflow.storage.runs.picture import RunPicture, lock, read_values
from easyflow.storage.runs.preflight import Tally
from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import DEFINITIONS, read_version

MOST_AT_ONCE = 100
MOST_SHOWN = 1_000
ALREADY = "it is on this version already"
GONE = "there is no such run"


@dataclass(frozen=True, slots=True)
class Target:
    """The version that runs are to move to, and the new names of steps that are called otherwise there."""

    definition: Definition
    version: int
    digest: bytes
    mapping: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Preview:
    """What a move would do: `runs` as they stand, at most a thousand, and counts of all of them."""

    runs: list[Examined] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of each run: moved, with what one might not expect of it, or untouched, with why.

    `advanced` is to be told behind the commit.
    """

    moved: dict[UUID, Fits]
    refused: dict[UUID, Breaks]
    advanced: Advanced


@dataclass(frozen=True, slots=True)
class _Moving:
    run: RunPicture
    fits: Fits
    numbers: Numbers
    children: Mapping[str, int]


async def target(
    connection: Connection, name: str, version: int | None, mapping: Mapping[str, str] | None = None
) -> Target:
    """Return where to move runs to: a version of a workflow, the newest when none is named.

    Raises Missing for no such version, Invalid for a mapping to a step that it does not have, or of two steps to one.
    """
    row = await read_version(connection, name, version)
    definition, wanted = DEFINITIONS.keep(row), dict(mapping or {})
    problems = []
    for step, image in wanted.items():
        at = f"mapping.{step}"
        if image not in definition.by_name:
            problems.append({"at": at, "message": f"version {row['version']} has no step {image}"})
        others = [other for other in wanted if other != step and wanted[other] == image]
        if others:
            problems.append({"at": at, "message": f"{others[0]} would become {image} too"})
    if problems:
        raise Invalid("the mapping of steps does not fit", problems)
    return Target(definition, row["version"], row["digest"], wanted)


async def preview(connection: Connection, to: Target, run_ids: Sequence[UUID] | None = None) -> Preview:
    """Say what a move of these runs would do, or of all that are under way or FAILED; nothing is locked or changed.

    Runs that are on the version already are left out.
    """
    seen, examiner = Preview(), Examiner(to.definition, to.mapping)
    if run_ids is None:
        async for runs in examiner.walk(connection):
            _show(seen, runs, to)
        return seen
    for first in range(0, len(run_ids), CHUNK):
        _show(seen, await examiner.judge(connection, run_ids[first : first + CHUNK]), to)
    return seen


async def migrate(connection: Connection, to: Target, run_ids: Sequence[UUID], caller: Caller) -> Migrated:
    """Move up to 100 runs to another version and let them go on, in the caller's transaction.

    Each is judged again behind its lock, and moves whole or not at all; a refused one changes nothing. What runs of a
    step goes on with what it was given, and its end is the end of the step in the new version. A run that FAILED stays
    so until it is resumed. Asking twice is the same as once. Raises TooLarge for more runs, Missing when the
    version has a child whose workflow does not exist.
    """
    if len(set(run_ids)) > MOST_AT_ONCE:
        raise TooLarge(f"at most {MOST_AT_ONCE} runs move at once; name fewer of them")
    runs = await lock(connection, run_ids)
    verdicts = await _judge(connection, to, runs)
    newest = await pinned_children(connection, to.definition)
    moving = list[_Moving]()
    for id, verdict in verdicts.items():
        if isinstance(verdict, Fits):
            moved = _moving(to, runs[id], verdict, newest)
            if len(moved.numbers) > MOST_NUMBERS:
                verdicts[id] = Breaks((Reason(None, "it has moved too often: begin a new run instead"),))
            else:
                moving.append(moved)
    advanced = await _write(connection, to, moving, caller) if moving else Advanced()
    missing = {id: Breaks((Reason(None, GONE),), ending=True) for id in set(run_ids) - runs.keys()}
    fits = {id: verdict for id, verdict in verdicts.items() if isinstance(verdict, Fits)}
    breaks = {id: verdict for id, verdict in verdicts.items() if isinstance(verdict, Breaks)}
    return Migrated(fits, breaks | missing, advanced)


async def move(
    connection: Connection, run_id: UUID, version: int | None, mapping: Mapping[str, str], caller: Caller
) -> Acted:
    """Move one run to a version of its workflow, the newest when none is named, in the caller's transaction.

    Moving a run to where it is already changes nothing. Raises Missing for no such run or version, Invalid for a
    mapping that does not fit, and Conflict with every reason when the run cannot go on there.
    """
    runs = await lock(connection, [run_id])
    if run_id not in runs:
        raise Missing(f"there is no run {run_id}")
    row = runs[run_id].row
    to = await target(connection, row["workflow"], version, mapping)
    if row["digest"] == to.digest:
        return Acted(RunState(row["state"]), Advanced())
    migrated = await migrate(connection, to, [run_id], caller)
    if run_id in migrated.refused:
        told = [
            f"{f'step {each.step}: ' if each.step else ''}{each.message}" for each in migrated.refused[run_id].reasons
        ]
        raise Conflict(f"the run cannot go on with version {to.version}: {'; '.join(told)}", state=row["state"])
    (moved,) = await statement("lock_runs").fetch(connection, run_ids=[run_id])
    return Acted(RunState(moved["state"]), migrated.advanced)


def _show(seen: Preview, runs: Sequence[Examined], to: Target) -> None:
    for run in runs:
        if run.digest != to.digest:
            seen.tally.add(run)
            seen.runs += [run] if len(seen.runs) < MOST_SHOWN else []


async def _judge(connection: Connection, to: Target, runs: Mapping[UUID, RunPicture]) -> dict[UUID, Fits | Breaks]:
    signals = await statement("read_signal_names").fetch(connection, run_ids=list(runs))
    verdicts = dict[UUID, Fits | Breaks]()
    for id, run in runs.items():
        if run.row["digest"] == to.digest:
            verdicts[id] = Breaks((Reason(None, ALREADY),), ending=True)
            continue
        come = frozenset(row["name"] for row in signals if row["run_id"] == id)
        state, stopping = RunState(run.row["state"]), run.row["stopping"] is not None
        standing = Standing(state, run.facts, stopping, run.row["compensated"], come)
        verdicts[id] = evolve(run.definition, to.definition, standing, to.mapping)
    asked = {
        id: runs[id]
        for id, verdict in verdicts.items()
        if isinstance(verdict, Fits) and wants_input(runs[id].definition, to.definition)
    }
    await read_values(connection, dict.fromkeys(asked, ()), asked)
    for id, run in asked.items():
        reasons = input_reasons(to.definition, run.input)
        if reasons:
            verdicts[id] = Breaks(reasons)
    return verdicts


def _moving(to: Target, run: RunPicture, fits: Fits, newest: Mapping[str, int]) -> _Moving:
    before = run.row["numbers"]
    numbers = numbers_of(run.definition) if before is None else json.loads(before)
    # A child that was pinned when the run started stays pinned.
    children = {**newest, **json.loads(run.row["children"] or "{}")}
    return _Moving(run, fits, numbers_after(numbers, fits.images, to.definition), children)


async def _write(connection: Connection, to: Target, moving: Sequence[_Moving], caller: Caller) -> Advanced:
    ids = [each.run.id for each in moving]
    await statement("change_versions").fetch(
        connection,
        run_ids=ids,
        version=to.version,
        digest=to.digest,
        numbers=[json.dumps(each.numbers) for each in moving],
        children=[json.dumps(each.children) if each.children else None for each in moving],
    )
    waits = [wait for each in moving for wait in _retimed(to, each)]
    if waits:
        await statement("retime_waits").fetch(
            connection,
            run_ids=[run_id for run_id, _, _ in waits],
            step_nos=[step_no for _, step_no, _ in waits],
            timeouts=[timeout for _, _, timeout in waits],
        )
    for each in moving:
        await _write_down(connection, to, each, caller)
    return await go_on(connection, (await lock(connection, ids)).values(), Changes())


def _retimed(to: Target, moving: _Moving) -> Iterator[tuple[UUID, int, float | None]]:
    """The steps that wait for a signal for another time than before."""
    for name, row in moving.run.rows.items():
        kind = moving.run.definition.by_name[name].kind
        new = to.definition.by_name[moving.fits.images[name]].kind
        if row["state"] != StepState.WAITING or not (isinstance(kind, SignalStep) and isinstance(new, SignalStep)):
            continue
        if kind.timeout_seconds != new.timeout_seconds:
            yield moving.run.id, row["step_no"], new.timeout_seconds


async def _write_down(connection: Connection, to: Target, moving: _Moving, caller: Caller) -> None:
    before, after = {"version": moving.run.row["version"]}, {"version": to.version}
    renamed = {name: image for name, image in moving.fits.images.items() if name != image}
    mapping = {"mapping": renamed} if renamed else {}
    detail = {"before": before, "after": after, **mapping}
    await write_down(
        connection, moving.run.id, "migrate", caller, detail=detail, before=before, after={**after, **mapping}
    )
