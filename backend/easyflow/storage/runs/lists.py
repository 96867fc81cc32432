"""Lists of runs: a page of ids found by filter, newest first, then what is shown of them by id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import literal, select, true

from easyflow.domain.workflow.states import RunState
from easyflow.storage import tables
from easyflow.storage.composing import Query, first_id, given_text, since, word
from easyflow.storage.lists import Page, picture
from easyflow.storage.runs.read import read_run_rows
from easyflow.storage.sql import Connection


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list; `created_after` is read from the run's id, to the millisecond."""

    state: RunState | None = None
    workflow: str | None = None
    tag: str | None = None
    key: str | None = None
    created_after: datetime | None = None


async def list_runs(connection: Connection, wanted: RunFilter, *, after: UUID | None, limit: int) -> Page:
    """Return up to `limit` runs without input and output, newest first, behind the run `after`; else as `list_jobs`.

    Rows are as `read_run_rows` returns them.
    """
    query = _runs_query(wanted.state, wanted.workflow is None, wanted.tag is None, wanted.key is None)
    given = {"workflow": wanted.workflow, "tag": wanted.tag, "key": wanted.key}
    async with picture(connection):
        found = await query.page(connection, {**given, "since": first_id(wanted.created_after)}, after, limit)
        rows = await read_run_rows(connection, [row[0] for row in found[:limit]])
        total = await query.count(connection, {**given, "since": first_id(wanted.created_after)}, len(rows))
    return Page(rows, found[limit - 1][0] if len(found) > limit else None, total)


@cache
def _runs_query(state: RunState | None, any_workflow: bool, any_tag: bool, any_key: bool) -> Query:
    runs, tags = tables.runs, tables.run_tags
    matches = [] if state is None else [runs.c.state == word(state)]
    matches += [] if any_workflow else [runs.c.workflow == given_text("workflow")]
    matches += [] if any_key else [runs.c.key == given_text("key")]
    if any_tag:
        return Query(select(runs.c.id).where(*matches, runs.c.id >= since()), runs.c.id)
    # Lateral with a limit can only be planned as: walk the tag's runs in order, look each one up.
    place = (
        select(runs.c.id)
        .where(runs.c.id == tags.c.run_id, *matches)
        .limit(literal(1, literal_execute=True))
        .lateral("place")
    )
    tagged = select(tags.c.run_id).select_from(tags.join(place, true()))
    return Query(tagged.where(tags.c.tag == given_text("tag"), tags.c.run_id >= since()), tags.c.run_id)
