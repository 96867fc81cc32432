"""Finding anything by what somebody has in hand: an id, the end of one, an idempotency key, a name."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from uuid import UUID

from easyflow.storage.composing import Total
from easyflow.storage.jobs import read_states
from easyflow.storage.sql import Connection, statement

FOUND_AT_MOST = 20
RECENT_JOBS = 50_000
RECENT_LETTERS = 10_000
RECENT_RUNS = 10_000
LONGEST_NAME = 255

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
_SUFFIX = re.compile(r"[.…#*-]*([0-9a-f]{8,12})", re.IGNORECASE)
_AROUND = " \t\r\n\"'`´‘’“”«»<>()[],;"


class Finds(NamedTuple):
    """What was found: kind, id, label and state of each; capped when there may be more."""

    items: list[dict[str, Any]]
    total: Total


async def find(connection: Connection, asked: str) -> Finds:
    """Return what `asked` may mean, the likeliest first, at most 20; run it inside `lists.picture`.

    Ids may stand inside a longer text. The end of an id is looked for among the newest 50,000 jobs, 10,000 runs and
    10,000 open dead letters; the total is capped when there are more jobs.
    """
    text = asked.replace("\x00", "").encode(errors="ignore").decode().strip(_AROUND)
    ids = list(dict.fromkeys(UUID(each) for each in _ID.findall(text)))
    capped = False
    if not ids and (suffix := _SUFFIX.fullmatch(text)):
        ids, capped = await _recent(connection, suffix[1].lower())
    if 0 < len(text) <= LONGEST_NAME:
        ids += [each for each in await _submitted_with(connection, text) if each not in ids]
    items = await _objects(connection, ids[:FOUND_AT_MOST])
    if not ids and 0 < len(text) <= LONGEST_NAME:
        items += [
            dict(row) for row in await statement("find_names").fetch(connection, text=text, max_found=FOUND_AT_MOST + 1)
        ]
    capped = capped or len(ids) > FOUND_AT_MOST or len(items) > FOUND_AT_MOST
    shown = items[:FOUND_AT_MOST]
    return Finds(shown, Total(len(shown), "capped" if capped else "exact"))


async def _recent(connection: Connection, suffix: str) -> tuple[list[UUID], bool]:
    """Return the jobs and runs whose id ends so, and whether older jobs were not looked at."""
    rows = await statement("find_recent_jobs").fetch(
        connection,
        suffix=suffix,
        max_jobs=RECENT_JOBS,
        max_letters=RECENT_LETTERS,
        max_runs=RECENT_RUNS,
        max_found=FOUND_AT_MOST + 1,
    )
    ids = [row["id"] for row in rows if row["id"] is not None]
    return ids, len(ids) < len(rows)


async def _submitted_with(connection: Connection, key: str) -> list[UUID]:
    """Return what an idempotency key, of a job, of a batch or of a run, made."""
    ids: list[UUID] = []
    for kind in ("job", "batch", "run"):
        for row in await statement("read_keys").fetch(connection, kind=kind, keys=[key]):
            ids += row["object_ids"][: FOUND_AT_MOST + 1]
    return ids


async def _objects(connection: Connection, ids: list[UUID]) -> list[dict[str, Any]]:
    if not ids:
        return []
    states = {row["job_id"]: row["state"] for row in await read_states(connection, ids)}
    rows = await statement("find_objects").fetch(connection, ids=ids)
    return [{**row, "state": states.get(row["id"]) if row["kind"] == "job" else row["state"]} for row in rows]
