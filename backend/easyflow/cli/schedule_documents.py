"""Schedules as the command line shows them; the names are those of the HTTP API."""

from __future__ import annotations

from typing import Any

from easyflow.cli.output import Raw, cell, pretty, print_block, print_facts, print_table, raw
from easyflow.domain.schedule import preview
from easyflow.domain.timing import Cron, Timing
from easyflow.storage import schedules
from easyflow.storage.scheduled import read_detail
from easyflow.storage.sql import Connection

COLUMNS = ("schedule", "workflow", "due", "next slot", "paused", "last slot", "what became of it")


async def read_schedule_document(connection: Connection, name: str) -> dict[str, Any]:
    """Return everything about one schedule; raises Missing."""
    seen = await read_detail(connection, name)
    return {**seen, "input": raw(seen["input"])}


def due(schedule: dict[str, Any]) -> str:
    """Say in a few words when a schedule is due."""
    if schedule["cron"] is not None:
        return f"{schedule['cron']} {schedule['zone']}"
    if schedule["every_seconds"] is not None:
        return f"every {schedule['every_seconds']} s"
    return f"once at {cell(schedule['at'])}"


def print_schedules(found: list[dict[str, Any]]) -> None:
    """Print schedules, one a line."""
    rows = [
        (each["name"], each["workflow"], due(each), each["next_slot"], each["paused"], *_latest(each["latest"]))
        for each in found
    ]
    print_table(COLUMNS, rows, empty="There are no schedules yet: make one with `schedules create`.")


def print_schedule(schedule: dict[str, Any]) -> None:
    """Print one schedule: its facts, what last became of a slot, and the input of its runs."""
    odd = ("input", "latest", "cron", "zone", "every_seconds", "at")
    plain = {name.replace("_", " "): value for name, value in schedule.items() if name not in odd}
    slot, became = _latest(schedule["latest"])
    print_facts({**plain, "due": due(schedule), "latest slot": slot, "what became of it": became})
    if isinstance(schedule.get("input"), Raw):
        print_block("input", pretty(schedule["input"].text))


def print_slots(found: list[dict[str, Any]]) -> None:
    """Print what became of slots, one a line; a missed stretch as its first slot and how many there were."""
    rows = [(each["slot"], _became(each), each["run_id"], each["at"], each["detail"]) for each in found]
    print_table(("slot", "what became of it", "run", "written down", "about"), rows, empty="No slot has come yet.")


async def read_preview(connection: Connection, timing: Timing, count: int) -> dict[str, Any]:
    """Return the next slots of times from now on."""
    coming = preview(timing, await schedules.clock(connection), count)
    slots = [{"slot": slot.at, "local": slot.local, "change": slot.change, "note": slot.note} for slot in coming]
    return {"zone": timing.zone if isinstance(timing, Cron) else "UTC", "slots": slots}


def print_preview(previewed: dict[str, Any]) -> None:
    """Print slots to come: on the wall of their zone, in UTC, and what changes of the clock do to them."""
    rows = [(slot["local"], slot["slot"], slot["change"], slot["note"] or None) for slot in previewed["slots"]]
    print_table((f"in {previewed['zone']}", "in UTC", "clock", "about"), rows, empty="Nothing more comes.")


def _latest(latest: dict[str, Any] | None) -> tuple[Any, str | None]:
    if latest is None:
        return None, None
    return latest["slot"], _became({**latest, "slots": 1, "last_slot": None})


def _became(slot: dict[str, Any]) -> str:
    if slot["run_state"] is not None:
        return f"{slot['outcome']}, {slot['run_state']}"
    if slot["last_slot"] is None or slot["slots"] == 1:
        return str(slot["outcome"])
    return f"{slot['slots'] or 'more than 5000'} missed, up to {cell(slot['last_slot'])}"
