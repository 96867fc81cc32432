"""The door for definitions: read, held against the tasks that workers have announced, and kept as versions."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from typing import Any

from easyflow.domain.workflow.definition import Definition
from easyflow.domain.workflow.reading import TaskUse, read, tasks_of
from easyflow.errors import Invalid
from easyflow.storage import tasks, workflows
from easyflow.storage.certainty import Lend, certainly
from easyflow.storage.database import committed
from easyflow.storage.sql import Connection
from easyflow.storage.workflows import Version


async def register_workflow(lend: Lend, document: Any, *, actor: str) -> Version:
    """Check a definition and keep it as the next version of its workflow; the same content is the same version.

    Returns when it is committed. Raises Invalid with every problem, each at its place in the definition, TooLarge,
    Malformed, and CommitUnknown: then repeat it.
    """
    definition = await read_definition(document)
    async with lend() as connection:
        await check_tasks(connection, definition)

    async def write(connection: Connection) -> Version:
        async with committed(connection):
            return await workflows.register(connection, definition, actor=actor)

    # What an unheard commit has stored, the second try finds by its content.
    return await certainly(lend, write, _nothing)


async def read_definition(document: Any) -> Definition:
    """Return a document as a definition; raises as `domain.workflow.reading.read`.

    In a thread: a large one takes a while, and the first one with a condition loads what evaluates it.
    """
    return await asyncio.to_thread(read, document)


async def check_tasks(connection: Connection, definition: Definition) -> None:
    """Raise Invalid, naming each place, when a task is not registered, or is not of the class its step relies on."""
    uses = tasks_of(definition)
    known = {row["name"]: row["effects"] for row in await tasks.read(connection)}
    problems = [{"at": use.at, "message": message} for use in uses if (message := _problem(use, known)) is not None]
    if problems:
        raise Invalid("the definition does not fit the tasks of the workers", problems[:100])


def _problem(use: TaskUse, known: dict[str, str]) -> str | None:
    if use.task not in known:
        close = get_close_matches(use.task, known, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        return f"no worker has registered the task {use.task}{meant}"
    if use.effects is not None and use.effects != known[use.task]:
        return f"the step relies on {use.effects} effects, and the task {use.task} is {known[use.task]}"
    return None


async def _nothing(connection: Connection) -> Version | None:
    return None
