"""Jobs and dead letters as the command line shows them; the names are those of the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.cli.output import error_line, print_table, raw
from easyflow.errors import Missing
from easyflow.storage import dead_letters, effects, in_doubt, jobs
from easyflow.storage.composing import Total
from easyflow.storage.lists import Page, picture, read_rows
from easyflow.storage.sql import Connection

Row = Mapping[str, Any] | asyncpg.Record

MOST_ATTEMPTS = 100
MOST_EFFECTS = 100
MOST_RESULT_BYTES = 1024 * 1024


def job_of(row: Row) -> dict[str, Any]:
    """Return one row of a list of jobs."""
    return {
        "id": row["id"],
        "task": row["task"],
        "state": row["state"],
        "queue": row["queue"],
        "priority": row["priority"],
        "retry_count": row["retry_count"],
        "last_error": _last_error(row["error_type"], row["error_message"], row["error_at"]),
        "version": row["version"],
        "tags": row["tags"],
        "created_at": row["created_at"],
        "run_at": row["run_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "run_id": row["run_id"],
        "step": row["step"],
    }


async def read_job(connection: Connection, job_id: UUID) -> dict[str, Any]:
    """Return everything about one job, all of one moment; raises Missing."""
    async with picture(connection):
        rows = await read_rows(connection, [job_id])
        if not rows:
            raise Missing(f"there is no job {job_id}")
        facts = await jobs.read(connection, job_id)
        attempts = await jobs.read_latest_attempts(connection, job_id, MOST_ATTEMPTS)
        letter = await dead_letters.find(connection, job_id)
        ledger = await effects.read_latest(connection, job_id, max_effects=MOST_EFFECTS, max_bytes=MOST_RESULT_BYTES)
        doubt = (await in_doubt.read(connection, [job_id])).get(job_id)
    key = {"ordering_key": facts["key"]} if facts["ordered"] else {"concurrency_key": facts["key"]}
    return {
        **job_of(rows[0]),
        **{"ordering_key": None, "concurrency_key": None, **key},
        "max_attempts": facts["max_attempts"],
        "timeout_seconds": facts["timeout_seconds"],
        "payload": raw(facts["payload"]),
        "result": raw(facts["result"]),
        "progress": _progress_of(facts),
        "attempts": [_attempt_of(attempt) for attempt in attempts],
        "effects": [_effect_of(effect) for effect in ledger],
        "effects_total": ledger[0]["total"] if ledger else 0,
        "in_doubt": None if doubt is None else doubt_of(doubt),
        "dead_letter": None if letter is None else letter_of(letter),
    }


def doubt_of(row: Row) -> dict[str, Any]:
    """Return why a job is in doubt."""
    return {name: row[name] for name in ("version", "since", "reason", "cancel_requested")}


def letter_of(row: Row) -> dict[str, Any]:
    """Return one dead letter as lists show it."""
    return {
        **{name: row[name] for name in ("job_id", "version", "state", "reason", "task", "queue", "key", "tags")},
        "failures": row["failures"],
        "failed_at": row["failed_at"],
        "error": _last_error(row["error_type"], row["error_message"], row["failed_at"]),
        "error_code": row["error_code"],
        **{name: row[name] for name in ("closed_at", "closed_by", "closed_reason")},
    }


async def read_letter(connection: Connection, job_id: UUID) -> dict[str, Any]:
    """Return everything about one dead letter, all of one moment; raises Missing."""
    async with picture(connection):
        letter = await dead_letters.read(connection, job_id)
        attempts = await jobs.read_latest_attempts(connection, job_id, MOST_ATTEMPTS)
        states = await jobs.read_states(connection, [job_id])
    return {
        **letter_of(letter),
        "job_state": states[0]["state"] if states else None,
        "payload": raw(letter["payload"]),
        "traceback": letter["traceback"],
        "attempts": [_attempt_of(attempt) for attempt in attempts],
    }


def print_attempts(attempts: list[dict[str, Any]]) -> None:
    """Print the attempts of a job that ended, oldest first."""
    if not attempts:
        return
    rows = [
        (tried["lease_no"], tried["outcome"], tried["started_at"], tried["finished_at"], error_line(tried["error"]))
        for tried in attempts
    ]
    print()
    print_table(("lease", "outcome", "started", "finished", "error"), rows, empty="")


def print_effects(effects: list[dict[str, Any]], total: int) -> None:
    """Print what the ledger knows of a job's effects, in the order in which its handler asked for them."""
    if not effects:
        return
    names = ("ordinal", "name", "effects", "state", "tries", "opened_at", "closed_by", "key")
    rows = [[effect[name] for name in names] for effect in effects]
    print()
    print_table(("no", "effect", "class", "state", "tries", "opened", "closed by", "key"), rows, empty="")
    if total > len(effects):
        print(f"{total} effects; those that are open and the latest are shown")


def page_of(items: list[dict[str, Any]], page: Page) -> dict[str, Any]:
    """Return a list as programs get it."""
    return {
        "items": items,
        "next_cursor": page.after,
        "total": {"value": page.total.value, "kind": page.total.kind},
    }


def more_of(page: Page, noun: str) -> str:
    """Return the line under a table: how many there are, and how to see the next ones."""
    total: Total = page.total
    count = f"{'at least ' if total.kind == 'capped' else ''}{total.value} {noun}{'' if total.value == 1 else 's'}"
    return f"{count}; go on with --after {page.after}" if page.after else count


def _last_error(kind: str | None, message: str | None, at: Any) -> dict[str, Any] | None:
    return {"type": kind, "message": message, "at": at} if kind else None


def _progress_of(row: Row) -> dict[str, Any] | None:
    said = {name: row[f"progress_{name}"] for name in ("done", "total", "note", "at")}
    return None if said["at"] is None else said


def _effect_of(row: Row) -> dict[str, Any]:
    told = ("ordinal", "name", "effects", "state", "key", "tries", "lease_no", "opened_at", "closed_at", "closed_by")
    return {
        **{name: row[name] for name in (*told, "note", "repeat_until")},
        "request_hash": row["request_hash"].hex(),
        "result": raw(row["result"]),
        "result_bytes": row["result_bytes"],
    }


def _attempt_of(row: Row) -> dict[str, Any]:
    error = row["error_type"] and {
        "type": row["error_type"],
        "message": row["error_message"],
        "code": row["error_code"],
        "traceback": row["traceback"],
    }
    return {
        "lease_no": row["lease_no"],
        "outcome": row["outcome"],
        "executor_id": row["executor_id"],
        "claimed_at": row["claimed_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "code_digest": row["code_digest"],
        "error": error,
    }
