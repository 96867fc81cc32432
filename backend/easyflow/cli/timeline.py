"""`easyflow timeline`: show what the timeline guard knows, and say what was lost so that unsafe jobs start again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from easyflow.cli.connection import actor, with_database
from easyflow.cli.options import Json, Reason, command_app
from easyflow.cli.output import print_facts, print_json
from easyflow.errors import Conflict
from easyflow.settings import Settings
from easyflow.storage import timeline
from easyflow.storage.database import committed
from easyflow.storage.notifications import notify_changed, notify_control
from easyflow.storage.sql import Connection
from easyflow.submission.requests import Moment

app = command_app()

PARKING_SECONDS = 60.0
MEANINGS = {
    "unwatched": "no worker has looked at this database yet",
    "watching": "every task is claimed",
    "tripped": "unsafe jobs are paused: say what was lost with `easyflow timeline release`",
    "releasing": "unsafe jobs are paused until what existed in the lost time is parked",
}

_MOMENT = TypeAdapter[datetime](Moment)


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else _MOMENT.validate_python(text)
    except ValidationError as wrong:
        raise typer.BadParameter(wrong.errors()[0]["msg"].removeprefix("Value error, ")) from None


@app.callback()
def group() -> None:
    """Show whether the database went back in time, and release unsafe jobs after it did."""


@app.command()
def show(as_json: Json = False) -> None:
    """Show the timeline guard: whether unsafe jobs are paused, since when and why."""

    async def work(connection: Connection, known: Settings) -> dict[str, Any]:
        return await timeline.describe(connection)

    _tell(with_database(work), as_json)


@app.command()
def release(
    reason: Reason,
    lost_from: Annotated[
        str | None, typer.Option(metavar="TIME", help="Since when commits may be missing; RFC 3339.")
    ] = None,
    lost_until: Annotated[
        str | None, typer.Option(metavar="TIME", help="When this server took over; RFC 3339.")
    ] = None,
    nothing_lost: Annotated[
        bool, typer.Option("--nothing-lost", help="Every commit is there: a planned switch, or an upgrade.")
    ] = False,
    seen_version: Annotated[
        int | None, typer.Option(min=1, help="Only if the guard is still at the version that you saw.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which time was lost. Unsafe jobs that existed in it are parked IN_DOUBT; all others then start again."""
    first, last = _moment(lost_from), _moment(lost_until)
    lost = (first, last) if first is not None and last is not None else None
    if nothing_lost == (lost is not None) or (nothing_lost and (first or last)):
        raise typer.BadParameter("say --lost-from and --lost-until, or --nothing-lost")

    async def work(connection: Connection, known: Settings) -> dict[str, Any]:
        kept = (await timeline.look(connection)).kept
        if kept is None:
            raise Conflict("nobody watches this database yet: start a worker")
        seen = seen_version or kept.version
        async with committed(connection):
            await timeline.release(connection, seen_version=seen, lost=lost, actor=actor(), reason=reason)
        await timeline.review(connection, PARKING_SECONDS)
        await notify_control(connection)
        await notify_changed(connection, "jobs", "queues", "workers")
        return await timeline.describe(connection)

    _tell(with_database(work), as_json)


def _tell(guard: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(guard)
        return
    state = guard["state"]
    kept, found = guard["kept"] or {}, guard["found"]
    waits = f"; waits for claimed jobs to end: {guard['running']}" if guard["running"] else ""
    print_facts(
        {
            "state": f"{state}: {MEANINGS[state]}{waits}",
            "version": guard["version"],
            "blind": "yes: grant execute on function pg_control_system() to the workers' role"
            if guard["blind"]
            else None,
            "paused since": guard["tripped_at"] if state in ("tripped", "releasing") else None,
            "found by": guard["tripped_by"],
            **{f"difference {n}": said for n, said in enumerate(guard["differences"], 1)},
            "lost from": guard["lost_from"],
            "lost until": guard["lost_until"],
            "parked": guard["parked"] or None,
            "released by": guard["released_by"],
            "released": guard["released_at"],
            "reason": guard["reason"],
            "watched since": guard["watched_since"],
            "kept": _place(kept) if kept else None,
            "server": "a standby: it takes no writes" if guard["standby"] else _place(found),
        }
    )


def _place(where: dict[str, Any]) -> str:
    names = {"system_identifier": "system", "timeline_id": "timeline", "database_oid": "oid", "commit_counter": "at"}
    return ", ".join(f"{word} {'?' if where[name] is None else where[name]}" for name, word in names.items())
