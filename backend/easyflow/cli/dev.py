"""`easyflow dev`: the development stack in one command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from easyflow.local.dashboard import FRONTEND
from easyflow.local.stack import StackOptions, run_stack
from easyflow.settings import settings

app = typer.Typer(add_completion=False)


@app.command()
def dev(
    api_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the API; default 3030.")] = None,
    dashboard_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the dashboard; default 3000.")
    ] = None,
    frontend: Annotated[
        bool, typer.Option("--frontend/--no-frontend", help="Serve the dashboard from its sources, where they are.")
    ] = True,
    dashboard: Annotated[bool, typer.Option("--dashboard/--no-dashboard", help="Serve the dashboard at all.")] = True,
    demo: Annotated[bool, typer.Option("--demo", help="Run the nightly posting run of the mainframe demo.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Remove the local database first, after asking.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    exit_when_done: Annotated[bool, typer.Option("--exit-when-done", hidden=True)] = False,
) -> None:
    """Start PostgreSQL, the API, a worker and the dashboard in this folder; Ctrl-C stops them.

    The database is the one EASYFLOW_DATABASE_URL names, else a private one in `.easyflow`.
    """
    known = settings()
    options = StackOptions(
        folder=Path.cwd(),
        api_port=api_port or known.api_port,
        dashboard_port=dashboard_port or known.dashboard_port,
        dashboard=dashboard,
        frontend=FRONTEND if frontend else None,
        demo=demo,
        exit_when_done=exit_when_done,
        reset=reset,
        sure=yes,
    )
    raise typer.Exit(run_stack(options, known, ask=_ask))


def _ask(question: str) -> bool:
    """Put a yes-or-no question; anything but yes, also no terminal, means no."""
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
