"""Acts over HTTP: carried out once for each Idempotency-Key, answered word for word as the first time, and told on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from fastapi import Request, Response
from pydantic import BaseModel

from easyflow.api.backend import actor_of, backend_of
from easyflow.api.body import REPLAYED, idempotency_key
from easyflow.api.shapes import written
from easyflow.serving.problems import REQUEST_ID
from easyflow.storage.acts import Act, Answer, Write, carry_out
from easyflow.storage.admission import Key
from easyflow.storage.notifications import Topic


def signed(request: Request, reason: str | None) -> dict[str, Any]:
    """Return who acts, why, and in which request, as every act in `storage` takes it."""
    return {"actor": actor_of(request), "reason": reason, "request_id": request.scope[REQUEST_ID]}


def answer(content: dict[str, Any], status: int = 200, *, keys: Collection[Key] = (), control: bool = False) -> Answer:
    """Return what an act answers; see `storage.acts.Answer` for `keys` and `control`."""
    return Answer(status, written(content).decode(), frozenset(keys), control)


async def perform(
    request: Request, word: str, object_id: object, said: BaseModel, write: Write, *changes: Topic
) -> Response:
    """Carry out one act: `word` on the object with this id, as `said` by the request's body.

    `write` gets a connection in an open transaction, does the act there and returns its `answer`, which is committed
    with it. The queue the answer names is looked at by workers at once, and who looks on hears of the `changes`.
    Raises what `storage.acts.carry_out` raises.
    """
    backend = backend_of(request)
    body = said.model_dump(exclude_unset=True)
    act = Act(word, str(object_id), body, idempotency_key(request))
    done = await carry_out(backend.connection, act, write)
    if queue := orjson.loads(done.body).get("queue"):
        backend.bell.ring([queue])
    backend.changes.ring(*changes)
    return Response(done.body, done.status, REPLAYED if done.replayed else None, "application/json")
