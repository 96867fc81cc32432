"""The acts of `easyflow schedules`: create, change, remove, pause, resume, backfill."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from easyflow.cli.acts import carried_out, sure
from easyflow.cli.connection import actor, known_settings, lending, with_database
from easyflow.cli.options import Json, PerhapsReason, Yes, seconds
from easyflow.cli.output import cell, print_json, utc
from easyflow.cli.schedule_documents import read_schedule_document
from easyflow.cli.submit import fitted, read_json
from easyflow.domain.due import MOST_CAUGHT_UP, CatchUp, Overlap
from easyflow.settings import Settings
from easyflow.storage import schedules
from easyflow.storage.acts import Act
from easyflow.storage.backfill import MOST_BACKFILLED
from easyflow.storage.notifications import notify_changed, notify_ready
from easyflow.storage.runs.acts import Caller
from easyflow.storage.sql import Connection
from easyflow.submission.schedules import (
    Backfill,
    NewSchedule,
    ScheduleChange,
    backfill_schedule,
    change_schedule,
    create_schedule,
)


def _name(text: str) -> str:
    if not schedules.NAME.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no name of a schedule: letters, digits, '.', '_' and '-', at most 200")
    return text


ScheduleName = Annotated[str, typer.Argument(metavar="SCHEDULE", callback=_name, show_default=False)]
Cron = Annotated[str | None, typer.Option(metavar="FIELDS", help='Such as "30 2 * * MON-FRI", or @hourly to @yearly.')]
Zone = Annotated[str | None, typer.Option(help="Whose clock --cron follows, such as Europe/Berlin; default: UTC.")]
Every = Annotated[str | None, typer.Option(metavar="DURATION", help="Such as 30s, 5m, 2h or 1d.")]
Start = Annotated[str | None, typer.Option(metavar="TIME", help="Where --every begins to count; default: now.")]
At = Annotated[str | None, typer.Option(metavar="TIME", help="One time, such as 2026-01-31T09:30:00+01:00.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag of its runs; may be given several times.")]
OverlapOption = Annotated[
    Overlap | None, typer.Option(case_sensitive=False, help="When a run is still live at a slot; default: skip.")
]
CatchUpOption = Annotated[
    CatchUp | None, typer.Option(case_sensitive=False, help="When slots came and no worker; default: last.")
]
CatchUpLimit = Annotated[int | None, typer.Option(min=1, max=MOST_CAUGHT_UP, help="Most that `all` makes up for.")]

Write = Callable[[Connection, Caller], Awaitable[Any]]


def create(
    name: ScheduleName,
    workflow: Annotated[str, typer.Argument(help="Name of a registered workflow.", show_default=False)],
    given: Annotated[str, typer.Argument(metavar="INPUT|-|@FILE", help="JSON; - reads it from stdin.")] = "{}",
    cron: Cron = None,
    zone: Zone = None,
    every: Every = None,
    start: Start = None,
    at: At = None,
    tag: Tags = None,
    overlap: OverlapOption = None,
    catch_up: CatchUpOption = None,
    catch_up_limit: CatchUpLimit = None,
    paused: Annotated[bool, typer.Option("--paused", help="It begins only when it is resumed.")] = False,
    reason: PerhapsReason = None,
    as_json: Json = False,
) -> None:
    """Make a schedule that starts a workflow in its newest version: say --cron, --every or --at."""
    known = known_settings()
    times = _said(cron=cron, zone=zone, every_seconds=whole_seconds(seconds(every)), start=start, at=at)
    policy = _said(overlap=overlap, catch_up=catch_up, catch_up_limit=catch_up_limit, reason=reason)
    value = read_json(given, max_bytes=known.payload_bytes, name="input")
    facts = {"name": name, "workflow": workflow, "input": value, "tags": tag or [], "paused": paused}
    wanted = fitted(NewSchedule, **facts, **times, **policy)

    async def write(connection: Connection, caller: Caller) -> None:
        await create_schedule(connection, wanted, caller, known)

    _act("create", name, wanted.model_dump(exclude_unset=True), write, reason, as_json)


def change(
    name: ScheduleName,
    workflow: Annotated[str | None, typer.Option(help="Start this one from now on.")] = None,
    given: Annotated[
        str | None, typer.Option("--input", metavar="INPUT|-|@FILE", help="JSON; - reads it from stdin.")
    ] = None,
    cron: Cron = None,
    zone: Zone = None,
    every: Every = None,
    start: Start = None,
    at: At = None,
    tag: Tags = None,
    overlap: OverlapOption = None,
    catch_up: CatchUpOption = None,
    catch_up_limit: CatchUpLimit = None,
    seen_version: Annotated[int | None, typer.Option(min=1, help="Only if it still is at this version.")] = None,
    reason: PerhapsReason = None,
    as_json: Json = False,
) -> None:
    """Change what is named of a schedule; what is not named stays. Tags are given anew as a whole."""
    known = known_settings()
    facts = _said(workflow=workflow, overlap=overlap, catch_up=catch_up, catch_up_limit=catch_up_limit, tags=tag)
    facts |= _said(cron=cron, zone=zone, every_seconds=whole_seconds(seconds(every)), start=start, at=at, reason=reason)
    if given is not None:
        facts["input"] = read_json(given, max_bytes=known.payload_bytes, name="input")
    wanted = fitted(ScheduleChange, seen_version=seen_version or 1, **facts)

    async def write(connection: Connection, caller: Caller) -> None:
        seen = seen_version or (await schedules.lock(connection, name))["version"]
        await change_schedule(connection, name, wanted.model_copy(update={"seen_version": seen}), caller, known)

    _act("change", name, wanted.model_dump(exclude_unset=True), write, reason, as_json)


def remove(name: ScheduleName, yes: Yes = False, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Remove a schedule with all that is written down of its slots; runs it has started go on."""
    if not sure(f"Remove the schedule {name} and what is written down of its slots?", yes):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(1)

    async def write(connection: Connection, caller: Caller) -> dict[str, Any]:
        await schedules.delete(connection, name, caller)
        return {"name": name, "removed": True}

    removed = with_database(_work("remove", name, reason, write, reason))
    if as_json:
        print_json(removed)
    else:
        print(f"{name} is removed")


def pause(name: ScheduleName, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Start nothing more by a schedule; runs that are live go on."""

    async def write(connection: Connection, caller: Caller) -> None:
        await schedules.pause(connection, name, caller)

    _act("pause", name, reason, write, reason, as_json)


def resume(name: ScheduleName, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Let a paused schedule go on with its next slot; what came meanwhile is missed, and can be backfilled."""

    async def write(connection: Connection, caller: Caller) -> None:
        await schedules.resume(connection, name, caller)

    _act("resume", name, reason, write, reason, as_json)


def backfill(
    name: ScheduleName,
    first: Annotated[str, typer.Option("--from", metavar="TIME", help="The first slot, or a time before it.")],
    until: Annotated[str, typer.Option(metavar="TIME", help="The last slot, or a time behind it.")],
    limit: Annotated[int, typer.Option(min=1, max=MOST_BACKFILLED, help="Most slots.")] = MOST_BACKFILLED,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell which slots these are.")] = False,
    reason: PerhapsReason = None,
    as_json: Json = False,
) -> None:
    """Start a run for each slot of a range that has none; where runs may not overlap, one after the other."""
    said = {"from": first, "until": until, "limit": limit, "dry_run": dry_run, **_said(reason=reason)}
    wanted = fitted(Backfill, **said)
    queues: set[str] = set()

    async def write(connection: Connection, caller: Caller) -> dict[str, Any]:
        filled = await backfill_schedule(connection, name, wanted, caller)
        queues.update(filled.queues)
        done = filled.backfilled
        told = {"slots": [utc(slot) for slot in done.slots], "runs": [str(run_id) for run_id in done.started]}
        return {"dry_run": dry_run, **told, "waiting": done.waiting, "more": done.more}

    done = with_database(_work("backfill", name, wanted.model_dump(exclude_unset=True), write, reason, queues))
    if as_json:
        print_json(done)
    else:
        _tell_backfill(done)


def whole_seconds(given: float | None) -> int | None:
    """Return a duration in whole seconds; raises BadParameter for one that is none."""
    if given is None:
        return None
    if given != int(given):
        raise typer.BadParameter("an interval has whole seconds")
    return int(given)


def _said(**facts: Any) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _act(word: str, name: str, said: Any, write: Write, reason: str | None, as_json: bool) -> None:
    """Do one act on a schedule, and tell how it is then."""

    async def then(connection: Connection, known: Settings) -> dict[str, Any]:
        await _work(word, name, said, write, reason)(connection, known)
        async with lending(connection, known)() as lent:
            return await read_schedule_document(lent, name)

    schedule = with_database(then)
    if as_json:
        print_json(schedule)
        return
    follows = f"its next slot is {cell(schedule['next_slot'])}" if schedule["next_slot"] else "nothing more comes"
    print(f"{name}, version {schedule['version']}: {'it is paused' if schedule['paused'] else follows}")


def _work(
    word: str, name: str, said: Any, write: Write, reason: str | None, queues: set[str] | None = None
) -> Callable[[Connection, Settings], Awaitable[dict[str, Any]]]:
    """Carry out one act in a transaction of its own, and tell workers and who looks on behind the commit."""

    async def work(connection: Connection, known: Settings) -> dict[str, Any]:
        lend = lending(connection, known)

        async def done(lent: Connection) -> tuple[dict[str, Any], tuple[()]]:
            return await write(lent, Caller(actor(), reason)) or {}, ()

        told = await carried_out(lend, Act(f"{word} schedule", name, said), done)
        async with lend() as lent:
            await notify_ready(lent, queues or ())
            await notify_changed(lent, "runs")
        return told

    return work


def _tell_backfill(done: dict[str, Any]) -> None:
    slots: list[str] = done["slots"]
    if not slots:
        print("No slot of this range is without a run.")
        return
    begun = "would start" if done["dry_run"] else "start one after the other" if done["waiting"] else "started"
    print(f"{len(slots)} slot{'' if len(slots) == 1 else 's'} {begun}, from {slots[0]} to {slots[-1]}")
    for slot in slots if done["dry_run"] else []:
        print(f"  {slot}")
    if done["more"]:
        print("There are more: the same command again goes on.")
