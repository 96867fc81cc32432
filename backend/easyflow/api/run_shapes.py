"""How workflows and runs look on the wire."""

from __future__ import annotations

from typing import Any

from easyflow.api.shapes import Row, listed, page, raw
from easyflow.storage.composing import Total
from easyflow.storage.registered import VersionPage, WorkflowPage
from easyflow.storage.runs.outcomes import OutcomePage
from easyflow.storage.runs.read import RunSeen

_OF_A_RUN = (
    "workflow", "version", "state", "stopping", "reason", "key", "tags", "created_at", "started_at", "finished_at",
    "deadline_at", "compensated", "schedule", "slot",
)  # fmt: skip
_OF_A_STEP = (
    "name", "kind", "task", "workflow", "signal", "needs", "state", "reason", "finished_at", "due_at", "items",
    "result_bytes",
)  # fmt: skip


def version(row: Row) -> dict[str, Any]:
    """Return one version of a workflow, from a row of `storage.registered`."""
    said = {name: row[name] for name in ("name", "version", "steps", "created_at", "created_by")}
    return {**said, "digest": row["digest"].hex(), "description": row["description"] or ""}


def counted(total: Total) -> dict[str, Any]:
    """Return a count with what it is worth."""
    return {"value": total.value, "kind": total.kind}


def workflows(found: WorkflowPage) -> dict[str, Any]:
    """Return a page of workflows."""
    items = [{**version(row), "live_runs": counted(row["live_runs"])} for row in found.rows]
    return listed(items, found.total, found.after)


def versions(found: VersionPage) -> dict[str, Any]:
    """Return a page of versions."""
    return listed(
        [version(row) for row in found.rows], found.total, None if found.before is None else str(found.before)
    )


def run(row: Row) -> dict[str, Any]:
    """Return a run as every list shows it, from a row of `storage.runs.read.read_run_rows`."""
    return {
        "id": str(row["id"]),
        **{name: row[name] for name in _OF_A_RUN},
        "queued": row["started_at"] is None and row["finished_at"] is None,
        "parent_run": row["parent_run"] and str(row["parent_run"]),
        "step_counts": row["steps"],
    }


def run_detail(seen: RunSeen) -> dict[str, Any]:
    """Return everything about one run."""
    steps = [_step(step) for step in seen.steps]
    return run(seen.row) | {"input": raw(seen.input), "output": raw(seen.output), "steps": steps}


def runs(found: Any) -> dict[str, Any]:
    """Return a page of runs."""
    return page(found, [run(row) for row in found.rows])


def event(row: Row) -> dict[str, Any]:
    """Return one thing that happened to a run."""
    told = {name: row[name] for name in ("at", "kind", "step", "actor", "reason")}
    return {**told, "detail": raw(row["detail"])}


def items(found: OutcomePage) -> dict[str, Any]:
    """Return a page of the items of a map."""
    shown = [_item(row) for row in found.rows]
    return listed(shown, found.total, None if found.after is None else str(found.after))


def _item(row: Row) -> dict[str, Any]:
    return {
        "number": row["item_no"],
        "state": row["state"],
        "reason": row["reason"],
        "job_id": row["job_id"] and str(row["job_id"]),
        "item": raw(row["item"]),
        "result": raw(row["result"]),
        "bytes": row["bytes"],
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    back = step["compensation"]
    return {
        **{name: step[name] for name in _OF_A_STEP},
        "began_at": None if step["state"] == "SKIPPED" else step["released_at"],
        "job": _job(step["job"]),
        "child_run": step["child_run"] and str(step["child_run"]),
        "compensation": back and {"state": back["state"], "job": _job(back["job"])},
        "result": raw(step["result"]),
    }


def _job(job: dict[str, Any] | None) -> dict[str, Any] | None:
    return job and {**job, "id": str(job["id"])}
