"""`easyflow queues`: list, set, pause, resume."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from easyflow.cli.acts import carried_out
from easyflow.cli.connection import actor, lending, with_database
from easyflow.cli.options import Json, PerhapsReason, command_app
from easyflow.cli.output import print_json, print_table
from easyflow.registry import NAME
from easyflow.settings import Settings
from easyflow.storage import queues
from easyflow.storage.acts import Act
from easyflow.storage.notifications import notify_changed, notify_control
from easyflow.storage.sql import Connection

app = command_app()

MOST = 1_000_000
COLUMNS = ("queue", "paused", "limit", "per key", "ready", "running", "parked", "oldest ready")


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no queue name: letters, digits, '.', '_' and '-', at most 200")
    return text


Name = Annotated[str, typer.Argument(metavar="QUEUE", callback=_name, show_default=False)]


@app.callback()
def group() -> None:
    """List queues, set their limits, pause and resume them."""


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List queues with their settings and what is in them."""

    async def work(connection: Connection, known: Settings) -> list[dict[str, Any]]:
        return [dict(row) for row in await queues.list_all(connection)]

    _show(with_database(work), as_json)


@app.command("set")
def set_limits(
    name: Name,
    concurrency: Annotated[
        int | None, typer.Option(min=0, max=MOST, help="Jobs of this queue that run at once, everywhere; 0: no limit.")
    ] = None,
    concurrency_per_key: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Jobs with one concurrency key that run at once.")
    ] = None,
    reason: PerhapsReason = None,
    as_json: Json = False,
) -> None:
    """Set a queue's limits; what is not named stays as it is."""
    if concurrency is None and concurrency_per_key is None:
        raise typer.BadParameter("say --concurrency, --concurrency-per-key, or both")
    _change(name, as_json, reason=reason, concurrency=concurrency, concurrency_per_key=concurrency_per_key)


@app.command()
def pause(name: Name, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Let no further job of a queue start; what runs goes on."""
    _change(name, as_json, reason=reason, paused=True)


@app.command()
def resume(name: Name, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Let a paused queue's jobs start again."""
    _change(name, as_json, reason=reason, paused=False)


def _change(name: str, as_json: bool, **changes: Any) -> None:
    async def work(connection: Connection, known: Settings) -> list[dict[str, Any]]:
        lend = lending(connection, known)

        async def write(lent: Connection) -> tuple[dict[str, Any], tuple[()]]:
            await queues.change(lent, name, actor=actor(), **changes)
            return {}, ()

        await carried_out(lend, Act("change queue", name, changes), write)
        async with lend() as lent:
            await notify_control(lent)
            await notify_changed(lent, "queues")
            return [dict(row) for row in await queues.list_all(lent) if row["name"] == name]

    found = with_database(work)
    if as_json:
        print_json(found[0])
    else:
        _show(found, as_json=False)


def _show(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"items": found, "next_cursor": None, "total": {"value": len(found), "kind": "exact"}})
        return
    rows = [
        (
            queue["name"],
            queue["paused"],
            queue["concurrency"],
            queue["concurrency_per_key"],
            queue["ready"],
            queue["running"],
            queue["parked"],
            queue["oldest_ready_at"],
        )
        for queue in found
    ]
    print_table(COLUMNS, rows, empty="There are no queues yet: a worker announces those it serves.")
    capped = [queue["name"] for queue in found if queue["counts"] == "capped"]
    if capped:
        print(f"There is more than was counted in {', '.join(capped)}.")
