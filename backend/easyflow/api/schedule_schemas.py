"""The replies about schedules, as the OpenAPI document describes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from easyflow.api.schemas import Shape
from easyflow.domain.due import CatchUp, Overlap
from easyflow.domain.schedule import Change
from easyflow.domain.workflow.states import RunState

SlotOutcome = Literal["queued", "started", "backfilled", "skipped", "missed", "refused"]


class LatestSlot(Shape):
    """What was last written down of a slot; without a run `detail` says why. A run is removed after its time."""

    slot: datetime
    outcome: SlotOutcome
    detail: str | None
    run_id: str | None
    run_state: RunState | None


class Schedule(Shape):
    """A schedule: exactly one of `cron` (in `zone`), `every_seconds` (from `start`) and `at` says when it is due.

    `next_slot` is null while it is paused, or when nothing more comes.
    """

    name: str
    workflow: str
    tags: list[str]
    cron: str | None
    zone: str | None
    every_seconds: int | None
    start: datetime | None
    at: datetime | None
    overlap: Overlap
    catch_up: CatchUp
    catch_up_limit: int
    paused: bool
    paused_reason: str | None
    version: int
    next_slot: datetime | None
    last_slot: datetime | None
    latest: LatestSlot | None
    created_at: datetime
    updated_at: datetime


class ScheduleDetail(Schedule):
    """A schedule with the input of its runs; `waiting` slots are taken and start when no run of it is live."""

    input: Any
    waiting: int


class RemovedSchedule(Shape):
    """What is left of a schedule that was removed."""

    name: str
    removed: Literal[True]


class ScheduleSlot(Shape):
    """What became of a slot. A missed one stands for all up to `last_slot`; `slots` is null for more than 5,000."""

    slot: datetime
    last_slot: datetime | None
    slots: int | None
    at: datetime
    outcome: SlotOutcome
    detail: str | None
    backfill: bool
    run_id: str | None
    run_state: RunState | None


class ComingSlot(Shape):
    """A slot to come; `local` is the time on the wall, and `change` what a change of the clock does to it."""

    slot: datetime
    local: str
    change: Change | None
    note: str


class Preview(Shape):
    """The next slots, oldest first; fewer than asked for when nothing more comes."""

    zone: str
    slots: list[ComingSlot]


class Backfilled(Shape):
    """What a backfill did with `slots`: it started `runs`, the others wait; with `more`, its limit left some out.

    A dry run only tells the slots.
    """

    dry_run: bool
    slots: list[datetime]
    runs: list[str]
    waiting: int
    more: bool
