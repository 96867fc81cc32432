"""The states a job can be in, and which of them end it."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a job is; the same words in database, API and pages."""

    SCHEDULED = "SCHEDULED"
    READY = "READY"
    BLOCKED = "BLOCKED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    IN_DOUBT = "IN_DOUBT"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"


TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SKIPPED})
PARKED = frozenset({State.SCHEDULED, State.BLOCKED, State.WAITING, State.IN_DOUBT})


class Effects(StrEnum):
    """What a task does outside its own job, declared when it is registered."""

    PURE = "pure"
    TRANSACTIONAL = "transactional"
    KEYED = "keyed"
    QUERYABLE = "queryable"
    UNSAFE = "unsafe"
