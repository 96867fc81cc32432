"""Choosing jobs for an act on many of them, or for one answer about all of them."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from easyflow.domain.states import State
from easyflow.storage.sql import Connection, statement

FIRST = UUID(int=0)
PAGE = 1_000


async def open_letters(connection: Connection, *, task: str | None, tag: str | None) -> list[asyncpg.Record]:
    """Return job_id, version, task, queue of every open dead letter of a task, with a tag; oldest job first.

    The version is the one to present when acting: who acts on a letter that changed since gets Stale.
    """
    found: list[asyncpg.Record] = []
    after = FIRST
    while True:
        page = await statement("find_open_dead_letters").fetch(
            connection, after=after, task=task, tag=tag, max_letters=PAGE
        )
        found += page
        if len(page) < PAGE:
            return found
        after = page[-1]["job_id"]


async def states_of_tag(connection: Connection, tag: str, task: str) -> dict[State, int]:
    """Count the jobs of a task that carry a tag, by state, in one picture."""
    rows = await statement("count_tagged_jobs").fetch(connection, tag=tag, task=task)
    return {State(row["state"]): row["jobs"] for row in rows}
