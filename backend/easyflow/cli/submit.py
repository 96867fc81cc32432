"""`easyflow submit`: one job, and its result if asked."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel, ValidationError

from easyflow.cli.connection import known_settings, lending, with_database
from easyflow.cli.documents import read_job
from easyflow.cli.options import Json, seconds
from easyflow.cli.output import complain, error_line, print_json
from easyflow.cli.tasks import BUILT_IN
from easyflow.domain import document
from easyflow.domain.states import TERMINAL, State
from easyflow.errors import EasyFlowError, Missing
from easyflow.registry import load
from easyflow.settings import Settings
from easyflow.storage import jobs
from easyflow.storage.notifications import notify_changed
from easyflow.storage.sql import Connection
from easyflow.submission.catalog import Catalog
from easyflow.submission.door import check
from easyflow.submission.door import submit as store
from easyflow.submission.requests import NewJob

app = typer.Typer(rich_markup_mode=None, add_completion=False)

STILL_RUNNING = 3
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.02, 0.25

M = TypeVar("M", bound=BaseModel)

Longest = Annotated[float | None, typer.Option(min=0, help="With --wait: how long; default for ever.")]


@app.command()
def submit(
    task: Annotated[str, typer.Argument(help="Name of a registered task.", show_default=False)],
    payload: Annotated[str, typer.Argument(metavar="PAYLOAD|-|@FILE", help="JSON; - reads it from stdin.")] = "{}",
    queue: Annotated[str | None, typer.Option(help="Default: the task's queue.")] = None,
    priority: Annotated[int, typer.Option(help="Lower runs first.")] = 0,
    delay: Annotated[str | None, typer.Option(help="Not before this time has passed: 90s, 5m, 2h, 1d.")] = None,
    run_at: Annotated[str | None, typer.Option(help="Not before this time: RFC 3339 with offset or Z.")] = None,
    concurrency_key: Annotated[str | None, typer.Option(help="At most so many with this key run at once.")] = None,
    ordering_key: Annotated[str | None, typer.Option(help="Jobs with this key run in order.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key never makes a second job.")] = None,
    max_attempts: Annotated[int | None, typer.Option(help="Default: the task's own.")] = None,
    timeout: Annotated[str | None, typer.Option(help="For one attempt: 30s, 5m; default the task's own.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given several times.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and print the result.")] = False,
    timeout_seconds: Longest = None,
    as_json: Json = False,
) -> None:
    """Submit one job.

    With --wait the exit code is 0 when it SUCCEEDED, 1 when it FAILED or was CANCELLED, and 3 when it was still
    under way at the end of --timeout-seconds.
    """
    if timeout_seconds is not None and not wait:
        raise typer.BadParameter("--timeout-seconds says how long to --wait; give both")
    asked = fitted(
        NewJob,
        task=task,
        payload=read_json(payload, max_bytes=known_settings().payload_bytes, name="payload"),
        queue=queue,
        priority=priority,
        run_at=run_at,
        delay_seconds=seconds(delay),
        concurrency_key=concurrency_key,
        ordering_key=ordering_key,
        max_attempts=max_attempts,
        timeout_seconds=seconds(timeout),
        tags=tag or [],
        idempotency_key=idempotency_key,
    )
    job, existing = _carry_out(asked, wait, timeout_seconds)
    _tell(job, existing, wait, as_json)


async def submit_one(connection: Connection, asked: NewJob, known: Settings) -> tuple[UUID, bool]:
    """Store one job and wake its workers; returns its id, and whether it was there before under its idempotency key.

    Raises Invalid naming each problem, KeyReused, Busy.
    """
    tickets = await check(connection, Catalog(), [asked], known, local=True)
    lend = lending(connection, known)
    stored = await store(lend, tickets, wake=True)
    async with lend() as lent:
        await notify_changed(lent, "jobs")
    return stored.ids[0], bool(stored.existing)


async def wait_for_end(connection: Connection, job_id: UUID, longest_seconds: float | None) -> State:
    """Look at a job until it has ended or the time is over; returns its state then."""
    give_up_at = float("inf") if longest_seconds is None else time.monotonic() + longest_seconds
    pause = FIRST_LOOK_SECONDS
    while True:
        rows = await jobs.read_states(connection, [job_id])
        if not rows:
            raise Missing(f"the job {job_id} is gone")
        state = State(rows[0]["state"])
        left = give_up_at - time.monotonic()
        if state in TERMINAL or left <= 0:
            return state
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)


def read_json(text: str, *, max_bytes: int, name: str) -> Any:
    """Read JSON exactly from an argument, from @FILE or, for -, from stdin; raises BadParameter."""
    try:
        content: bytes | str = text
        if text == "-":
            content = sys.stdin.buffer.read()
        elif text.startswith("@"):
            content = Path(text[1:]).read_bytes()
        return document.parse(content, max_bytes=max_bytes, at=name)
    except OSError as wrong:
        raise typer.BadParameter(f"{text[1:]} cannot be read: {wrong.strerror}") from None
    except EasyFlowError as wrong:
        raise typer.BadParameter(wrong.message) from None


def _carry_out(asked: NewJob, wait: bool, timeout_seconds: float | None) -> tuple[dict[str, Any], bool]:
    load(list(BUILT_IN))  # checked here, also before the first worker has announced them

    async def work(connection: Connection, known: Settings) -> tuple[dict[str, Any], bool]:
        job_id, existing = await submit_one(connection, asked, known)
        async with lending(connection, known)() as lent:
            if wait:
                await wait_for_end(lent, job_id, timeout_seconds)
            return await read_job(lent, job_id), existing

    return with_database(work)


def fitted(model: type[M], **fields: Any) -> M:
    """Return what a command was told as a request; raises BadParameter with the first thing that is wrong."""
    try:
        return model(**fields)
    except ValidationError as wrong:
        problem = wrong.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        said = problem["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(f"{place}: {said}" if place else said) from None


def _tell(job: dict[str, Any], existing: bool, waited: bool, as_json: bool) -> None:
    state = State(job["state"])
    if as_json:
        print_json({**job, "existing": existing})
    elif not waited:
        print(f"{job['id']} {state}{' (submitted before, under this idempotency key)' if existing else ''}")
    elif state is State.SUCCEEDED:
        print(job["result"].text if job["result"] else "null")
    if not waited or state is State.SUCCEEDED:
        return
    if state not in TERMINAL:
        complain(f"job {job['id']} is still {state}; `easyflow jobs show {job['id']}` tells more")
        raise typer.Exit(STILL_RUNNING)
    why = error_line(job["last_error"]) if state is State.FAILED else None
    complain(f"job {job['id']} is {state}{f': {why}' if why else ''}")
    raise typer.Exit(1)
