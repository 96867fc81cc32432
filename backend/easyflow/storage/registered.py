"""Looking at the registered workflows: by name, with their versions, and how many runs of each are under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from easyflow.errors import Missing
from easyflow.storage.composing import COUNTED_AT_MOST, Total
from easyflow.storage.sql import Connection, statement

LIVE_COUNTED_AT_MOST = 10_000
LAST_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class WorkflowPage:
    """Some workflows by name; `after` is where the next page begins, None at the end."""

    rows: list[dict[str, Any]]
    after: str | None
    total: Total


@dataclass(frozen=True, slots=True)
class VersionPage:
    """Some versions of one workflow, newest first; `before` is where the next page begins, None at the end."""

    rows: list[asyncpg.Record]
    before: int | None
    total: Total


async def list_workflows(connection: Connection, *, after: str, limit: int) -> WorkflowPage:
    """Return up to `limit` workflows with names behind `after`, each with its newest version.

    `live_runs` is how many runs are not over, a Total. Run it inside `lists.picture`.
    """
    rows = await statement("list_workflows").fetch(connection, after=after, max_workflows=limit + 1)
    live = await _live(connection)
    shown = [{**row, "live_runs": _of(live, row["name"])} for row in rows[:limit]]
    counted = await statement("count_workflows").fetchrow(connection, most=COUNTED_AT_MOST + 1)
    value = counted["value"] if counted else 0
    total = Total(value, "exact") if value <= COUNTED_AT_MOST else Total(COUNTED_AT_MOST, "capped")
    return WorkflowPage(shown, shown[-1]["name"] if len(rows) > limit else None, total)


async def list_versions(connection: Connection, name: str, *, before: int | None, limit: int) -> VersionPage:
    """Return up to `limit` versions of a workflow, older than `before` if that is given; raises Missing for no such."""
    rows = await statement("list_versions").fetch(
        connection, name=name, before=LAST_VERSION if before is None else before, max_versions=limit + 1
    )
    newest = await statement("list_versions").fetchrow(connection, name=name, before=LAST_VERSION, max_versions=1)
    if newest is None:
        raise Missing(f"there is no workflow {name}")
    # Versions are numbered without gaps and never removed one by one.
    total = Total(newest["version"], "exact")
    return VersionPage(rows[:limit], rows[limit - 1]["version"] if len(rows) > limit else None, total)


async def count_live(connection: Connection, name: str) -> Total:
    """Return how many runs of a workflow are not over, as far as it is counted."""
    return _of(await _live(connection), name)


async def _live(connection: Connection) -> tuple[dict[str, int], bool]:
    rows = await statement("count_live_runs").fetch(connection, most=LIVE_COUNTED_AT_MOST)
    return {row["workflow"]: row["runs"] for row in rows}, any(row["cut"] for row in rows)


def _of(live: tuple[dict[str, int], bool], name: str) -> Total:
    counts, cut = live
    return Total(counts.get(name, 0), "capped" if cut else "exact")
