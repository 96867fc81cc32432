"""Every legal move of a job, as data.

The SQL contracts name these moves, the state diagram in CODEBASE_NAVIGATION.md is drawn from them, and tests hold
all three together. `source` is None for a new job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from easyflow.domain.states import State

Actor = Literal["submit", "promoter", "worker", "supervisor", "rescuer", "admission", "operator"]


@dataclass(frozen=True)
class Transition:
    """One legal move: who may do it, from where to where, under which guard."""

    id: str
    source: State | None
    target: State
    actor: Actor
    guard: str


def _move(id: str, source: State | None, target: State, actor: Actor, guard: str) -> Transition:
    return Transition(id, source, target, actor, guard)


TRANSITIONS: tuple[Transition, ...] = (
    _move("T1", None, State.READY, "submit", "due, no key"),
    _move("T1", None, State.SCHEDULED, "submit", "run_at in the future"),
    _move("T1", None, State.BLOCKED, "submit", "has a concurrency or ordering key"),
    _move("T2", State.SCHEDULED, State.READY, "promoter", "due, and no key or it holds its key"),
    _move("T3", State.READY, State.RUNNING, "worker", "queue open, task known, below the queue's limit"),
    _move("T4", State.RUNNING, State.RUNNING, "supervisor", "executor live: its lease is renewed"),
    _move("T5", State.RUNNING, State.RUNNING, "worker", "claim token matches; effect new, or same request"),
    _move("T6", State.RUNNING, State.SUCCEEDED, "worker", "claim token matches, no effect open, not cancelled"),
    _move("T7", State.RUNNING, State.SCHEDULED, "worker", "claim token matches, errors below the limit"),
    _move("T8", State.RUNNING, State.FAILED, "worker", "claim token matches, no retry left or none wanted"),
    _move("T11", State.RUNNING, State.READY, "rescuer", "executor dead, no effect in doubt, losses below the limit"),
    _move("T12", State.RUNNING, State.FAILED, "rescuer", "executor dead, no effect in doubt, losses at the limit"),
    _move("T13", State.RUNNING, State.IN_DOUBT, "rescuer", "an open effect must not be repeated blindly"),
    _move("T14", State.IN_DOUBT, State.SCHEDULED, "operator", "settled, version as seen: the handler goes on"),
    _move("T14", State.IN_DOUBT, State.SUCCEEDED, "operator", "settled as happened and complete, version as seen"),
    _move("T14", State.IN_DOUBT, State.FAILED, "operator", "settled as failed, version as seen"),
    _move("T15", State.READY, State.CANCELLED, "operator", "not claimed"),
    _move("T15", State.SCHEDULED, State.CANCELLED, "operator", "not claimed"),
    _move("T15", State.BLOCKED, State.CANCELLED, "operator", "not claimed"),
    _move("T16", State.RUNNING, State.RUNNING, "operator", "sets the cancel flag only"),
    _move("T17", State.FAILED, State.READY, "operator", "dead letter open, version as seen, no key"),
    _move("T20", State.RUNNING, State.SCHEDULED, "worker", "claim token matches; snoozed, no budget spent"),
    _move("T21", State.RUNNING, State.READY, "worker", "claim token matches; handed back, no budget spent"),
    _move("T22", State.BLOCKED, State.READY, "admission", "key row locked, its limit has room"),
    _move("T23", State.SCHEDULED, State.READY, "operator", "run now; no key or it holds its key"),
    _move("T24", State.FAILED, State.FAILED, "operator", "dead letter discarded, version as seen"),
    _move("T27", State.SCHEDULED, State.BLOCKED, "promoter", "due, its key must be admitted"),
    _move("T28", State.FAILED, State.BLOCKED, "operator", "replay of a job with a key"),
    _move("T29", State.RUNNING, State.CANCELLED, "worker", "claim token matches, cancel flag set"),
    _move("T30", State.IN_DOUBT, State.CANCELLED, "operator", "not settled yet"),
    _move("T32", State.RUNNING, State.FAILED, "rescuer", "executor dead, claims lost before the start at the limit"),
    _move("T33", State.READY, State.IN_DOUBT, "operator", "not claimed; existed in the lost time"),
    _move("T33", State.SCHEDULED, State.IN_DOUBT, "operator", "not claimed; existed in the lost time"),
    _move("T33", State.BLOCKED, State.IN_DOUBT, "operator", "not claimed; existed in the lost time"),
)
