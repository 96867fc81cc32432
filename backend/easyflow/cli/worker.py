"""`easyflow worker`: a supervisor with its executors."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from easyflow.cli.connection import known_settings
from easyflow.cli.tasks import modules, queues_of
from easyflow.engine.crew import Plan
from easyflow.engine.supervisor import run
from easyflow.registry import NAME
from easyflow.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def worker(
    queues: Annotated[
        str | None,
        typer.Option(help="Queues to serve, separated by commas; default EASYFLOW_QUEUES, else those of the tasks."),
    ] = None,
    executors: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Executor processes; default EASYFLOW_EXECUTORS, else one for each core."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Jobs one executor runs at once; default EASYFLOW_CONCURRENCY."),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Modules that register tasks, separated by commas; beside EASYFLOW_TASKS.")
    ] = None,
) -> None:
    """Run jobs until SIGTERM or Ctrl-C; running jobs then get time to finish.

    The built-in tasks and those of the examples are always there.
    """
    known = known_settings()
    names = modules(known, tasks)
    plan = Plan(
        queues=_queues(queues, known, names),
        modules=names,
        executors=executors or known.executors or _cores(),
        concurrency=concurrency or known.concurrency,
    )
    raise typer.Exit(run(known, plan))


def _queues(named: str | None, known: Settings, names: list[str]) -> list[str]:
    if named is None and "queues" not in known.model_fields_set:
        return queues_of(names)
    text = known.queues if named is None else named
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found or not all(NAME.fullmatch(name) for name in found):
        raise typer.BadParameter(f"{text!r} names no queues; say them separated by commas")
    return list(dict.fromkeys(found))


def _cores() -> int:
    """Count the cores this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
