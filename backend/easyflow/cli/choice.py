"""Which dead letters an act is about: those named, or all open ones of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import typer

from easyflow.cli.acts import sure
from easyflow.storage.selection import open_letters
from easyflow.storage.sql import Connection


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person asked for."""

    job_ids: Sequence[UUID]
    every: bool
    task: str | None
    tag: str | None
    seen_version: int | None

    def __post_init__(self) -> None:
        """Raise BadParameter for what does not go together."""
        if bool(self.job_ids) == self.every:
            raise typer.BadParameter("name job ids, or choose --all of a --task")
        if self.every and self.task is None:
            raise typer.BadParameter("--all needs --task: which task's dead letters?")
        if not self.every and (self.task or self.tag):
            raise typer.BadParameter("--task and --tag go with --all; the ids already say which")
        if self.seen_version is not None and len(self.job_ids) != 1:
            raise typer.BadParameter("--seen-version is for one job id")

    async def find(self, connection: Connection) -> dict[UUID, int | None]:
        """Return the job ids in order, each with the version that was seen; None where nobody has looked yet."""
        if not self.every:
            return dict.fromkeys(self.job_ids, self.seen_version)
        letters = await open_letters(connection, task=self.task, tag=self.tag)
        return {letter["job_id"]: letter["version"] for letter in letters}

    def agreed(self, act: str, found: int, yes: bool) -> bool:
        """Ask before acting on several; raises Exit(1) when the answer is no."""
        if found <= 1 and not self.every:
            return True
        if found == 0:
            return False
        of_task = f" of {self.task}" if self.task else ""
        if sure(f"{act.capitalize()} {found} dead letter{'' if found == 1 else 's'}{of_task}?", yes):
            return True
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(1)
