"""`easyflow runs`: start, list, show, watch; cancel, pause, resume, signal."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any
from uuid import UUID

import typer

from easyflow.cli import run_acts
from easyflow.cli.connection import actor, known_settings, lending, with_database
from easyflow.cli.documents import more_of, page_of
from easyflow.cli.options import Json, Limit, command_app
from easyflow.cli.output import cell, complain, print_json, print_table, program
from easyflow.cli.run_documents import about, print_run, read_run_document, run_of, steps_over
from easyflow.cli.submit import FIRST_LOOK_SECONDS, STILL_RUNNING, fitted, read_json
from easyflow.domain.workflow.states import RUN_OVER, RunState
from easyflow.settings import Settings
from easyflow.storage.lists import Page
from easyflow.storage.notifications import notify_changed
from easyflow.storage.runs.lists import RunFilter, list_runs
from easyflow.storage.sql import Connection
from easyflow.submission.runs import NewRun, StartedRun, start_run

app = command_app()

LONGEST_LOOK_SECONDS = 0.5

Longest = Annotated[float | None, typer.Option(min=0, help="How long to wait; default for ever.")]
RunId = Annotated[UUID, typer.Argument(metavar="RUN_ID", show_default=False)]


@app.callback()
def group() -> None:
    """Start runs of workflows, list, show and watch them; cancel, pause, resume and signal them."""


@app.command()
def start(
    workflow: Annotated[str, typer.Argument(help="Name of a registered workflow.", show_default=False)],
    given: Annotated[str, typer.Argument(metavar="INPUT|-|@FILE", help="JSON; - reads it from stdin.")] = "{}",
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given several times.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key never starts a second run.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and print the output.")] = False,
    timeout_seconds: Longest = None,
    as_json: Json = False,
) -> None:
    """Start a run.

    With --wait the exit code is 0 when it SUCCEEDED, 1 when it FAILED or was CANCELLED, and 3 when it was still
    under way at the end of --timeout-seconds.
    """
    if timeout_seconds is not None and not wait:
        raise typer.BadParameter("--timeout-seconds says how long to --wait; give both")
    value = read_json(given, max_bytes=known_settings().payload_bytes, name="input")
    said = {"workflow": workflow, "version": version, "input": value, "tags": tag or []}
    wanted = fitted(NewRun, **said, idempotency_key=idempotency_key)

    async def work(connection: Connection, known: Settings) -> tuple[dict[str, Any], bool]:
        lend = lending(connection, known)
        started: StartedRun = await start_run(lend, wanted, known, actor=actor(), wake=True)
        async with lend() as lent:
            await notify_changed(lent, "runs", "jobs")
            if wait:
                return await _until_over(lent, started.id, timeout_seconds), started.existing
            return await read_run_document(lent, started.id), started.existing

    run, existing = with_database(work)
    if as_json:
        print_json({**run, "existing": existing})
    elif not wait:
        before = " (started before, under this idempotency key)" if existing else ""
        print(f"{run['id']} {run['state']}{', queued' if run['queued'] else ''}{before}")
    elif run["state"] == RunState.SUCCEEDED:
        print(run["output"].text if run["output"] else "null")
    if wait:
        _exit(run)


@app.command("list")
def list_some(
    state: Annotated[RunState | None, typer.Option(case_sensitive=False, help="Only runs in this state.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only runs with this tag.")] = None,
    key: Annotated[str | None, typer.Option(help="Only runs whose input gave this key.")] = None,
    limit: Limit = 50,
    after: Annotated[UUID | None, typer.Option(metavar="RUN_ID", help="Go on behind this run.")] = None,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""

    async def work(connection: Connection, known: Settings) -> Page:
        return await list_runs(connection, RunFilter(state, workflow, tag, key), after=after, limit=limit)

    page = with_database(work)
    items = [run_of(row) for row in page.rows]
    if as_json:
        print_json(page_of(items, page))
        return
    columns = ("id", "workflow", "version", "state", "steps over", "created", "finished", "reason")
    names = ("created_at", "finished_at", "reason")
    rows = [
        (run["id"], run["workflow"], run["version"], run["state"], steps_over(run), *(run[name] for name in names))
        for run in items
    ]
    print_table(columns, rows, empty="No such runs.")
    if items:
        print(more_of(page, "run"))


@app.command()
def show(run_id: RunId, as_json: Json = False) -> None:
    """Show one run: its facts, every step, its input and output."""

    async def work(connection: Connection, known: Settings) -> dict[str, Any]:
        return await read_run_document(connection, run_id)

    run = with_database(work)
    if as_json:
        print_json(run)
    else:
        print_run(run)


@app.command()
def watch(run_id: RunId, timeout_seconds: Longest = None, as_json: Json = False) -> None:
    """Tell what becomes of each step until the run is over; with --json only how it stands then.

    The exit code is 0 when it SUCCEEDED, 1 when it FAILED or was CANCELLED, and 3 when it was still under way at the
    end of --timeout-seconds.
    """
    told: dict[str, str] = {}

    def tell(run: dict[str, Any]) -> None:
        for step in run["steps"]:
            said = f"{step['state']:<9}  {about(step) or ''}".rstrip()
            if step["began_at"] is None and step["finished_at"] is None:
                continue
            if told.get(step["name"]) != said:
                told[step["name"]] = said
                at = step["finished_at"] or step["began_at"]
                print(f"{cell(at)}  {step['name']}  {said}", flush=True)

    async def work(connection: Connection, known: Settings) -> dict[str, Any]:
        return await _until_over(connection, run_id, timeout_seconds, None if as_json else tell)

    run = with_database(work)
    if as_json:
        print_json(run)
    elif run["state"] == RunState.SUCCEEDED:
        print(f"run {run['id']} SUCCEEDED")
    _exit(run)


app.command("cancel")(run_acts.cancel)
app.command("pause")(run_acts.pause)
app.command("resume")(run_acts.resume)
app.command("signal")(run_acts.signal)
app.command("migrate")(run_acts.migrate)


async def _until_over(
    connection: Connection, run_id: UUID, longest_seconds: float | None, tell: Any = None
) -> dict[str, Any]:
    """Look at a run until it is over or the time is, telling of each look; returns it as it is then."""
    give_up_at = float("inf") if longest_seconds is None else time.monotonic() + longest_seconds
    pause = FIRST_LOOK_SECONDS
    while True:
        run = await read_run_document(connection, run_id)
        if tell is not None:
            tell(run)
        left = give_up_at - time.monotonic()
        if run["state"] in RUN_OVER or left <= 0:
            return run
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)


def _exit(run: dict[str, Any]) -> None:
    """End with the exit code that says how a run stands; what is not success is a sentence."""
    state = RunState(run["state"])
    if state is RunState.SUCCEEDED:
        return
    if state not in RUN_OVER:
        complain(f"run {run['id']} is still {state}; `{program()} runs show {run['id']}` tells more")
        raise typer.Exit(STILL_RUNNING)
    why = f": {run['reason']}" if run["reason"] else ""
    complain(f"run {run['id']} is {state}{why}")
    raise typer.Exit(1)
