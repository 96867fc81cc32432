"""The states of runs and of their steps, and what is known of a step while it is decided what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunState(StrEnum):
    """Where a run is; one that waits, or has a job in doubt, is RUNNING and says so by its steps."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPENSATING = "COMPENSATING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class StepState(StrEnum):
    """Where a step of a run is. RUNNING: its jobs exist, and each says where it is."""

    BLOCKED = "BLOCKED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"


RUN_OVER = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})
STEP_OVER = frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.CANCELLED, StepState.SKIPPED})


@dataclass(slots=True)
class StepFact:
    """What is known of one step; `order` says when it ended among the steps of its run."""

    state: StepState = StepState.BLOCKED
    order: int = 0
    reason: str | None = None
    compensation: StepState | None = None
