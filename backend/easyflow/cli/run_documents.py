"""Runs as the command line shows them; the names are those of the HTTP API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from easyflow.cli.documents import Row
from easyflow.cli.output import Raw, cell, pretty, print_block, print_facts, print_table, raw
from easyflow.domain.workflow.states import StepState
from easyflow.storage.lists import picture
from easyflow.storage.runs.read import read_run
from easyflow.storage.sql import Connection

MOST_RESULT_BYTES = 1024 * 1024

_OF_A_RUN = (
    "workflow", "version", "state", "stopping", "reason", "key", "tags", "created_at", "started_at", "finished_at",
    "deadline_at", "compensated", "parent_run", "schedule", "slot",
)  # fmt: skip
_OF_A_STEP = (
    "name", "kind", "task", "workflow", "signal", "needs", "state", "reason", "finished_at", "due_at", "items", "job",
    "child_run", "compensation", "result_bytes",
)  # fmt: skip

MOST_LINES = 20


def run_of(row: Row) -> dict[str, Any]:
    """Return one row of a list of runs."""
    return {
        "id": row["id"],
        **{name: row[name] for name in _OF_A_RUN},
        "queued": row["started_at"] is None and row["finished_at"] is None,
        "step_counts": row["steps"],
    }


async def read_run_document(connection: Connection, run_id: UUID) -> dict[str, Any]:
    """Return everything about one run, all of one moment; raises Missing."""
    async with picture(connection):
        seen = await read_run(connection, run_id, max_bytes=MOST_RESULT_BYTES)
    steps = [_step_of(step) for step in seen.steps]
    return {**run_of(seen.row), "input": raw(seen.input), "output": raw(seen.output), "steps": steps}


def steps_over(run: dict[str, Any]) -> str:
    """Return how far a run is, as `3 of 7`."""
    counts: dict[str, int] = run["step_counts"]
    going = sum(counts[state] for state in (StepState.BLOCKED, StepState.RUNNING, StepState.WAITING))
    return f"{sum(counts.values()) - going} of {sum(counts.values())}"


def print_run(run: dict[str, Any]) -> None:
    """Print one run: its facts, its steps, and how what went in and what came out begin."""
    plain = {name: value for name, value in run.items() if name not in ("steps", "step_counts", "input", "output")}
    shown = {name.replace("_", " "): value for name, value in plain.items() if value is not False}
    print_facts({**shown, "steps": f"{steps_over(run)} over"})
    print()
    columns = ("step", "does", "state", "needs", "began", "finished", "about")
    print_table(columns, [_row(step) for step in run["steps"]], empty="")
    print()
    for name in ("input", "output"):
        value = run[name]
        if isinstance(value, Raw):
            print_block(name, _beginning(pretty(value.text)))


def _beginning(text: str) -> str:
    """Return what of a document fits below the steps."""
    lines = text.splitlines()
    if len(lines) <= MOST_LINES:
        return text
    return "\n".join([*lines[:MOST_LINES], f"... and {len(lines) - MOST_LINES} more lines: --json has them all"])


def about(step: dict[str, Any]) -> str | None:
    """Say in a few words what matters about a step now."""
    if step["items"]:
        items = step["items"]
        failed = f", {items['failed']} failed" if items["failed"] else ""
        told = f"{items['succeeded'] + items['failed']} of {items['total']} items{failed}"
    elif step["state"] == StepState.WAITING and step["signal"]:
        told = f"waits for the signal {step['signal']}"
    elif step["child_run"]:
        told = f"run {step['child_run']}"
    elif step["job"]:
        retried = f", retry {step['job']['retry_count']}" if step["job"]["retry_count"] else ""
        told = f"job {step['job']['id']} {step['job']['state'] or 'gone'}{retried}"
    else:
        told = ""
    due = f"until {cell(step['due_at'])}" if step["due_at"] else ""
    back = f"taken back: {step['compensation']['state']}" if step["compensation"] else ""
    return "; ".join(part for part in (step["reason"], told, due, back) if part) or None


def _row(step: dict[str, Any]) -> tuple[Any, ...]:
    does = step["task"] or step["workflow"] or step["kind"].replace("_", " ")
    return (step["name"], does, step["state"], step["needs"], step["began_at"], step["finished_at"], about(step))


def _step_of(step: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: step[name] for name in _OF_A_STEP},
        "began_at": None if step["state"] == StepState.SKIPPED else step["released_at"],
        "result": raw(step["result"]),
    }
