"""`easyflow workflow preflight`: before a deploy, which runs could go on by a definition and what breaks the others."""

from __future__ import annotations

from typing import Any

import typer

from easyflow.cli.connection import with_database
from easyflow.cli.output import print_json, print_table
from easyflow.domain.workflow.definition import Definition
from easyflow.settings import Settings
from easyflow.storage.runs.preflight import Tally, preflight
from easyflow.storage.sql import Connection

_VERSIONS = ("version", "compatible", "breaking", "ending")


def tell_preflight(definition: Definition, *, as_json: bool) -> None:
    """Look at the runs of a workflow and print what was found; raises Exit(1) when something breaks."""

    async def work(connection: Connection, _: Settings) -> Tally:
        return await preflight(connection, definition)

    found = with_database(work)
    if as_json:
        print_json(_document(definition, found))
    else:
        _print(definition, found)
    if found.breaking:
        raise typer.Exit(1)


def _document(definition: Definition, found: Tally) -> dict[str, Any]:
    return {
        "workflow": definition.name,
        "digest": definition.digest.hex(),
        "versions": [dict(zip(_VERSIONS, row, strict=True)) for row in _versions(found)],
        "breaks": [
            {"step": reason.step, "message": reason.message, "runs": each.runs, "run_ids": each.named}
            for reason, each in found.breaks.items()
        ],
    }


def _print(definition: Definition, found: Tally) -> None:
    print_table(_VERSIONS, _versions(found), empty=f"No run of {definition.name} is under way or failed.")
    if not found.breaks:
        return
    print()
    for reason, each in found.breaks.items():
        runs = "one run" if each.runs == 1 else f"{each.runs} runs"
        print(f"{reason.step or 'the run'}: {reason.message} ({runs}: {', '.join(map(str, each.named))})")


def _versions(found: Tally) -> list[tuple[int, ...]]:
    counted = sorted(found.versions.items())
    return [(version, count.compatible, count.breaking, count.ending) for version, count in counted]
