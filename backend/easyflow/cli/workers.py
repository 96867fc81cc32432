"""`easyflow workers`: who is alive, and what they hold."""

from __future__ import annotations

import socket
from typing import Annotated, Any

import typer

from easyflow.cli.connection import with_database
from easyflow.cli.options import Json
from easyflow.cli.output import print_json, print_table
from easyflow.settings import Settings
from easyflow.storage import workers as storage
from easyflow.storage.sql import Connection

app = typer.Typer(rich_markup_mode=None, add_completion=False)

MOST = 10_000
LONG_SILENT_SECONDS = 3600.0

COLUMNS = ("id", "state", "host", "pid", "queues", "executors", "running", "started", "last seen")


@app.command()
def workers(
    everyone: Annotated[
        bool, typer.Option("--all", help="Also those that stopped, or have been silent for an hour.")
    ] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Only this host's; exit code 1 unless one is live or draining.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List workers, newest first; `silent` is one that has not renewed its lease in time."""

    async def work(connection: Connection, known: Settings) -> list[dict[str, Any]]:
        rows = await storage.list_all(connection, MOST)
        return [{**row, "state": _state(dict(row), known.lease_seconds)} for row in rows]

    listed = [worker for worker in with_database(work) if everyone or _is_of_interest(worker)]
    found = [worker for worker in listed if worker["host"] == socket.gethostname()] if here else listed
    _tell(found, as_json)
    if here and not any(worker["state"] in ("live", "draining") for worker in found):
        raise typer.Exit(1)


def _tell(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"items": found, "next_cursor": None, "total": {"value": len(found), "kind": "exact"}})
        return
    rows = [
        (
            worker["id"],
            worker["state"],
            worker["host"],
            str(worker["pid"]),
            worker["queues"],
            worker["executors"],
            worker["running"],
            worker["started_at"],
            worker["seen_at"],
        )
        for worker in found
    ]
    print_table(COLUMNS, rows, empty="No worker runs: start one with `easyflow worker`.")


def _state(worker: dict[str, Any], lease_seconds: float) -> str:
    silent = worker["state"] != "stopped" and worker["silent_seconds"] > lease_seconds
    return "silent" if silent else str(worker["state"])


def _is_of_interest(worker: dict[str, Any]) -> bool:
    return worker["state"] != "stopped" and float(worker["silent_seconds"]) < LONG_SILENT_SECONDS
