"""`easyflow jobs`: list, show, cancel, run-now, in-doubt, settle."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from easyflow.cli import in_doubt
from easyflow.cli.acts import Outcomes, carried_out
from easyflow.cli.connection import actor, lending, with_database
from easyflow.cli.documents import job_of, more_of, page_of, print_attempts, print_effects, read_job
from easyflow.cli.options import Json, Limit, PerhapsReason, command_app
from easyflow.cli.output import (
    Raw,
    cell,
    error_line,
    pretty,
    print_block,
    print_facts,
    print_json,
    print_table,
    program,
)
from easyflow.domain.states import State
from easyflow.settings import Settings
from easyflow.storage import jobs
from easyflow.storage.acts import Act
from easyflow.storage.admission import Key
from easyflow.storage.lists import JobFilter, Page, list_jobs
from easyflow.storage.notifications import notify_changed, notify_control, notify_ready
from easyflow.storage.sql import Connection

app = command_app()

JobIds = Annotated[list[UUID], typer.Argument(metavar="JOB_ID", show_default=False)]


@app.callback()
def group() -> None:
    """List jobs, show one, cancel it, run it now, settle one in doubt."""


@app.command("list")
def list_some(
    state: Annotated[State | None, typer.Option(case_sensitive=False, help="Only jobs in this state.")] = None,
    task: Annotated[str | None, typer.Option(help="Only jobs of this task.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only jobs of this queue.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only jobs with this tag.")] = None,
    run_id: Annotated[UUID | None, typer.Option(metavar="RUN_ID", help="Only jobs of this run.")] = None,
    limit: Limit = 50,
    after: Annotated[UUID | None, typer.Option(metavar="JOB_ID", help="Go on behind this job.")] = None,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""

    async def work(connection: Connection, known: Settings) -> Page:
        return await list_jobs(connection, JobFilter(state, task, queue, tag, run_id=run_id), after=after, limit=limit)

    page = with_database(work)
    items = [job_of(row) for row in page.rows]
    if as_json:
        print_json(page_of(items, page))
        return
    columns = ("id", "task", "state", "queue", "retries", "created", "last error")
    rows = [
        (
            job["id"],
            job["task"],
            job["state"],
            job["queue"],
            job["retry_count"],
            job["created_at"],
            error_line(job["last_error"]),
        )
        for job in items
    ]
    print_table(columns, rows, empty="No such jobs.")
    if items:
        print(more_of(page, "job"))


@app.command()
def show(job_id: Annotated[UUID, typer.Argument(show_default=False)], as_json: Json = False) -> None:
    """Show one job: its facts, payload, result, attempts, effects and dead letter."""

    async def work(connection: Connection, known: Settings) -> dict[str, Any]:
        return await read_job(connection, job_id)

    job = with_database(work)
    if as_json:
        print_json(job)
    else:
        _print_job(job)


@app.command()
def cancel(job_ids: JobIds, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Cancel jobs: those that wait at once, those that run by asking them to stop."""
    outcomes = Outcomes()

    async def work(connection: Connection, known: Settings) -> None:
        lend = lending(connection, known)

        async def act(job_id: UUID) -> dict[str, Any]:
            async def write(lent: Connection) -> tuple[dict[str, Any], set[Key]]:
                moved = await jobs.cancel(lent, job_id, actor=actor(), reason=reason)
                return {"outcome": moved.outcome}, moved.keys

            return await carried_out(lend, Act("cancel", str(job_id), reason), write)

        await outcomes.attempt(job_ids, act)
        async with lend() as lent:
            await notify_control(lent)
            await notify_changed(lent, "jobs")

    with_database(work)
    outcomes.tell(as_json)


@app.command("run-now")
def run_now(job_ids: JobIds, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Let scheduled jobs start now."""
    outcomes = Outcomes()

    async def work(connection: Connection, known: Settings) -> None:
        lend = lending(connection, known)

        async def act(job_id: UUID) -> dict[str, Any]:
            async def write(lent: Connection) -> tuple[dict[str, Any], set[Key]]:
                moved = await jobs.run_now(lent, job_id, actor=actor(), reason=reason)
                return {"queue": moved.queue}, moved.keys

            return await carried_out(lend, Act("run now", str(job_id), reason), write)

        await outcomes.attempt(job_ids, act)
        async with lend() as lent:
            await notify_ready(lent, {facts["queue"] for facts in outcomes.done})
            await notify_changed(lent, "jobs")

    with_database(work)
    outcomes.tell(as_json)


app.command("in-doubt")(in_doubt.list_doubts)
app.command("settle")(in_doubt.settle)


def _print_job(job: dict[str, Any]) -> None:
    plain = {name: value for name, value in job.items() if not isinstance(value, Raw | list | dict)}
    facts = {name.replace("_", " "): value for name, value in plain.items() if name != "effects_total"}
    progress = job["progress"] and _progress_line(job["progress"])
    print_facts({**facts, "tags": job["tags"], "progress": progress, "last error": error_line(job["last_error"])})
    for name in ("payload", "result"):
        if job[name] is not None:
            print_block(name, pretty(job[name].text))
    print_attempts(job["attempts"])
    print_effects(job["effects"], job["effects_total"])
    doubt = job["in_doubt"]
    if doubt:
        print(f"\nIn doubt since {cell(doubt['since'])}, version {doubt['version']}: {cell(doubt['reason'], None)}")
        print(f"Look the open keys up where they were sent, then: {program()} jobs settle {job['id']} ...")
    letter = job["dead_letter"]
    if letter:
        print(f"\nDead letter {letter['state']}, version {letter['version']}: {cell(letter['reason'])}")
    errors = [attempt["error"] for attempt in job["attempts"] if attempt["error"]]
    if errors and errors[-1]["traceback"]:
        print_block("traceback", errors[-1]["traceback"])


def _progress_line(progress: dict[str, Any]) -> str:
    share = progress["done"] if progress["total"] is None else f"{progress['done']} of {progress['total']}"
    return f"{share}: {progress['note']}" if progress["note"] else str(share)
