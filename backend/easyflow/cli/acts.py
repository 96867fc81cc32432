"""One act on several objects: what became of each, as a table or as JSON, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any
from uuid import UUID

import typer

from easyflow.cli.output import complain, print_json, print_table, sentence_of
from easyflow.errors import EasyFlowError, StorageUnavailable
from easyflow.storage import acts
from easyflow.storage.admission import Key
from easyflow.storage.certainty import Lend
from easyflow.storage.sql import Connection

Act = Callable[[UUID], Awaitable[dict[str, Any]]]


class Outcomes:
    """What became of each object: the facts of those that were done, the sentence for those that were refused."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.done: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []

    async def attempt(self, job_ids: Iterable[UUID], act: Act) -> None:
        """Act on one after the other; a refusal does not keep the next from its turn, a lost database does."""
        for job_id in job_ids:
            try:
                self.done.append({"id": job_id, **await act(job_id)})
            except StorageUnavailable:
                raise
            except EasyFlowError as refused:
                self.refused.append({"id": job_id, "code": refused.code, "message": sentence_of(refused)})

    def tell(self, as_json: bool, nothing: str = "") -> None:
        """Print everything, `nothing` when there was nothing to do; raises Exit(1) when something was refused."""
        if as_json:
            print_json({"items": self.done, "refused": self.refused})
        elif self.done:
            columns = [name.replace("_", " ") for name in self.done[0]]
            print_table(columns, [list(facts.values()) for facts in self.done], empty="")
        elif not self.refused:
            print(nothing)
        for refusal in self.refused:
            complain(f"{refusal['id']}: {refusal['message']}")
        if self.refused:
            raise typer.Exit(1)


async def carried_out(
    lend: Lend, act: acts.Act, write: Callable[[Connection], Awaitable[tuple[dict[str, Any], Collection[Key]]]]
) -> dict[str, Any]:
    """Do one act in a transaction of its own, once, and return what `write` tells of it.

    `write` also says which keys may let other jobs go on. Raises what `storage.acts.carry_out` raises.
    """

    async def answered(connection: Connection) -> acts.Answer:
        facts, keys = await write(connection)
        return acts.Answer(200, json.dumps(facts), frozenset(keys))

    told: dict[str, Any] = json.loads((await acts.carry_out(lend, act, answered)).body)
    return told


def sure(question: str, yes: bool) -> bool:
    """Ask on standard error, so that the output stays clean; no answer means no."""
    if yes:
        return True
    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        typer.echo("", err=True)
        return False
