"""What the clients of the soak ask for, drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from easyflow.client.options import JobOptions
from tests.soak.stage import POISON

OUTSIDE = ("lab.keyed", "soak.queryable", "lab.unsafe")
# Each as often as it stands here.
TASKS = ("lab.pure", "lab.transactional", "test.pure", "test.write", *OUTSIDE, *OUTSIDE)
KEYS = 8


@dataclass(frozen=True, slots=True)
class Order:
    """One job to be submitted."""

    task: str
    payload: dict[str, Any]
    options: JobOptions


def draw(chance: Random, key: str) -> Order:
    """Draw a job whose submit has this idempotency key."""
    task = chance.choice(TASKS)
    options = JobOptions(idempotency_key=key, tags=[f"submit:{key}"], priority=chance.choice((-5, 0, 0, 0, 5)))
    way = chance.random()
    if way < 0.15:
        options["concurrency_key"] = f"c{chance.randrange(KEYS)}"
    elif way < 0.3:
        options["ordering_key"] = f"o{chance.randrange(KEYS)}"
    if chance.random() < 0.1:
        options["delay_seconds"] = round(chance.uniform(0.1, 3.0), 2)
    if chance.random() < 0.08:
        options["max_attempts"] = 1
    return Order(task, _payload(chance, task), options)


def poison(chance: Random, key: str) -> Order:
    """Draw a job that takes its process down."""
    options = JobOptions(idempotency_key=key, tags=[f"submit:{key}"], queue=POISON)
    return Order("test.die", {"kind": chance.choice(("abort", "segfault"))}, options)


def _payload(chance: Random, task: str) -> dict[str, Any]:
    payload: dict[str, Any] = {"seconds": chance.choice((0, 0.02, 0.1, 0.4, 1.2, 2.0, 3.5))}
    if task in OUTSIDE:
        fate = chance.random()
        if fate < 0.08:
            payload["drop"] = chance.choice((1, 1, 2))
        elif fate < 0.18:
            payload["refuse"] = chance.choice((1, 1, 3))
    elif task.startswith("test."):
        payload["failures"] = chance.choice((0, 0, 1, 1, 3))
    return payload
