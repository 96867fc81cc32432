"""`easyflow check`: is the data right?"""

from __future__ import annotations

import typer

from easyflow.cli.connection import with_database
from easyflow.cli.options import Json
from easyflow.cli.output import print_json, print_table
from easyflow.settings import Settings
from easyflow.storage.conservation import Checked, check_data
from easyflow.storage.sql import Connection

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def check(as_json: Json = False) -> None:
    """Prove that every job is in exactly one place and every FAILED one has a dead letter; changes nothing.

    Also that no success was accepted twice or with an effect whose outcome is unknown, that every doubt has a ground,
    and that no dead executor's job was forgotten. The exit code is 1 when something is wrong.
    """

    async def work(connection: Connection, known: Settings) -> Checked:
        return await check_data(connection)

    checked = with_database(work)
    breaches = checked.breaches
    if as_json:
        items = [{"kind": breach.kind, "about": breach.about, "message": breach.message} for breach in breaches]
        print_json({"ok": not breaches, "jobs": checked.jobs, "failed": checked.failures, "items": items})
    elif breaches:
        rows = [(breach.kind, breach.about, breach.message) for breach in breaches]
        print_table(("kind", "about", "what is wrong"), rows, empty="")
    else:
        print(f"Right: {checked.jobs} jobs, each in one place; {checked.failures} FAILED, each with a dead letter.")
    if breaches:
        raise typer.Exit(1)
