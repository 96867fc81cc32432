"""`easyflow demo`: real work to look at, with results that are known to the cent."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from easyflow.cli.connection import known_settings
from easyflow.cli.night import Night
from easyflow.cli.options import Json, command_app
from easyflow.cli.output import print_json, print_table

app = command_app()


@app.callback()
def group() -> None:
    """Real work to look at: a card company's nightly posting run."""


@app.command()
def mainframe(
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until every transaction is through.")] = True,
    as_json: Json = False,
) -> None:
    """Post a night's 300 card transactions from EBCDIC files, and compare the totals with the verified ones.

    Started again, it goes on where it was, or says that it is done; nothing is booked twice.
    """
    night = Night(known_settings())
    if not wait:
        job_id, state = asyncio.run(night.start())
        print_json({"id": job_id, "state": state}) if as_json else print(f"{job_id} {state}")
        return
    report = asyncio.run(night.report())
    if as_json:
        print_json(report.document())
    else:
        print_table(("", "jobs", "amount"), report.rows(), empty="")
        print()
        print("\n".join(report.lines()))
    if report.wrong:
        raise typer.Exit(1)
