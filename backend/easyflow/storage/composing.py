"""Composing a list: one shape of filter as its page and its count, compiled once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import asyncpg as dialect

from easyflow.storage import tables
from easyflow.storage.sql import Connection

COUNT_SECONDS = 1.0
COUNTED_AT_MOST = 1000


class Total(NamedTuple):
    """How many there are: exactly, or (`capped`) at least."""

    value: int
    kind: Literal["exact", "capped"]


def first_id(moment: datetime | None) -> UUID:
    """Return the smallest UUIDv7 of a time (48 bits of milliseconds, then zeros), without one the smallest of all."""
    milliseconds = int(moment.timestamp() * 1000) if moment else 0
    return UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)


class Query:
    """One shape of filter, compiled: its page and its count."""

    def __init__(self, rows: Select[Any], id_column: ColumnElement[Any]) -> None:
        behind = bindparam("after", type_=Uuid, required=False)
        most = bindparam("most", type_=BigInteger, required=False)
        ordered = rows.order_by(id_column.desc()).limit(most)
        capped = rows.with_only_columns(literal(1, literal_execute=True)).limit(most).subquery()
        self._first = _compiled(ordered)
        self._later = _compiled(ordered.where(id_column < behind))
        self._count = _compiled(select(func.count()).select_from(capped))

    async def page(
        self, connection: Connection, given: Mapping[str, Any], after: UUID | None, limit: int
    ) -> list[asyncpg.Record]:
        """Return up to one row more than `limit`, newest first."""
        text, names = self._first if after is None else self._later
        values = {**given, "after": after, "most": limit + 1}
        return await connection.fetch(text, *[values[name] for name in names])

    async def count(self, connection: Connection, given: Mapping[str, Any], seen: int) -> Total:
        """Count up to the cap, as the last statement of its transaction; when that takes too long, what was seen."""
        text, names = self._count
        values = {**given, "after": None, "most": COUNTED_AT_MOST + 1}
        await allow(connection, COUNT_SECONDS)
        try:
            value: int = await connection.fetchval(text, *[values[name] for name in names])
        except asyncpg.QueryCanceledError:
            return Total(seen, "capped")
        return Total(value, "exact") if value <= COUNTED_AT_MOST else Total(COUNTED_AT_MOST, "capped")


def _compiled(query: Select[Any]) -> tuple[str, tuple[str, ...]]:
    compiled = query.compile(dialect=dialect.dialect(), compile_kwargs={"render_postcompile": True})  # type: ignore[no-untyped-call]
    return str(compiled), tuple(compiled.positiontup or ())


async def allow(connection: Connection, seconds: float) -> None:
    """Let statements of the present transaction take so long."""
    await connection.execute("select set_config('statement_timeout', $1, true)", str(int(seconds * 1000)))


# Stands in the statement itself: what is compiled once takes nothing but what it names.
_LAST_ID: Any = literal_column("'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid")


def given_text(name: str) -> Any:
    """Return a text parameter of a composed statement."""
    return bindparam(name, type_=Text, required=False)


def since() -> Any:
    """Return the parameter for the smallest id of a time."""
    return bindparam("since", type_=Uuid, required=False)


def word(said: str) -> Any:
    """Return text that stands in the statement itself, where the words of a partial index are asked for."""
    return literal(str(said), Text, literal_execute=True)


def given_id(name: str) -> Any:
    """Return an id as a parameter of a composed statement."""
    return bindparam(name, type_=Uuid, required=False)


def of_run(source: Table, id_column: Column[Any], matches: Sequence[ColumnElement[bool]], *, any_tag: bool) -> Query:
    """Take the newest jobs of each step of a run, look each one up in `source`, and of these take the newest.

    So the index of a run's jobs is walked from its end, also behind a million of them.
    """
    steps, jobs, tags = tables.run_steps, tables.jobs, tables.job_tags
    of_step = [jobs.c.run_id == steps.c.run_id, jobs.c.step_no == steps.c.step_no, jobs.c.id >= since()]
    of_step.append(jobs.c.id < func.coalesce(given_id("after"), _LAST_ID))
    looked_up: FromClause = jobs
    if source is jobs:
        of_step += matches
    else:
        looked_up = jobs.join(_one(id_column, id_column == jobs.c.id, *matches).lateral("there"), true())
    if not any_tag:
        one = _one(tags.c.job_id, tags.c.job_id == jobs.c.id, tags.c.tag == given_text("tag"))
        looked_up = looked_up.join(one.lateral("tagged"), true())
    most = bindparam("most", type_=BigInteger, required=False)
    newest = select(jobs.c.id).select_from(looked_up).where(*of_step)
    place = newest.order_by(jobs.c.id.desc()).limit(most).lateral("place")
    found = select(place.c.id).select_from(steps.join(place, true())).where(steps.c.run_id == given_id("run_id"))
    return Query(found, place.c.id)


def _one(column: Column[Any], *matches: ColumnElement[bool]) -> Select[Any]:
    """Return what is looked up for one row at a time: the limit keeps it from becoming a join of everything."""
    return select(column).where(*matches).limit(literal(1, literal_execute=True))
