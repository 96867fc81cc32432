"""`easyflow doctor`: are the surroundings right?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import typer

from easyflow.cli.connection import connected, known_settings
from easyflow.cli.findings import OLD_TRANSACTION_SECONDS, Finding, Surroundings, judge
from easyflow.cli.options import Json
from easyflow.cli.output import print_json
from easyflow.errors import StorageUnavailable
from easyflow.settings import Settings
from easyflow.storage import migrations, surroundings, timeline
from easyflow.storage.database import display_url

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look at what EasyFlow stands on: server, settings, schema, clocks, connections, old transactions.

    Each line is ok, warn or FAIL with what to do; the exit code is 1 when one is FAIL.
    """
    findings = examine(known_settings())
    failed = any(finding.level == "FAIL" for finding in findings)
    if as_json:
        print_json({"ok": not failed, "items": [finding._asdict() for finding in findings]})
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            print(f"{finding.level.ljust(4)}  {finding.subject.ljust(width)}  {finding.message}")
    if failed:
        raise typer.Exit(1)


def examine(known: Settings) -> list[Finding]:
    """Read and judge everything; when the database cannot be reached that is the only finding."""
    try:
        found = asyncio.run(_read(known))
    except StorageUnavailable as away:
        message = f"{away.message}: is it running, and is EASYFLOW_DATABASE_URL right?"
        return [Finding("FAIL", "database", message)]
    reached = Finding("ok", "database", display_url(known.direct_url))
    return [reached, *judge(found, known)]


async def _read(known: Settings) -> Surroundings:
    wanted = migrations.wanted_revision()
    present = await migrations.present_revision(known.direct_url)
    async with connected(known) as connection:
        await surroundings.read_server(connection)  # the first look also prepares the statement
        asked = datetime.now(UTC)
        server = await surroundings.read_server(connection)
        answered = datetime.now(UTC)
        return Surroundings(
            server=dict(server),
            clock_ahead_seconds=(server["now"] - asked - (answered - asked) / 2).total_seconds(),
            revision=present,
            wanted_revision=wanted,
            upkeep=dict(await surroundings.read_upkeep(connection)) if present else None,
            guard=await timeline.describe(connection) if present == wanted else None,
            old=[dict(row) for row in await surroundings.old_transactions(connection, OLD_TRANSACTION_SECONDS)],
        )
