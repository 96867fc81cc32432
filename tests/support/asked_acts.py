"""One of each act the API carries out, with an object it can be done to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import httpx

from tests.support.api import Api
from tests.support.factories import FAILED, claim, run_through

MENDED = {"reason": "the bank is back", "seen_version": 1}


class Asked(NamedTuple):
    """An act that can be asked for: where, with what, and what else might be said under the same key."""

    method: str
    path: str
    said: dict[str, Any]
    other: dict[str, Any]


async def waiting(api: Api) -> Asked:
    """Cancel a job that waits."""
    return Asked("POST", f"/jobs/{await api.submit()}/cancel", {}, {"reason": "a mistake"})


async def running(api: Api) -> Asked:
    """Cancel a job that runs."""
    job_id = await api.submit()
    await claim(api.connection)
    return Asked("POST", f"/jobs/{job_id}/cancel", {"reason": "too late"}, {"reason": "a mistake"})


async def scheduled(api: Api) -> Asked:
    """Let a job start early."""
    return Asked("POST", f"/jobs/{await api.submit(delay_seconds=3600)}/run-now", {}, {"reason": "in a hurry"})


async def failed(api: Api) -> Asked:
    """Replay a failed job."""
    path = f"/dead-letters/{await run_through(api.connection, FAILED)}/replay"
    return Asked("POST", path, MENDED, {**MENDED, "payload": {"n": 2}})


async def edited(api: Api) -> Asked:
    """Replay a failed job with another payload."""
    path = f"/dead-letters/{await run_through(api.connection, FAILED)}/replay"
    return Asked("POST", path, {**MENDED, "payload": {"n": 10.10}}, {**MENDED, "payload": None})


async def given_up(api: Api) -> Asked:
    """Discard a dead letter."""
    path = f"/dead-letters/{await run_through(api.connection, FAILED)}/discard"
    return Asked("POST", path, MENDED, {**MENDED, "reason": "paid by hand"})


async def open_queue(api: Api) -> Asked:
    """Pause a queue."""
    return Asked("PATCH", "/queues/letters", {"paused": True}, {"paused": False})


ACTS: dict[str, Callable[[Api], Awaitable[Asked]]] = {
    "cancel": waiting,
    "cancel of a running job": running,
    "run-now": scheduled,
    "replay": failed,
    "replay with another payload": edited,
    "discard": given_up,
    "change of a queue": open_queue,
}


async def ask(api: Api, asked: Asked, key: str | None = "k1", said: Any = None) -> httpx.Response:
    """Ask for the act, under a key; with `said` instead of what it says itself."""
    headers = {} if key is None else {"idempotency-key": key}
    body = asked.said if said is None else said
    return await api.client.request(asked.method, f"/api/v1{asked.path}", json=body, headers=headers)


async def told(api: Api) -> tuple[int, int]:
    """How many acts the audit and the histories of the jobs tell of."""
    return await api.count("audit"), await api.count("job_events")
