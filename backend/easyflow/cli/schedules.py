"""`easyflow schedules`: list, show, slots, preview; create, change, remove, pause, resume, backfill."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from easyflow.cli import schedule_acts
from easyflow.cli.connection import with_database
from easyflow.cli.options import Json, Limit, command_app, seconds
from easyflow.cli.output import print_json
from easyflow.cli.schedule_acts import At, Cron, Every, ScheduleName, Start, Zone, whole_seconds
from easyflow.cli.schedule_documents import (
    print_preview,
    print_schedule,
    print_schedules,
    print_slots,
    read_preview,
    read_schedule_document,
)
from easyflow.cli.submit import fitted
from easyflow.settings import Settings
from easyflow.storage import schedules
from easyflow.storage.composing import Total
from easyflow.storage.lists import picture
from easyflow.storage.scheduled import SchedulePage, SlotPage, list_schedules, list_slots
from easyflow.storage.sql import Connection
from easyflow.submission.schedules import MOST_PREVIEWED, SHOWN_AT_ONCE, PreviewedTimes, read_times

app = command_app()


@app.callback()
def group() -> None:
    """Start workflows by the clock: make schedules, look at what comes and what came, pause them, backfill."""


@app.command("list")
def list_some(
    limit: Limit = 50,
    after: Annotated[str | None, typer.Option(metavar="SCHEDULE", help="Go on behind this schedule.")] = None,
    as_json: Json = False,
) -> None:
    """List schedules by name, each with its next slot, and what became of the last one."""

    async def work(connection: Connection, known: Settings) -> SchedulePage:
        async with picture(connection):
            return await list_schedules(connection, after=after or "", limit=limit)

    page = with_database(work)
    if as_json:
        _print_page(page.rows, page.total, page.after)
        return
    print_schedules(page.rows)
    if page.rows:
        print(_more(page.total, "schedule", page.after))


@app.command()
def show(name: ScheduleName, as_json: Json = False) -> None:
    """Show one schedule: its facts, what last became of a slot, the input of its runs."""

    async def work(connection: Connection, known: Settings) -> dict[str, Any]:
        return await read_schedule_document(connection, name)

    schedule = with_database(work)
    if as_json:
        print_json(schedule)
    else:
        print_schedule(schedule)


@app.command()
def slots(
    name: ScheduleName,
    limit: Limit = 50,
    after: Annotated[int | None, typer.Option(metavar="CURSOR", min=1, help="Go on where a page ended.")] = None,
    as_json: Json = False,
) -> None:
    """List what became of a schedule's slots, written down last first."""

    async def work(connection: Connection, known: Settings) -> SlotPage:
        async with picture(connection):
            return await list_slots(connection, name, before=after, limit=limit)

    page = with_database(work)
    cursor = None if page.before is None else str(page.before)
    if as_json:
        _print_page(page.rows, page.total, cursor)
        return
    print_slots(page.rows)
    if page.rows:
        print(_more(page.total, "line", cursor))


@app.command()
def preview(
    name: Annotated[str | None, typer.Argument(metavar="[SCHEDULE]", help="Or say times.", show_default=False)] = None,
    cron: Cron = None,
    zone: Zone = None,
    every: Every = None,
    start: Start = None,
    at: At = None,
    count: Annotated[int, typer.Option(min=1, max=MOST_PREVIEWED, help="How many.")] = SHOWN_AT_ONCE,
    as_json: Json = False,
) -> None:
    """Show the next slots of a schedule, or of times that none has yet: local time and UTC, gap and overlap marked."""
    said = {"cron": cron, "zone": zone, "every_seconds": whole_seconds(seconds(every)), "start": start, "at": at}
    if (name is None) == all(each is None for each in said.values()):
        raise typer.BadParameter("name a schedule, or say times with --cron, --every or --at")
    times = None if name is not None else fitted(PreviewedTimes, **said)

    async def work(connection: Connection, known: Settings) -> dict[str, Any]:
        if times is not None:
            timing = await read_times(connection, times)
        else:
            timing = schedules.timing_of(await schedules.read(connection, name or ""))
        return await read_preview(connection, timing, count)

    previewed = with_database(work)
    if as_json:
        print_json(previewed)
    else:
        print_preview(previewed)


app.command("create")(schedule_acts.create)
app.command("change")(schedule_acts.change)
app.command("remove")(schedule_acts.remove)
app.command("pause")(schedule_acts.pause)
app.command("resume")(schedule_acts.resume)
app.command("backfill")(schedule_acts.backfill)


def _print_page(items: list[dict[str, Any]], total: Total, cursor: str | None) -> None:
    print_json({"items": items, "next_cursor": cursor, "total": {"value": total.value, "kind": total.kind}})


def _more(total: Total, noun: str, cursor: str | None) -> str:
    """Return the line under a table: how many there are, and how to see the next ones."""
    count = f"{'at least ' if total.kind == 'capped' else ''}{total.value} {noun}{'' if total.value == 1 else 's'}"
    return f"{count}; go on with --after {cursor}" if cursor else count
