"""`easyflow dlq`: dead letters listed, shown, replayed, discarded."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

import typer

from easyflow.cli.acts import Outcomes, carried_out
from easyflow.cli.choice import Choice
from easyflow.cli.connection import actor, known_settings, lending, with_database
from easyflow.cli.documents import letter_of, more_of, page_of, print_attempts, read_letter
from easyflow.cli.edits import Edit, checked_payload, parse_edit
from easyflow.cli.options import Json, Limit, Reason, Yes, command_app
from easyflow.cli.output import error_line, pretty, print_block, print_facts, print_json, print_table
from easyflow.settings import Settings
from easyflow.storage import dead_letters
from easyflow.storage.acts import Act
from easyflow.storage.admission import Key
from easyflow.storage.lists import DeadLetterFilter, Page, list_dead_letters
from easyflow.storage.notifications import notify_changed, notify_ready
from easyflow.storage.sql import Connection
from easyflow.submission.catalog import Catalog

app = command_app()

JobIds = Annotated[list[UUID] | None, typer.Argument(metavar="JOB_ID", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="All open ones of --task, instead of ids.")]
OfTask = Annotated[str | None, typer.Option("--task", help="With --all: of this task.")]
WithTag = Annotated[str | None, typer.Option("--tag", help="With --all: with this tag.")]
SeenVersion = Annotated[
    int | None, typer.Option("--seen-version", min=1, help="Refuse when it changed since; default: as it is now.")
]
Payload = Annotated[str | None, typer.Option("--payload", metavar="JSON|@FILE", help="Another payload; for one job.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Another value for one field; may be given several times."),
]


@app.callback()
def group() -> None:
    """List dead letters, show one, let its job run again, or set it aside."""


@app.command("list")
def list_some(
    state: Annotated[Literal["open", "discarded", "replayed"], typer.Option(help="Only in this state.")] = "open",
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only with this tag.")] = None,
    limit: Limit = 50,
    after: Annotated[UUID | None, typer.Option(metavar="JOB_ID", help="Go on behind this job.")] = None,
    as_json: Json = False,
) -> None:
    """List dead letters, newest job first."""

    async def work(connection: Connection, known: Settings) -> Page:
        return await list_dead_letters(connection, DeadLetterFilter(state, task, queue, tag), after=after, limit=limit)

    page = with_database(work)
    items = [letter_of(row) for row in page.rows]
    if as_json:
        print_json(page_of(items, page))
        return
    rows = [
        (item["job_id"], item["task"], item["version"], item["failures"], item["failed_at"], error_line(item["error"]))
        for item in items
    ]
    columns = ("job id", "task", "version", "failures", "failed", "error")
    print_table(columns, rows, empty=f"No {state} dead letters.")
    if items:
        print(more_of(page, "dead letter"))


@app.command()
def show(job_id: Annotated[UUID, typer.Argument(show_default=False)], as_json: Json = False) -> None:
    """Show one dead letter: what failed, why, and with which payload."""

    async def work(connection: Connection, known: Settings) -> dict[str, Any]:
        return await read_letter(connection, job_id)

    letter = with_database(work)
    if as_json:
        print_json(letter)
        return
    apart = ("payload", "traceback", "error", "attempts")
    facts = {name.replace("_", " "): letter[name] for name in letter if name not in apart}
    print_facts({**facts, "error": error_line(letter["error"])})
    print_block("payload", pretty(letter["payload"].text))
    print_attempts(letter["attempts"])
    if letter["traceback"]:
        print_block("traceback", letter["traceback"])


@app.command()
def replay(
    reason: Reason,
    job_ids: JobIds = None,
    payload: Payload = None,
    assignments: Assignments = None,
    every: All = False,
    task: OfTask = None,
    tag: WithTag = None,
    seen_version: SeenVersion = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Let failed jobs run again, with another payload if given; the submitted payload stays in the history."""
    choice = Choice(job_ids or [], every, task, tag, seen_version)
    edit = parse_edit(payload, assignments or [], known_settings())
    if payload is not None and (every or len(job_ids or []) > 1):
        raise typer.BadParameter("--payload is for one job; change fields of several with --set")
    outcomes = Outcomes()

    async def work(connection: Connection, known: Settings) -> None:
        chosen = await choice.find(connection)
        lend = lending(connection, known)
        write = partial(_replay, edit=edit, reason=reason, catalog=Catalog(), known=known)

        async def act(job_id: UUID) -> dict[str, Any]:
            replay_it = partial(write, job_id=job_id, chosen_version=chosen[job_id])
            done = await carried_out(lend, Act("replay", str(job_id), reason), replay_it)
            async with lend() as lent:
                await notify_ready(lent, [done["queue"]])
            return done

        if choice.agreed("replay", len(chosen), yes):
            await outcomes.attempt(chosen, act)
            async with lend() as lent:
                await notify_changed(lent, "jobs", "dead-letters")

    with_database(work)
    outcomes.tell(as_json, nothing="No open dead letters of this kind.")


@app.command()
def discard(
    reason: Reason,
    job_ids: JobIds = None,
    every: All = False,
    task: OfTask = None,
    tag: WithTag = None,
    seen_version: SeenVersion = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Set dead letters aside; their jobs stay FAILED."""
    choice = Choice(job_ids or [], every, task, tag, seen_version)
    outcomes = Outcomes()

    async def work(connection: Connection, known: Settings) -> None:
        chosen = await choice.find(connection)
        lend = lending(connection, known)

        async def act(job_id: UUID) -> dict[str, Any]:
            async def write(lent: Connection) -> tuple[dict[str, Any], set[Key]]:
                letter = await dead_letters.read(lent, job_id)
                seen = chosen[job_id] or letter["version"]
                version = await dead_letters.discard(lent, job_id, seen_version=seen, actor=actor(), reason=reason)
                return {"outcome": "discarded", "task": letter["task"], "seen_version": seen, "version": version}, set()

            return await carried_out(lend, Act("discard", str(job_id), reason), write)

        if choice.agreed("discard", len(chosen), yes):
            await outcomes.attempt(chosen, act)
            async with lend() as lent:
                await notify_changed(lent, "jobs", "dead-letters")

    with_database(work)
    outcomes.tell(as_json, nothing="No open dead letters of this kind.")


async def _replay(
    connection: Connection,
    *,
    job_id: UUID,
    chosen_version: int | None,
    edit: Edit,
    reason: str,
    catalog: Catalog,
    known: Settings,
) -> tuple[dict[str, Any], set[Key]]:
    letter = dict(await dead_letters.read(connection, job_id))
    seen = chosen_version or letter["version"]
    text = await checked_payload(connection, catalog, letter, edit, known)
    moved = await dead_letters.replay(connection, job_id, seen_version=seen, payload=text, actor=actor(), reason=reason)
    facts = {"outcome": moved.outcome, "task": letter["task"], "queue": moved.queue, "seen_version": seen}
    return facts, moved.keys
