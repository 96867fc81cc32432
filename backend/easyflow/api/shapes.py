"""How jobs, dead letters and lists look on the wire; payloads and results pass through as the database wrote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import orjson
from fastapi import Response

from easyflow.domain.states import State
from easyflow.storage.composing import Total
from easyflow.storage.enqueue import NewTicket
from easyflow.storage.lists import Page

Row = Mapping[str, Any] | asyncpg.Record


def reply(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON, as `written`."""
    return Response(written(content), status, headers, "application/json")


def written(content: Any) -> bytes:
    """Return JSON: times in UTC with Z, ids as strings, raw JSON where `raw` put it."""
    return orjson.dumps(content, option=orjson.OPT_UTC_Z, default=str)


def raw(text: str | None) -> orjson.Fragment | None:
    """Let JSON text pass unread, so that its numbers stay exactly what they are."""
    return None if text is None else orjson.Fragment(text)


def page(found: Page, items: list[Any]) -> dict[str, Any]:
    """Return a page of a list with the place where the next one begins."""
    return listed(items, found.total, str(found.after) if found.after else None)


def listed(items: list[Any], total: Total | None = None, next_cursor: str | None = None) -> dict[str, Any]:
    """Return a list; without `total` it is complete."""
    counted = total or Total(len(items), "exact")
    return {"items": items, "next_cursor": next_cursor, "total": {"value": counted.value, "kind": counted.kind}}


def job(row: Row) -> dict[str, Any]:
    """Return a job as every list shows it, from a row of `storage.lists.read_rows`."""
    return {
        "id": str(row["id"]),
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
        "run_id": row["run_id"] and str(row["run_id"]),
        "step": row["step"],
    }


def new_job(ticket: NewTicket, stored: Row) -> dict[str, Any]:
    """Return a job that was stored this moment, without reading it back."""
    nothing = dict.fromkeys(
        ("error_type", "error_message", "error_at", "version", "started_at", "finished_at", "run_id", "step"),
    )
    said = {"task": ticket.task, "queue": ticket.queue, "priority": ticket.priority, "tags": ticket.tags}
    return job({**nothing, **said, **stored, "retry_count": 0})


def job_detail(
    row: Row,
    attempts: Sequence[Row],
    letter: Row | None,
    effects: Sequence[Row] = (),
    doubt: Row | None = None,
    step: str | None = None,
) -> dict[str, Any]:
    """Return everything about one job, from a row of `storage.jobs.read`, its attempts and effects, oldest first."""
    last = attempts[-1] if attempts else None
    failed = next((attempt for attempt in reversed(attempts) if attempt["error_type"]), None)
    began = last and (last["started_at"] or last["claimed_at"])
    summary = job(
        {
            **row,
            "step": step,
            "version": known["version"] if (known := doubt or letter) else None,
            "started_at": row["since"] if row["state"] == State.RUNNING else began,
            "error_type": failed and failed["error_type"],
            "error_message": failed and failed["error_message"],
            "error_at": failed and failed["finished_at"],
        }
    )
    return summary | {
        "concurrency_key": None if row["ordered"] else row["key"],
        "ordering_key": row["key"] if row["ordered"] else None,
        "max_attempts": row["max_attempts"],
        "timeout_seconds": row["timeout_seconds"],
        "payload": raw(row["payload"]),
        "result": raw(row["result"]),
        "progress": progress(row),
        "attempts": [attempt(each) for each in attempts],
        "effects": [effect(each) for each in effects],
        "effects_total": effects[0]["total"] if effects else 0,
        "in_doubt": in_doubt(doubt) if doubt else None,
        "dead_letter": dead_letter(letter) if letter else None,
    }


def effect(row: Row) -> dict[str, Any]:
    """Return one effect of a job, from a row of `storage.effects.read_latest`."""
    told = ("ordinal", "name", "effects", "state", "key", "tries", "lease_no", "opened_at", "closed_at", "closed_by")
    return {
        **{name: row[name] for name in (*told, "note", "repeat_until")},
        "request_hash": row["request_hash"].hex(),
        "result": raw(row["result"]),
        "result_bytes": row["result_bytes"],
    }


def in_doubt(row: Row) -> dict[str, Any]:
    """Return why a job is in doubt, from a row of `storage.in_doubt.read`."""
    return {name: row[name] for name in ("version", "since", "reason", "cancel_requested")}


def progress(row: Row) -> dict[str, Any] | None:
    """Return how far the latest attempt says it is, from a row of `storage.jobs.read`; None when it said nothing."""
    if row["progress_at"] is None:
        return None
    return {name: row[f"progress_{name}"] for name in ("done", "total", "note", "at")}


def event(row: Row) -> dict[str, Any]:
    """Return one thing that happened to a job."""
    return {**{name: row[name] for name in ("at", "kind", "actor", "reason")}, "detail": raw(row["detail"])}


def attempt(row: Row) -> dict[str, Any]:
    """Return one attempt that ended."""
    error = {
        "type": row["error_type"],
        "message": row["error_message"],
        "code": row["error_code"],
        "traceback": row["traceback"],
    }
    return {
        "lease_no": row["lease_no"],
        "outcome": row["outcome"],
        "executor_id": str(row["executor_id"]),
        "claimed_at": row["claimed_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "code_digest": row["code_digest"],
        "error": error if row["error_type"] else None,
    }


def dead_letter(row: Row) -> dict[str, Any]:
    """Return a dead letter as every list shows it."""
    return {
        "job_id": str(row["job_id"]),
        "version": row["version"],
        "state": row["state"],
        "reason": row["reason"],
        "task": row["task"],
        "queue": row["queue"],
        "key": row["key"],
        "tags": row["tags"],
        "failures": row["failures"],
        "failed_at": row["failed_at"],
        "error": _last_error(row["error_type"], row["error_message"], row["failed_at"]),
        "error_code": row["error_code"],
        "closed_at": row["closed_at"],
        "closed_by": row["closed_by"],
        "closed_reason": row["closed_reason"],
    }


def dead_letter_detail(row: Row, job_state: str | None, attempts: Sequence[Row]) -> dict[str, Any]:
    """Return everything about one dead letter: what failed, why, how often."""
    return dead_letter(row) | {
        "job_state": job_state,
        "payload": raw(row["payload"]),
        "traceback": row["traceback"],
        "attempts": [attempt(each) for each in attempts],
    }


def _last_error(kind: str | None, message: str | None, at: Any) -> dict[str, Any] | None:
    return {"type": kind, "message": message, "at": at} if kind else None
