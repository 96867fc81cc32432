"""`easyflow jobs in-doubt` and `easyflow jobs settle`: jobs of which nobody knows what happened outside."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import typer

from easyflow.cli.acts import Outcomes, carried_out, sure
from easyflow.cli.connection import actor, known_settings, lending, with_database
from easyflow.cli.documents import doubt_of, job_of, more_of, page_of, print_effects, read_job
from easyflow.cli.options import Json, Limit, Reason, Yes
from easyflow.cli.output import print_facts, print_json, print_table
from easyflow.cli.submit import read_json
from easyflow.domain import document
from easyflow.domain.states import State
from easyflow.errors import Conflict
from easyflow.settings import Settings
from easyflow.storage import in_doubt
from easyflow.storage.acts import Act
from easyflow.storage.admission import Key, keys_of
from easyflow.storage.in_doubt import Settlement
from easyflow.storage.lists import JobFilter, Page, list_jobs
from easyflow.storage.notifications import notify_changed, notify_ready
from easyflow.storage.sql import Connection

Outcome = Annotated[
    Literal["happened", "did-not-happen", "failed"],
    typer.Argument(show_default=False, help="What you found out at the receiver; or end the job FAILED."),
]
Result = Annotated[
    str | None, typer.Option("--result", metavar="JSON|@FILE", help="With happened: what the receiver answered.")
]
Complete = Annotated[
    bool, typer.Option("--complete", help="With happened: the job ends SUCCEEDED, its handler does not run on.")
]
SeenVersion = Annotated[
    int | None, typer.Option("--seen-version", min=0, help="Refuse when it changed since; default: as it is now.")
]


def list_doubts(
    task: Annotated[str | None, typer.Option(help="Only jobs of this task.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only jobs of this queue.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only jobs with this tag.")] = None,
    limit: Limit = 50,
    after: Annotated[UUID | None, typer.Option(metavar="JOB_ID", help="Go on behind this job.")] = None,
    as_json: Json = False,
) -> None:
    """List jobs that wait for a person to say what happened outside, newest first."""

    async def work(connection: Connection, known: Settings) -> tuple[Page, dict[UUID, Any]]:
        page = await list_jobs(connection, JobFilter(State.IN_DOUBT, task, queue, tag), after=after, limit=limit)
        return page, await in_doubt.read(connection, [row["id"] for row in page.rows])

    page, doubts = with_database(work)
    # What somebody settled between the two looks is in doubt no longer.
    items = [{**job_of(row), "in_doubt": doubt_of(doubts[row["id"]])} for row in page.rows if row["id"] in doubts]
    if as_json:
        print_json(page_of(items, page))
        return
    columns = ("id", "task", "queue", "version", "since", "reason")
    rows = [(job["id"], job["task"], job["queue"], *_told(job["in_doubt"])) for job in items]
    print_table(columns, rows, empty="No job is in doubt.")
    if items:
        print(more_of(page, "job"))


def settle(
    job_id: Annotated[UUID, typer.Argument(show_default=False)],
    outcome: Outcome,
    reason: Reason,
    result: Result = None,
    complete: Complete = False,
    seen_version: SeenVersion = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Say what happened outside, so that a job in doubt goes on: look its key up at the receiver first.

    happened: what is open is recorded as done with --result, and the handler runs on from there; with --complete the
    job ends SUCCEEDED. did-not-happen: it is done again, with the same key. failed: the job ends as a dead letter.
    """
    word = cast("Settlement", outcome.replace("-", "_"))
    if word != "happened" and (complete or result is not None):
        raise typer.BadParameter("--result and --complete go with happened")
    said = _Said(word, _result_text(result), complete, reason)
    outcomes = Outcomes()

    async def work(connection: Connection, known: Settings) -> None:
        lend = lending(connection, known)

        async def act(job_id: UUID) -> dict[str, Any]:
            job = await read_job(connection, job_id)
            seen = _agreed(job, said, seen_version, yes)
            done = await carried_out(lend, Act("settle", str(job_id), reason), lambda lent: said.to(lent, job, seen))
            async with lend() as lent:
                await notify_ready(lent, [done["queue"]])
                await notify_changed(lent, "jobs", "dead-letters")
            return done

        await outcomes.attempt([job_id], act)

    with_database(work)
    outcomes.tell(as_json)


@dataclass(frozen=True, slots=True)
class _Said:
    """What the person says happened; `result` is JSON text."""

    outcome: Settlement
    result: str | None
    complete: bool
    reason: str

    def __str__(self) -> str:
        """Say it in the words of a question."""
        return "happened, and complete the job" if self.complete else self.outcome.replace("_", " ")

    async def to(self, connection: Connection, job: dict[str, Any], seen: int) -> tuple[dict[str, Any], set[Key]]:
        """Settle the job in the caller's transaction; what is to be told of it, and the keys to admit."""
        moved = await in_doubt.settle(
            connection,
            job["id"],
            outcome=self.outcome,
            result=self.result,
            complete=self.complete,
            seen_version=seen,
            reason=self.reason,
            actor=actor(),
        )
        facts = {"state": moved[0]["state"], "task": job["task"], "queue": job["queue"], "seen_version": seen}
        return {"outcome": self.outcome, **facts}, keys_of(moved)


def _agreed(job: dict[str, Any], said: _Said, seen_version: int | None, yes: bool) -> int:
    """Show what is in doubt and ask; return the version that was seen. Raises Conflict, and Exit(1) for a no."""
    doubt = job["in_doubt"]
    if doubt is None:
        raise Conflict(f"only a job in doubt can be settled; this one is {job['state']}", state=job["state"])
    if not yes:
        with redirect_stdout(sys.stderr):
            print_facts({"job": job["id"], "task": job["task"], "queue": job["queue"], **_named(doubt)})
            print_effects(job["effects"], job["effects_total"])
            print()
    if sure(f"Settle it as {said}?", yes):
        return int(doubt["version"] if seen_version is None else seen_version)
    typer.echo("Nothing was changed.", err=True)
    raise typer.Exit(1)


def _named(doubt: dict[str, Any]) -> dict[str, Any]:
    asked = "yes" if doubt["cancel_requested"] else None
    return {"version": doubt["version"], "since": doubt["since"], "reason": doubt["reason"], "cancel requested": asked}


def _told(doubt: dict[str, Any]) -> tuple[Any, ...]:
    return (doubt["version"], doubt["since"], doubt["reason"])


def _result_text(result: str | None) -> str | None:
    """Read --result as JSON text; raises BadParameter, and TooLarge for one above the limit."""
    if result is None:
        return None
    limit = known_settings().result_bytes
    return document.dumps(read_json(result, max_bytes=limit, name="result"), max_bytes=limit, at="result")
