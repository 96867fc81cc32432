"""The acts of `easyflow runs`: cancel, pause, resume, signal, migrate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import typer

from easyflow.cli.acts import Outcomes, carried_out
from easyflow.cli.connection import actor, known_settings, lending, with_database
from easyflow.cli.options import Json, PerhapsReason
from easyflow.cli.submit import read_json
from easyflow.settings import Settings
from easyflow.storage.acts import Act
from easyflow.storage.notifications import notify_changed, notify_ready
from easyflow.storage.runs import acts, migrating
from easyflow.storage.runs.acts import Acted, Caller
from easyflow.storage.sql import Connection
from easyflow.submission.runs import check_signal, stop

RunIds = Annotated[list[UUID], typer.Argument(metavar="RUN_ID...", show_default=False)]
Compensate = Annotated[
    bool, typer.Option("--compensate/--no-compensate", help="Whether what finished steps have done is taken back.")
]

Write = Callable[[Connection, UUID, Caller], Awaitable[Acted]]


def cancel(run_ids: RunIds, compensate: Compensate = True, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Cancel runs: nothing further begins, jobs that run are asked to stop, finished steps are taken back."""

    async def write(connection: Connection, run_id: UUID, caller: Caller) -> Acted:
        return await acts.cancel(connection, run_id, caller, compensate=compensate)

    said = {"reason": reason, "compensate": compensate}
    _act("cancel run", run_ids, said, write, reason, stops=True).tell(as_json)


def pause(run_ids: RunIds, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Let nothing further of runs begin; what runs comes to its end."""
    _act("pause run", run_ids, reason, acts.pause, reason).tell(as_json)


def resume(run_ids: RunIds, reason: PerhapsReason = None, as_json: Json = False) -> None:
    """Let paused runs go on, and FAILED ones try their failed steps again; what SUCCEEDED is not repeated."""
    _act("resume run", run_ids, reason, acts.resume, reason).tell(as_json)


def migrate(
    run_ids: RunIds,
    to: Annotated[int | None, typer.Option("--to", min=1, help="Version; default: the newest.")] = None,
    renamed: Annotated[
        list[str] | None, typer.Option("--rename", metavar="OLD=NEW", help="What a step is called there.")
    ] = None,
    reason: PerhapsReason = None,
    as_json: Json = False,
) -> None:
    """Let runs go on with another version of their workflow; one that cannot is left as it is, with every reason."""
    mapping = dict(_renaming(each) for each in renamed or [])

    async def write(connection: Connection, run_id: UUID, caller: Caller) -> Acted:
        return await migrating.move(connection, run_id, to, mapping, caller)

    _act("migrate run", run_ids, {"reason": reason, "to": to, "mapping": mapping}, write, reason).tell(as_json)


def _renaming(said: str) -> tuple[str, str]:
    old, equals, new = said.partition("=")
    if not (old and equals and new):
        raise typer.BadParameter(f"{said} is not OLD=NEW", param_hint="--rename")
    return old, new


def signal(
    run_id: Annotated[UUID, typer.Argument(metavar="RUN_ID", show_default=False)],
    name: Annotated[str, typer.Argument(help="What the step waits for.", show_default=False)],
    value: Annotated[str, typer.Argument(metavar="VALUE|-|@FILE", help="JSON; - reads it from stdin.")] = "null",
    reason: PerhapsReason = None,
    as_json: Json = False,
) -> None:
    """Give a run the signal a step waits for; one that comes early is kept, a second is refused."""
    known = known_settings()
    given = read_json(value, max_bytes=known.payload_bytes, name="value")

    async def write(connection: Connection, run_id: UUID, caller: Caller) -> Acted:
        await check_signal(connection, run_id, name, given, known)
        return await acts.signal(connection, run_id, name, given, caller)

    _act(f"signal {name} run", [run_id], [given, reason], write, reason).tell(as_json)


def _act(
    word: str, run_ids: list[UUID], said: Any, write: Write, reason: str | None, *, stops: bool = False
) -> Outcomes:
    """Do one act on each run, and tell workers and who looks on behind the commits."""
    outcomes = Outcomes()

    async def work(connection: Connection, known: Settings) -> None:
        lend = lending(connection, known)
        queues = set[str]()

        async def act(run_id: UUID) -> dict[str, Any]:
            async def done(lent: Connection) -> tuple[dict[str, Any], set[Any]]:
                acted = await write(lent, run_id, Caller(actor(), reason))
                queues.update(acted.advanced.queues)
                return {"state": acted.state}, set()

            return await carried_out(lend, Act(word, str(run_id), said), done)

        await outcomes.attempt(run_ids, act)
        async with lend() as lent:
            for facts in outcomes.done if stops else []:
                await stop(lent, facts["id"])
            await notify_ready(lent, queues)
            await notify_changed(lent, "runs", "jobs")

    with_database(work)
    return outcomes
